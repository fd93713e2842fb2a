"""Files: only below the folders that a decoder is for.

Applies to what is opened from now on; metadata (stat, chmod) of other files stays within reach of the file modes.

References:
    Linux, Documentation/userspace-api/landlock.rst; include/uapi/linux/landlock.h.
"""

import ctypes
import os
import struct
from enum import IntFlag
from pathlib import Path
from typing import Final

from afterglow.infra.imaging.confinement import kernel
from afterglow.infra.imaging.confinement.measures import Borders


class Access(IntFlag):
    """What can be done with files, as the kernel numbers it."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


READ: Final = Access.READ_FILE
WRITE: Final = (
    Access.READ_FILE
    | Access.READ_DIR
    | Access.WRITE_FILE
    | Access.TRUNCATE
    | Access.MAKE_REG
    | Access.MAKE_DIR
    | Access.REMOVE_FILE
)

_NEWEST_OF_ABI: Final = {1: Access.MAKE_SYM, 2: Access.REFER, 3: Access.TRUNCATE, 4: Access.TRUNCATE}
"""Which access is the last one that a version of the interface knows; all that come before it too."""
_ABI_NETWORK: Final = 4
_ABI_SCOPES: Final = 6
_ALL_TCP: Final = 0b11  # bind, connect
_ALL_SCOPES: Final = 0b11  # abstract Unix sockets, signals

_CREATE_RULESET_VERSION: Final = 1
_RULE_PATH_BENEATH: Final = 1


def restrict(borders: Borders) -> bool:
    """Bar this thread, and those it starts, from all files outside of these borders; return whether they hold.

    A folder that is not there has nothing that could be read: it is left out. One that is made or mounted later at the
    same path is another one.
    """
    if not borders:
        return False
    try:
        abi = kernel.call("landlock_create_ruleset", 0, 0, _CREATE_RULESET_VERSION)
        _restrict(borders, abi)
    except OSError:
        return False
    return True


def known_access(abi: int) -> Access:
    """Return what a version of the interface can forbid."""
    newest = _NEWEST_OF_ABI.get(abi, Access.IOCTL_DEV)
    return Access(2 * newest - 1)


def ruleset(abi: int) -> bytes:
    """Return the kernel's `landlock_ruleset_attr` that forbids everything the version knows."""
    fields = [int(known_access(abi))]
    if abi >= _ABI_NETWORK:
        fields.append(_ALL_TCP)
    if abi >= _ABI_SCOPES:
        fields.append(_ALL_SCOPES)
    return struct.pack(f"={len(fields)}Q", *fields)


def _restrict(borders: Borders, abi: int) -> None:
    attributes = ctypes.create_string_buffer(ruleset(abi))
    rules = kernel.call("landlock_create_ruleset", ctypes.addressof(attributes), len(attributes) - 1, 0)
    try:
        for folders, access in ((borders.readable, READ), (borders.writable, WRITE)):
            for folder in folders:
                _allow(rules, folder, access & known_access(abi))
        kernel.call("landlock_restrict_self", rules, 0)
    finally:
        os.close(rules)


def _allow(rules: int, folder: Path, access: Access) -> None:
    try:
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        beneath = ctypes.create_string_buffer(struct.pack("=Qi", access, descriptor))
        kernel.call("landlock_add_rule", rules, _RULE_PATH_BENEATH, ctypes.addressof(beneath), 0)
    finally:
        os.close(descriptor)
