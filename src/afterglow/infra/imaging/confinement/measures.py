"""The names of what confines a decoder."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Measure(StrEnum):
    """One thing that confines a decoder, as logs and `afterglow doctor` name it."""

    LIMITS = "rlimits"
    """Memory, processor time, open files, size of a file; no core dumps."""
    PARENT = "parent-death-signal"
    """It does not survive the worker, also when that is killed."""
    PRIVILEGES = "no-new-privileges"
    """No set-user-id program gives it more."""
    CAPABILITIES = "no-capabilities"
    """Of root's powers, none is left but that over files of other users."""
    NETWORK = "network-namespace"
    """It sees no network interface, not even its own machine's."""
    FILES = "landlock"
    """It opens the originals and writes the derivatives, and no other file."""
    SYSTEM_CALLS = "seccomp"
    """No sockets, programs, processes, other processes, mounts; no new machine code in memory."""


@dataclass(frozen=True, slots=True)
class Borders:
    """Where a decoder may go in the file system.

    Attributes:
        readable: Folders in and below which files may be read, but not listed.
        writable: Folders in and below which files may be read, listed, written and removed.
    """

    readable: Sequence[Path] = ()
    writable: Sequence[Path] = ()

    def __bool__(self) -> bool:
        return bool(self.readable or self.writable)
