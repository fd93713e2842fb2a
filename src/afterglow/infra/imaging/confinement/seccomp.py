"""System calls: those that decoding takes, and no others.

What is not on the list does not exist (ENOSYS), as on a kernel that is too old for it: libraries are written for that
and fall back, where after EPERM some give up. So there are no sockets, no programs, no processes, no tracing, mounting,
keys, BPF, io_uring, and nothing that a later kernel adds.

References:
    seccomp(2); Linux, Documentation/userspace-api/seccomp_filter.rst, include/uapi/linux/seccomp.h and
    bpf_common.h. The list: traced over the corpus of test media (strace, glibc), plus what musl and older glibc call
    for the same.
"""

import ctypes
import errno
import os
import struct
from typing import Final

from afterglow.infra.imaging.confinement import kernel
from afterglow.infra.imaging.confinement.syscalls import Architecture, architecture

# In the order of frequency: the filter is run down until a name matches.
ALLOWED: Final = (
    "futex", "read", "write", "lseek", "close", "openat", "newfstatat", "fstat", "getpid", "flock", "rename",
    "unlink", "getrusage", "pread64", "munmap", "brk", "dup", "mremap", "madvise", "mkdir", "getdents64",
    "open", "stat", "lstat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "readv", "preadv",
    "writev", "dup2", "dup3", "fsync", "fdatasync", "ftruncate", "fadvise64", "renameat", "renameat2", "unlinkat",
    "mkdirat", "umask", "getcwd", "membarrier", "sysinfo", "uname", "getrandom", "getcpu",
    "gettid", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "exit", "exit_group", "restart_syscall",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "poll", "ppoll",
    "getuid", "geteuid", "getgid", "getegid", "getrlimit", "setrlimit",
)  # fmt: skip

_PROT_EXEC: Final = 4
_CLONE_THREAD: Final = 0x0001_0000
_PR_SET_NAME: Final = 15
_FCNTL_COMMANDS: Final = (0, 1, 2, 3, 4, 1030)
"""Duplicate, and read and set flags; not: have a signal sent to somebody (F_SETOWN)."""

_SET_MODE_FILTER: Final = 1
_FLAG_ALL_THREADS: Final = 1 << 0
_FLAG_KEEP_SPEED: Final = 1 << 2
"""No mitigations against reading one's own memory by speculation, which cost much on Linux before 5.16: the process
holds nothing but one picture."""

_RET_KILL_PROCESS: Final = 0x8000_0000
_RET_ERRNO: Final = 0x0005_0000
_RET_ALLOW: Final = 0x7FFF_0000

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_IF_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K

# Offsets in struct seccomp_data.
_NUMBER: Final = 0
_ARCHITECTURE: Final = 4
_ARGUMENTS: Final = 16
_ARGUMENT_BYTES: Final = 8

Instruction = tuple[int, int, int, int]
"""Code, how many instructions to skip if true, if false, constant."""
Program = list[Instruction]


def install() -> bool:
    """Filter the system calls of all threads of this process from now on; return whether it is so.

    `no_new_privs` has to be set.
    """
    known = architecture()
    if known is None:
        return False
    program = compile_filter(known, os.getpid())
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    instructions = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(program), ctypes.addressof(instructions)))
    for flags in (_FLAG_ALL_THREADS | _FLAG_KEEP_SPEED, _FLAG_ALL_THREADS):
        try:
            # Above zero it is the thread that could not be brought to take the filter.
            if kernel.call("seccomp", _SET_MODE_FILTER, flags, ctypes.addressof(header)) == 0:
                return True
        except OSError:
            continue
    return False


def compile_filter(target: Architecture, pid: int) -> Program:
    """Return the filter for a process.

    Args:
        target: What it runs on.
        pid: The process, which may send signals to itself: that is how it aborts.
    """
    program: Program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_IF_EQUAL, 1, 0, target.audit),
        (_RETURN, 0, 0, _RET_KILL_PROCESS),  # numbers of another architecture mean other calls
        (_LOAD, 0, 0, _NUMBER),
    ]
    rules = {name: [_returning(_RET_ALLOW)] for name in ALLOWED} | {
        "mmap": _unless_bits(2, _PROT_EXEC),
        "mprotect": _unless_bits(2, _PROT_EXEC),
        "fcntl": _if_one_of(1, _FCNTL_COMMANDS),
        "ioctl": [_refusing(errno.ENOTTY)],  # Python asks each file whether it is a terminal
        "clone": _if_bits(0, _CLONE_THREAD),
        "tgkill": _if_one_of(0, (pid,)),
        "prctl": _if_one_of(0, (_PR_SET_NAME,)),
        "prlimit64": _if_one_of(0, (0,)),  # its own limits
    }
    for name, rule in rules.items():
        if name in target.numbers:
            program += [(_JUMP_IF_EQUAL, 0, len(rule), target.numbers[name]), *rule]
    # Thus also clone3, whose flags lie in memory that a filter cannot see: libc then takes clone.
    return [*program, _refusing(errno.ENOSYS)]


def _if_one_of(argument: int, values: tuple[int, ...]) -> Program:
    """Allow the call if the low half of an argument, which is all that these calls look at, is one of some values."""
    tests = [test for value in values for test in ((_JUMP_IF_EQUAL, 0, 1, value), _returning(_RET_ALLOW))]
    return [_argument(argument), *tests, _refusing(errno.EPERM)]


def _if_bits(argument: int, bits: int) -> Program:
    return [_argument(argument), (_JUMP_IF_ANY_BIT, 0, 1, bits), _returning(_RET_ALLOW), _refusing(errno.EPERM)]


def _unless_bits(argument: int, bits: int) -> Program:
    return [_argument(argument), (_JUMP_IF_ANY_BIT, 1, 0, bits), _returning(_RET_ALLOW), _refusing(errno.EPERM)]


def _argument(index: int) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS + _ARGUMENT_BYTES * index)


def _refusing(number: int) -> Instruction:
    return _returning(_RET_ERRNO | number)


def _returning(value: int) -> Instruction:
    return (_RETURN, 0, 0, value)
