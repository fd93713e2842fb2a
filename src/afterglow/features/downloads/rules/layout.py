"""The bytes of an archive that are not photos: headers, descriptors, directory; pure.

Entries are stored, not compressed (photos do not shrink), with their CRC-32 behind the bytes (a data descriptor), so
that nothing has to be read before the first byte is sent. All lengths follow from names and sizes alone.

References:
    PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", 6.3.10: 4.3.7 (local header), 4.3.9 (data descriptor),
    4.3.12 (directory), 4.3.14-4.3.16 (its end), 4.4.4 (flags), 4.5.3 (ZIP64).
"""

import struct
from datetime import datetime
from typing import Final

from afterglow.features.downloads.models import Entry

_MAX_16: Final = 0xFFFF
_MAX_32: Final = 0xFFFF_FFFF

_PLAIN_VERSION: Final = 20
_ZIP64_VERSION: Final = 45
_UNIX: Final = 3 << 8
_REGULAR_FILE: Final = 0o100644 << 16
_FLAGS: Final = 1 << 3 | 1 << 11  # CRC and sizes follow the bytes; names are UTF-8
_ZIP64: Final = 1  # id of the extra field

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_DESCRIPTOR = struct.Struct("<4sI2I")
_WIDE_DESCRIPTOR = struct.Struct("<4sI2Q")
_RECORD = struct.Struct("<4s6H3I5H2I")
_WIDE_END = struct.Struct("<4sQ2H2I4Q")
_WIDE_END_LOCATOR = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")

_EARLIEST: Final = datetime(1980, 1, 1)
_LATEST: Final = datetime(2107, 12, 31, 23, 59, 58)


def local_header(entry: Entry) -> bytes:
    """Return what stands before an entry's bytes."""
    name = entry.name.encode()
    time, date = _dos_time(entry.modified)
    wide = _is_wide(entry)
    extra = struct.pack("<2H2Q", _ZIP64, 16, 0, 0) if wide else b""
    size = _MAX_32 if wide else 0
    version = _ZIP64_VERSION if wide else _PLAIN_VERSION
    fields = (b"PK\3\4", version, _FLAGS, 0, time, date, 0, size, size, len(name), len(extra))
    return _LOCAL_HEADER.pack(*fields) + name + extra


def descriptor(entry: Entry, crc32: int) -> bytes:
    """Return what stands behind an entry's bytes."""
    form = _WIDE_DESCRIPTOR if _is_wide(entry) else _DESCRIPTOR
    return form.pack(b"PK\7\x08", crc32, entry.size_bytes, entry.size_bytes)


def directory_record(entry: Entry, crc32: int) -> bytes:
    """Return an entry's record in the directory."""
    name = entry.name.encode()
    time, date = _dos_time(entry.modified)
    wide_values = [entry.size_bytes] * 2 if _is_wide(entry) else []
    if entry.offset_bytes >= _MAX_32:
        wide_values.append(entry.offset_bytes)
    extra = struct.pack(f"<2H{len(wide_values)}Q", _ZIP64, 8 * len(wide_values), *wide_values) if wide_values else b""
    size = min(entry.size_bytes, _MAX_32)
    needed = _ZIP64_VERSION if wide_values else _PLAIN_VERSION
    described = (b"PK\1\2", _UNIX | _ZIP64_VERSION, needed, _FLAGS, 0, time, date, crc32, size, size)
    placed = (len(name), len(extra), 0, 0, 0, _REGULAR_FILE, min(entry.offset_bytes, _MAX_32))
    return _RECORD.pack(*described, *placed) + name + extra


def directory_end(count: int, directory_offset: int, directory_bytes: int) -> bytes:
    """Return what ends an archive.

    Args:
        count: Number of entries.
        directory_offset: Where the directory begins [bytes].
        directory_bytes: Its size.
    """
    wide = b""
    if count >= _MAX_16 or directory_offset >= _MAX_32 or directory_bytes >= _MAX_32:
        sizes = (count, count, directory_bytes, directory_offset)
        wide = _WIDE_END.pack(b"PK\6\6", _WIDE_END.size - 12, _UNIX | _ZIP64_VERSION, _ZIP64_VERSION, 0, 0, *sizes)
        wide += _WIDE_END_LOCATOR.pack(b"PK\6\7", 0, directory_offset + directory_bytes, 1)
    short = min(count, _MAX_16)
    return wide + _END.pack(
        b"PK\5\6", 0, 0, short, short, min(directory_bytes, _MAX_32), min(directory_offset, _MAX_32), 0
    )


def entry_bytes(entry: Entry) -> int:
    """Return how many bytes an entry takes up, with what stands before and behind it."""
    return len(local_header(entry)) + entry.size_bytes + len(descriptor(entry, 0))


def cut(piece: bytes, at: int, start: int, end: int) -> bytes:
    """Return what of a piece lies in a range.

    Args:
        piece: Some bytes of the archive.
        at: Where they begin in it.
        start: First byte of the range.
        end: Byte after its last.
    """
    return piece[max(start - at, 0) : max(end - at, 0)]


def _is_wide(entry: Entry) -> bool:
    return entry.size_bytes >= _MAX_32


def _dos_time(moment: datetime) -> tuple[int, int]:
    """Return time and date as MS-DOS has them: local, in steps of two seconds, from 1980 to 2107."""
    clipped = min(max(moment, _EARLIEST), _LATEST)
    time = clipped.hour << 11 | clipped.minute << 5 | clipped.second // 2
    return time, (clipped.year - _EARLIEST.year) << 9 | clipped.month << 5 | clipped.day
