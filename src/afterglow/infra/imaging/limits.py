"""What a decoder may use, set by itself before it sees the first byte of a picture; it cannot take it back.

References:
    setrlimit(2), prctl(2). On systems other than Linux the resource limits alone hold.
"""

import ctypes
import math
import os
import resource
import signal
import sys
from typing import Final

from afterglow.kernel.units import MIB

MAX_OPEN_FILES: Final = 64
MAX_FILE_BYTES: Final = 64 * MIB
NICENESS: Final = 5
CPU_GRACE_S: Final = 1

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38


def confine(memory_bytes: int, parent_pid: int) -> None:
    """Bind this process to its limits and to its parent's life.

    Args:
        memory_bytes: Most address space.
        parent_pid: The process that this one must not survive.
    """
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        # The parent died before the kernel was told to watch it.
        os._exit(1)
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for limit, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
    ):
        _, hard = resource.getrlimit(limit)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (bound, bound))
    os.nice(NICENESS)


def allow_cpu(seconds: float) -> None:
    """Allow this much processor time from now on; the kernel ends the process after it.

    The limit counts from the start of the process, so that it is moved for each request.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds) + CPU_GRACE_S
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def resident_bytes() -> int:
    """Return the memory that this process holds now (on Linux) or held at most (elsewhere)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - read for each photo
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _control(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
