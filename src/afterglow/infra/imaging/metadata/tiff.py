"""Reader of TIFF directories: the structure that EXIF is written in, and TIFF and most camera RAW files too.

References:
    TIFF 6.0 (Adobe, 1992), section 2; Exif 3.0 (CIPA DC-008-2023), section 4.6.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from afterglow.infra.imaging.metadata.window import Window
from afterglow.kernel.units import KIB

MAX_ENTRIES: Final = 512  # of one directory; real ones stay below 150
MAX_VALUES: Final = 1024  # of one number tag
MAX_VALUE_BYTES: Final = 65_536
MAX_TOTAL_BYTES: Final = 512 * KIB
"""Most bytes of values of one structure, whose entries may all point to the same bytes.

Of 1,400 real files none has 64 KiB. As fractions, the largest of all in memory, they take 8 MB.
"""
MAX_DIRECTORIES: Final = 8

_MAGICS: Final = frozenset({42, 0x0055, 0x4F52, 0x5352})  # TIFF; RW2; ORF twice
_ENTRY_BYTES: Final = 12
_INLINE_BYTES: Final = 4
_BYTE: Final = range(256)
_UNDEFINED: Final = 7
_RATIONAL, _SRATIONAL = 5, 10
_FORMATS: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I"}
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}

POINTERS: Final = {("IFD0", 0x8769): "EXIF", ("IFD0", 0x8825): "GPS", ("EXIF", 0xA005): "Interop"}
"""Which tag of which directory points to another one."""


class Rational(NamedTuple):
    """A fraction as it was written; the denominator may be zero."""

    numerator: int
    denominator: int

    def value(self) -> float | None:
        """Return its value, or None where there is none."""
        return self.numerator / self.denominator if self.denominator else None


class Opaque(bytes):
    """Bytes of the type UNDEFINED: whatever the tag says they are."""


RawValue = bytes | tuple[int | float, ...] | tuple[Rational, ...]
"""Text is bytes, undefined types are `Opaque`; numbers are tuples, also single ones."""


@dataclass(slots=True)
class Directories:
    """The directories of one TIFF structure, by name, and what was odd in it."""

    tags: dict[str, dict[int, RawValue]] = field(default_factory=dict)
    big_endian: bool = False
    notes: list[str] = field(default_factory=list)

    def get(self, directory: str, tag: int) -> RawValue | None:
        """Return one value, None when it is not there."""
        return self.tags.get(directory, {}).get(tag)

    def number(self, directory: str, tag: int) -> float | None:
        """Return the first number of a tag, None when there is none or it is not finite."""
        value = self.get(directory, tag)
        if not value or isinstance(value, bytes):
            return None
        return _finite(value[0])

    def numbers(self, directory: str, tag: int) -> tuple[float | None, ...]:
        """Return all numbers of a tag; None stands for those that are not finite."""
        value = self.get(directory, tag)
        if not value or isinstance(value, bytes):
            return ()
        return tuple(map(_finite, value))

    def raw(self, directory: str, tag: int) -> bytes:
        """Return the bytes of a text or undefined tag, empty when it is not there."""
        value = self.get(directory, tag)
        if isinstance(value, bytes):
            return value
        # XP tags are text written as a list of byte numbers.
        numbers = [item for item in value or () if isinstance(item, int) and item in _BYTE]
        return bytes(numbers) if len(numbers) == len(value or ()) else b""


def _finite(item: float | Rational) -> float | None:
    number = item.value() if isinstance(item, Rational) else item
    return number if number is not None and math.isfinite(number) else None


def read_directories(window: Window) -> Directories:
    """Return the first directory and those it points to (EXIF, GPS, Interop).

    Directories that point to each other, counts and offsets outside the file cost a note, never an error.
    """
    found = Directories()
    header = window.read(0, 8)
    order = {b"II": "<", b"MM": ">"}.get(header[:2], "")
    if len(header) < struct.calcsize("=HHI") or not order:
        found.notes.append("exif.no-header")
        return found
    found.big_endian = order == ">"
    magic, offset = struct.unpack(order + "HI", header[2:])
    if magic not in _MAGICS:
        found.notes.append("exif.bad-magic")
        return found
    _Walk(window, order, found).visit("IFD0", offset)
    return found


class _Walk:
    """One pass over the directories; remembers which it has seen."""

    def __init__(self, window: Window, order: str, found: Directories) -> None:
        self._window = window
        self._order = order
        self._found = found
        self._seen: set[int] = set()
        self._left_bytes = MAX_TOTAL_BYTES

    def visit(self, name: str, offset: int) -> None:
        """Read one directory, then those it points to."""
        if offset in self._seen or len(self._seen) >= MAX_DIRECTORIES:
            self._found.notes.append(f"exif.loop: {name}")
            return
        self._seen.add(offset)
        tags = self._found.tags.setdefault(name, {})
        for tag, value in self._entries(name, offset):
            tags.setdefault(tag, value)
        for (directory, tag), target in POINTERS.items():
            pointer = self._found.number(name, tag) if directory == name else None
            if pointer is not None:
                self.visit(target, int(pointer))

    def _entries(self, name: str, offset: int) -> Iterator[tuple[int, RawValue]]:
        head = self._window.read(offset, 2)
        if len(head) < len("HH"):
            self._found.notes.append(f"exif.outside: {name}")
            return
        (count,) = struct.unpack(self._order + "H", head)
        table = self._window.read(offset + 2, min(count, MAX_ENTRIES) * _ENTRY_BYTES)
        whole = len(table) // _ENTRY_BYTES
        if whole < count:
            self._found.notes.append(f"exif.short-directory: {name}")
        for at in range(0, whole * _ENTRY_BYTES, _ENTRY_BYTES):
            tag, kind, length = struct.unpack_from(self._order + "HHI", table, at)
            if self._left_bytes <= 0:
                self._found.notes.append(f"exif.too-much: {name}")
                return
            value = self._value(kind, length, table[at + 8 : at + _ENTRY_BYTES])
            if value is None:
                self._found.notes.append(f"exif.bad-value: {name}:0x{tag:04x}")
            elif value:
                yield tag, value

    def _value(self, kind: int, length: int, inline: bytes) -> RawValue | None:
        """Return a value, empty where there is none, None where the entry makes no sense."""
        size = _SIZES.get(kind, 0)
        if not size:
            return None
        if kind in _FORMATS or kind in (_RATIONAL, _SRATIONAL):
            length = min(length, MAX_VALUES)
        size_bytes = size * length
        if size_bytes <= _INLINE_BYTES:
            content = inline[:size_bytes]
        else:
            (offset,) = struct.unpack(self._order + "I", inline)
            content = self._window.read(offset, min(size_bytes, MAX_VALUE_BYTES))
        self._left_bytes -= len(content)
        return self._decode(kind, content) if content or not length else None

    def _decode(self, kind: int, content: bytes) -> RawValue:
        """Return a value from its bytes; one cut short gives the elements that are whole."""
        count = len(content) // _SIZES[kind]
        if kind in (_RATIONAL, _SRATIONAL):
            layout = f"{self._order}{2 * count}{'I' if kind == _RATIONAL else 'i'}"
            parts = struct.unpack_from(layout, content)
            return tuple(map(Rational, parts[::2], parts[1::2]))
        if kind in _FORMATS:
            return struct.unpack_from(f"{self._order}{count}{_FORMATS[kind]}", content)
        return Opaque(content) if kind == _UNDEFINED else content
