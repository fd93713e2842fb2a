"""Numbers of system calls, by architecture.

References:
    Linux 6.18: arch/x86/entry/syscalls/syscall_64.tbl; scripts/syscall.tbl (arm64; the former
    include/uapi/asm-generic/unistd.h). Numbers are never changed or given anew.
"""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Architecture:
    """What differs between processors.

    Attributes:
        audit: Its AUDIT_ARCH_ constant (include/uapi/linux/audit.h), by which the kernel tells a filter.
        numbers: Numbers of its system calls, by name.
    """

    audit: int
    numbers: Mapping[str, int]


X86_64: Final = Architecture(
    audit=0xC000003E,
    numbers={
        "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8,
        "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14,
        "rt_sigreturn": 15, "ioctl": 16, "pread64": 17, "readv": 19, "writev": 20, "access": 21, "sched_yield": 24,
        "mremap": 25, "madvise": 28, "dup": 32, "dup2": 33, "nanosleep": 35, "getpid": 39, "clone": 56, "exit": 60,
        "uname": 63, "fcntl": 72, "flock": 73, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "getcwd": 79,
        "rename": 82, "mkdir": 83, "unlink": 87, "readlink": 89, "umask": 95, "gettimeofday": 96,
        "getrlimit": 97, "getrusage": 98, "sysinfo": 99, "getuid": 102, "getgid": 104, "geteuid": 107,
        "getegid": 108, "capset": 126, "sigaltstack": 131, "prctl": 157, "setrlimit": 160, "gettid": 186, "time": 201,
        "futex": 202, "sched_getaffinity": 204, "getdents64": 217, "restart_syscall": 219, "fadvise64": 221,
        "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231, "tgkill": 234,
        "openat": 257, "mkdirat": 258, "newfstatat": 262, "unlinkat": 263, "renameat": 264, "readlinkat": 267,
        "faccessat": 269, "ppoll": 271, "set_robust_list": 273, "dup3": 292, "preadv": 295, "prlimit64": 302,
        "getcpu": 309, "renameat2": 316, "seccomp": 317, "getrandom": 318, "membarrier": 324, "statx": 332,
        "rseq": 334, "landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446,
        "faccessat2": 439,
    },
)  # fmt: skip

AARCH64: Final = Architecture(
    audit=0xC00000B7,
    numbers={
        "getcwd": 17, "dup": 23, "dup3": 24, "fcntl": 25, "ioctl": 29, "flock": 32, "mkdirat": 34, "unlinkat": 35,
        "renameat": 38, "ftruncate": 46, "faccessat": 48, "openat": 56, "close": 57, "getdents64": 61,
        "lseek": 62, "read": 63, "write": 64, "readv": 65, "writev": 66, "pread64": 67, "preadv": 69, "ppoll": 73,
        "readlinkat": 78, "newfstatat": 79, "fstat": 80, "fsync": 82, "fdatasync": 83, "capset": 91, "exit": 93,
        "exit_group": 94, "futex": 98, "set_robust_list": 99, "nanosleep": 101, "clock_gettime": 113,
        "clock_getres": 114, "clock_nanosleep": 115, "sched_getaffinity": 123, "sched_yield": 124,
        "restart_syscall": 128, "tgkill": 131, "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135,
        "rt_sigreturn": 139, "uname": 160, "getrlimit": 163, "setrlimit": 164, "getrusage": 165, "umask": 166,
        "prctl": 167, "getcpu": 168, "gettimeofday": 169, "getpid": 172, "getuid": 174, "geteuid": 175, "getgid": 176,
        "getegid": 177, "gettid": 178, "sysinfo": 179, "brk": 214, "munmap": 215, "mremap": 216, "clone": 220,
        "mmap": 222, "fadvise64": 223, "mprotect": 226, "madvise": 233, "prlimit64": 261, "renameat2": 276,
        "seccomp": 277, "getrandom": 278, "membarrier": 283, "statx": 291, "rseq": 293, "faccessat2": 439,
        "landlock_create_ruleset": 444, "landlock_add_rule": 445, "landlock_restrict_self": 446,
    },
)  # fmt: skip

_BY_MACHINE: Final = {"x86_64": X86_64, "aarch64": AARCH64}


def architecture() -> Architecture | None:
    """Return the architecture of this process; None where its numbers are not known here."""
    # A 32-bit interpreter on a 64-bit kernel speaks another language than its machine's name says.
    if sys.platform != "linux" or sys.byteorder != "little" or sys.maxsize < 2**32:
        return None
    return _BY_MACHINE.get(platform.machine())
