"""Speaking to the kernel where neither Python nor, often, libc has a function for it."""

import ctypes
import errno
import os
from typing import Final

from afterglow.infra.imaging.confinement.syscalls import architecture

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: int) -> int:
    """Make a system call; return what it returns.

    Args:
        name: One of `syscalls`.
        arguments: Numbers, and addresses of memory that the caller keeps alive.

    Raises:
        OSError: The kernel refuses; ENOSYS where the kernel, or this program, does not know the call.
    """
    known = architecture()
    if known is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), name)
    return _checked(name, _LIBC.syscall(ctypes.c_long(known.numbers[name]), *map(ctypes.c_long, arguments)))


def control(option: int, value: int = 0) -> int:
    """Ask for an operation on this process, see prctl(2).

    Raises:
        OSError: The kernel refuses; ENOSYS where there is no such call.
    """
    return _invoke("prctl", option, value, 0, 0, 0)


def unshare(flags: int) -> None:
    """Leave the namespaces of the parent, see namespaces(7).

    Raises:
        OSError: The kernel refuses; ENOSYS where there is no such call.
    """
    _invoke("unshare", flags)


def _invoke(name: str, *arguments: int) -> int:
    try:
        function = getattr(_LIBC, name)
    except AttributeError as error:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), name) from error
    return _checked(name, function(*map(ctypes.c_long, arguments)))


def _checked(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return result
