"""Bounded reading: however a file points around in itself, only so much of it is read."""

import os
from typing import Final, Protocol

from afterglow.kernel.units import KIB, MIB

HEAD_BYTES: Final = 64 * KIB
READ_BUDGET_BYTES: Final = 8 * MIB
"""Most that is read of one file; EXIF, XMP and profiles of real files stay below 2 MiB."""


class Window(Protocol):
    """Random access to bytes that a stranger laid out."""

    @property
    def size_bytes(self) -> int:
        """How many bytes there are."""

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes of this range as far as they exist and may be read; never raises on bad ranges."""


class BytesWindow:
    """A window on bytes in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size_bytes(self) -> int:
        """How many bytes there are."""
        return len(self._content)

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes of this range, as far as they exist."""
        if offset < 0 or length <= 0:
            return b""
        return self._content[offset : offset + length]


class FileWindow:
    """A window on an open file: its head is read once, anything behind by position, within a budget."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._size_bytes = os.fstat(descriptor).st_size
        self._budget_bytes = READ_BUDGET_BYTES
        self.head = os.pread(descriptor, HEAD_BYTES, 0)

    @property
    def size_bytes(self) -> int:
        """How many bytes the file has."""
        return self._size_bytes

    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes of this range, as far as they exist and the budget goes."""
        if offset < 0 or length <= 0 or offset >= self._size_bytes:
            return b""
        if offset + length <= len(self.head):
            return self.head[offset : offset + length]
        length = min(length, self._budget_bytes, self._size_bytes - offset)
        self._budget_bytes -= length
        return os.pread(self._descriptor, length, offset) if length else b""
