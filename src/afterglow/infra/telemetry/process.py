"""What a process is called, and what it costs."""

import os
import socket
from pathlib import Path

_STATM = Path("/proc/self/statm")


def process_name() -> str:
    """Return the name under which this process, and what it runs, is shown."""
    return f"{socket.gethostname()}:{os.getpid()}"


def resident_bytes() -> int | None:
    """Return the memory that this process holds; None where the system has no /proc."""
    try:
        pages = int(_STATM.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
