"""Where the picture formats keep their size and their metadata.

Each reader walks the structure by its lengths, within `MAX_PARTS` parts and the window's budget, and stops without
complaint where the file does.

References:
    JPEG: ITU-T T.81, annex B; Exif 3.0, section 4.7; XMP part 3, section 1.1.3. PNG: W3C PNG 3rd edition.
    WebP: RFC 9649. GIF: GIF89a specification, section 18.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from afterglow.infra.imaging import sniff
from afterglow.infra.imaging.metadata.window import Window
from afterglow.kernel.units import KIB, MIB

MAX_PARTS: Final = 4096
MAX_GARBAGE_BYTES: Final = 64 * KIB  # between two JPEG segments
MAX_INFLATED_BYTES: Final = MIB

_EXIF: Final = b"Exif\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_ICC: Final = b"ICC_PROFILE\0"
_PNG_XMP: Final = b"XML:com.adobe.xmp\0\0\0\0\0"
_RAW_PROFILE_DIGITS: Final = re.compile(rb"\s*\w+\s+\d+\s+([0-9a-fA-F\s]*)")
_BLANKS: Final = b" \t\n\r\f\v"
_PNG_RAW_PROFILE: Final = re.compile(rb"Raw profile type (?:exif|APP1)\0")

_SOI, _EOI, _SOS, _APP1, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xE1, 0xE2, 0xEE
_MARKER: Final = re.compile(rb"\xff[\x01-\xfe]")
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # DHT, JPG and DAC are no frames


class Frame(NamedTuple):
    """The frame header of a JPEG."""

    marker: int
    precision_bits: int
    components: int


@dataclass(slots=True)
class Parts:
    """What a container holds beside pixels.

    Attributes:
        width: Stored width, before orientation [px].
        height: Stored height, before orientation [px].
        exif: TIFF structure with the EXIF tags, empty without.
        xmp: XMP packet, empty without.
        profile: ICC profile, empty without (only looked for in JPEG).
        frame: Frame header, for JPEG only.
    """

    width: int | None = None
    height: int | None = None
    exif: bytes = b""
    xmp: bytes = b""
    profile: bytes = b""
    frame: Frame | None = None
    notes: list[str] = field(default_factory=list)


def read_parts(window: Window, media_type: sniff.MediaType | None) -> Parts:
    """Return the parts of a container; empty ones for a format that is not read."""
    reader = _READERS.get(media_type) if media_type else None
    return reader(window) if reader else Parts()


def _read_jpeg(window: Window) -> Parts:
    parts = Parts()
    profile: dict[int, bytes] = {}
    for marker, offset, length in _jpeg_segments(window):
        if marker in _FRAMES:
            _read_frame(parts, marker, window.read(offset, length))
        elif marker == _APP1:
            _read_app1(parts, window.read(offset, length))
        elif marker == _APP2 and window.read(offset, len(_ICC)) == _ICC:
            chunk = window.read(offset + len(_ICC), length - len(_ICC))
            profile[chunk[0] if chunk else 0] = chunk[2:]
    parts.profile = b"".join(profile[number] for number in sorted(profile))
    return parts


def _jpeg_segments(window: Window) -> Iterator[tuple[int, int, int]]:
    """Yield marker, offset and length of the contents of each segment before the first scan."""
    at = 2
    for _ in range(MAX_PARTS):
        at = _next_marker(window, at)
        head = window.read(at, 4)
        if len(head) < struct.calcsize(">BBH"):
            return
        marker = head[1]
        if marker in _STANDALONE:
            at += 2
        elif marker in (_SOI, _EOI, _SOS):
            return
        else:
            length = int.from_bytes(head[2:], "big")
            yield marker, at + 4, length - 2
            at += 2 + max(length, 2)


def _next_marker(window: Window, at: int) -> int:
    """Return where the next marker begins: fill bytes, and garbage, are stepped over as decoders do."""
    if _MARKER.match(window.read(at, 2)):
        return at
    match = _MARKER.search(window.read(at, MAX_GARBAGE_BYTES))
    return at + match.start() if match else window.size_bytes


def _read_frame(parts: Parts, marker: int, header: bytes) -> None:
    if parts.frame is not None or len(header) < struct.calcsize(">BHHB"):
        return
    precision, height, width, components = struct.unpack_from(">BHHB", header)
    parts.frame = Frame(marker, precision, components)
    parts.width, parts.height = width, height


def _read_app1(parts: Parts, segment: bytes) -> None:
    """Keep the first EXIF and the first XMP; some files carry copies of older states behind."""
    if segment.startswith(_EXIF):
        if parts.exif:
            parts.notes.append("exif.second-segment")
        parts.exif = parts.exif or segment[len(_EXIF) + 1 :]
    elif segment.startswith(_XMP):
        parts.xmp = parts.xmp or segment[len(_XMP) :]


def _read_png(window: Window) -> Parts:
    parts = Parts()
    profile: tuple[bytes, bytes] | None = None
    at = 8
    for _ in range(MAX_PARTS):
        head = window.read(at, 8)
        if len(head) < struct.calcsize(">I4s"):
            break
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IHDR":
            _read_size(parts, ">II", window.read(at + 8, 8))
        elif kind == b"eXIf":
            parts.exif = parts.exif or window.read(at + 8, length).removeprefix(_EXIF + b"\0")
        elif kind == b"iTXt" and window.read(at + 8, len(_PNG_XMP)) == _PNG_XMP:
            parts.xmp = window.read(at + 8 + len(_PNG_XMP), length - len(_PNG_XMP))
        elif kind in (b"tEXt", b"zTXt") and not profile and _PNG_RAW_PROFILE.match(window.read(at + 8, 32)):
            profile = kind, window.read(at + 8, length)
        elif kind == b"IEND":
            break
        at += 12 + length
    if profile and not parts.exif:
        # Only the first, and only once: each may inflate to a thousand times its size.
        parts.exif = _raw_profile(*profile)
    return parts


def _raw_profile(kind: bytes, chunk: bytes) -> bytes:
    """Return EXIF that was written as hexadecimal text, by ImageMagick before PNG had a chunk for it."""
    text = chunk.split(b"\0", 1)[-1]
    if kind == b"zTXt":
        try:
            text = zlib.decompressobj().decompress(text[1:], MAX_INFLATED_BYTES)
        except zlib.error:
            return b""
    body = _RAW_PROFILE_DIGITS.match(text)
    digits = body[1].translate(None, _BLANKS) if body else b""
    return bytes.fromhex(digits[: len(digits) & ~1].decode()).removeprefix(_EXIF + b"\0")


def _read_size(parts: Parts, layout: str, content: bytes) -> None:
    if len(content) == struct.calcsize(layout):
        parts.width, parts.height = struct.unpack(layout, content)


def _read_webp(window: Window) -> Parts:
    parts = Parts()
    at = 12
    for _ in range(MAX_PARTS):
        head = window.read(at, 8)
        if len(head) < struct.calcsize("<4sI"):
            break
        kind, length = struct.unpack("<4sI", head)
        if kind in (b"VP8 ", b"VP8L", b"VP8X"):
            _read_webp_size(parts, kind, window.read(at + 8, 10))
        elif kind == b"EXIF":
            parts.exif = parts.exif or window.read(at + 8, length).removeprefix(_EXIF + b"\0")
        elif kind == b"XMP ":
            parts.xmp = parts.xmp or window.read(at + 8, length)
        at += 8 + length + length % 2
    return parts


def _read_webp_size(parts: Parts, kind: bytes, header: bytes) -> None:
    """The canvas (VP8X) comes first and counts; a simple file has its size in the bitstream."""
    if parts.width is not None or len(header) < 10:  # noqa: PLR2004 - of the longest of the three
        return
    if kind == b"VP8X":
        parts.width = int.from_bytes(header[4:7], "little") + 1
        parts.height = int.from_bytes(header[7:10], "little") + 1
    elif kind == b"VP8L":
        packed = int.from_bytes(header[1:5], "little")
        parts.width, parts.height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    else:
        width, height = struct.unpack_from("<HH", header, 6)
        parts.width, parts.height = width & 0x3FFF, height & 0x3FFF


def _read_gif(window: Window) -> Parts:
    parts = Parts()
    _read_size(parts, "<HH", window.read(6, 4))
    return parts


_READERS: Final[dict[sniff.MediaType, Callable[[Window], Parts]]] = {
    sniff.JPEG: _read_jpeg,
    sniff.PNG: _read_png,
    sniff.WEBP: _read_webp,
    sniff.GIF: _read_gif,
}
