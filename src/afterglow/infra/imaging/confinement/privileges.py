"""Privileges: none new, of root's almost none, and no network.

References:
    prctl(2), capabilities(7), capset(2), network_namespaces(7).
"""

import ctypes
import signal
import struct
from typing import Final

from afterglow.infra.imaging.confinement import kernel

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_CLONE_NEWIPC: Final = 0x0800_0000
_CLONE_NEWNET: Final = 0x4000_0000

_CAPABILITY_VERSION_3: Final = 0x2008_0522
_CAP_DAC_OVERRIDE: Final = 1
_KEPT: Final = 1 << _CAP_DAC_OVERRIDE
"""A node that root runs on the folders of another user reads and writes them by this."""


def die_with_parent() -> bool:
    """Have this process killed when the thread that started it ends; return whether it will be."""
    return _try_control(_PR_SET_PDEATHSIG, signal.SIGKILL)


def gain_nothing_new() -> bool:
    """Give up ever gaining a privilege by executing a program; return whether that holds."""
    return _try_control(_PR_SET_NO_NEW_PRIVS, 1)


def leave_network() -> bool:
    """Move this process to a network, and to message queues, of its own; return whether it went.

    Only root may. Without it nothing is lost where system calls are filtered: there are no sockets then.
    """
    try:
        kernel.unshare(_CLONE_NEWNET | _CLONE_NEWIPC)
    except OSError:
        return False
    return True


def drop_capabilities() -> bool:
    """Drop every capability of this thread but `CAP_DAC_OVERRIDE`, if it has that; return whether they are gone."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    # Effective, permitted, inheritable: of capabilities 0 to 31, then of 32 to 63.
    for kept in (_KEPT, 0):
        sets = ctypes.create_string_buffer(struct.pack("=6I", kept, kept, 0, 0, 0, 0))
        try:
            kernel.call("capset", ctypes.addressof(header), ctypes.addressof(sets))
        except OSError:
            continue  # whoever has not got the one cannot keep it
        return True
    return False


def _try_control(option: int, value: int) -> bool:
    try:
        kernel.control(option, value)
    except OSError:
        return False
    return True
