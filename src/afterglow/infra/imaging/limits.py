"""What a decoder may use, set by itself before it sees the first byte of a picture; it cannot take it back.

There is no limit of processes (RLIMIT_NPROC): it counts all of a user's, those of other programs too, and would refuse
threads, which libraries need. `confinement` keeps a decoder from starting processes.

References:
    setrlimit(2). On systems other than Linux these limits alone hold.
"""

import math
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Final

from afterglow.infra.imaging.confinement import Measure, privileges
from afterglow.kernel.units import MIB

MAX_OPEN_FILES: Final = 64
MAX_FILE_BYTES: Final = 16 * MIB
"""A preview of nothing but noise has 3.5 MB, and its pixels 12 MB."""
NICENESS: Final = 5
FILE_CREATION_MASK: Final = 0o022  # derivatives are read by a web server in front, too
CPU_GRACE_S: Final = 1


def confine(memory_bytes: int, parent_pid: int) -> frozenset[Measure]:
    """Bind this process to its limits and to its parent's life.

    Args:
        memory_bytes: Most address space.
        parent_pid: The process that this one must not survive.

    Returns:
        What holds from now on.
    """
    taken = {Measure.PARENT: privileges.die_with_parent(), Measure.PRIVILEGES: privileges.gain_nothing_new()}
    if os.getppid() != parent_pid:
        # The parent died before the kernel was told to watch it.
        os._exit(1)
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
    os.umask(FILE_CREATION_MASK)
    return frozenset({Measure.LIMITS, *(measure for measure, holds in taken.items() if holds)})


def allow_cpu(seconds: float) -> None:
    """Allow this much processor time from now on; the kernel ends the process after it.

    The limit counts from the start of the process, so that it is moved for each request.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds) + CPU_GRACE_S
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def memory_meter() -> Callable[[], int]:
    """Return what tells the memory [bytes] that this process holds now (on Linux) or held at most (elsewhere).

    To be called before the process is locked away from all files; what it returns works after, too.
    """
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return _peak_bytes
    page_bytes = resource.getpagesize()
    return lambda: int(os.pread(descriptor, 128, 0).split()[1]) * page_bytes


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
