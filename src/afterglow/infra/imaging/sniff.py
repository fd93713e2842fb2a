"""What a file is, by its content only: its name and its declared type are not looked at."""

import re
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SNIFF_BYTES: Final = 4096
"""How much of a file's beginning `sniff` wants to see, in bytes."""


class MediaKind(StrEnum):
    """How a file is shown."""

    PHOTO = "photo"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class MediaType:
    """A type that is taken.

    Attributes:
        mime: Registered (or, for camera RAW, customary) media type.
        kind: Whether it is shown as a picture or played.
        extension: Usual file extension, lower case, without the dot.
    """

    mime: str
    kind: MediaKind
    extension: str


def _photo(mime: str, extension: str) -> MediaType:
    return MediaType(mime, MediaKind.PHOTO, extension)


def _video(mime: str, extension: str) -> MediaType:
    return MediaType(mime, MediaKind.VIDEO, extension)


JPEG: Final = _photo("image/jpeg", "jpg")
PNG: Final = _photo("image/png", "png")
WEBP: Final = _photo("image/webp", "webp")
GIF: Final = _photo("image/gif", "gif")
TIFF: Final = _photo("image/tiff", "tif")
BMP: Final = _photo("image/bmp", "bmp")
HEIC: Final = _photo("image/heic", "heic")
HEIF: Final = _photo("image/heif", "heif")
AVIF: Final = _photo("image/avif", "avif")
JXL: Final = _photo("image/jxl", "jxl")
DNG: Final = _photo("image/x-adobe-dng", "dng")
CR2: Final = _photo("image/x-canon-cr2", "cr2")
CR3: Final = _photo("image/x-canon-cr3", "cr3")
NEF: Final = _photo("image/x-nikon-nef", "nef")
ARW: Final = _photo("image/x-sony-arw", "arw")
RAF: Final = _photo("image/x-fuji-raf", "raf")
ORF: Final = _photo("image/x-olympus-orf", "orf")
RW2: Final = _photo("image/x-panasonic-rw2", "rw2")
MP4: Final = _video("video/mp4", "mp4")
MOV: Final = _video("video/quicktime", "mov")
THREE_GP: Final = _video("video/3gpp", "3gp")
WEBM: Final = _video("video/webm", "webm")

DERIVABLE: Final = frozenset(kind.mime for kind in (JPEG, PNG, WEBP, GIF, TIFF))
"""Media types that this version decodes; files of the others are kept and not shown yet."""

_STARTS: Final = (
    (rb"\xff\xd8\xff[\xc0-\xd7\xda-\xff]", JPEG),  # SOI, then any marker but another SOI or EOI
    (rb"RIFF....WEBP", WEBP),
    # The DocType element (0x4282, its length, the name) is among the first of a Matroska file: RFC 8794, 11.2.6.
    (rb"\x1aE\xdf\xa3.{0,250}?B\x82.webm", WEBM),
)
_PATTERNS: Final = tuple((re.compile(start, re.DOTALL), media_type) for start, media_type in _STARTS)
_PREFIXES: Final = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"\xff\x0a", JXL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", JXL),
    (b"FUJIFILMCCD-RAW ", RAF),
    (b"IIRO", ORF),
    (b"IIRS", ORF),
    (b"MMOR", ORF),
    (b"IIU\0", RW2),
)
_TIFF_MAGICS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF 6.0 and BigTIFF, both byte orders
_BMP_HEADER_SIZES: Final = frozenset({12, 40, 52, 56, 64, 108, 124})

# ISO/IEC 23008-12 and 14496-12, the registry at mp4ra.org; the first of these that a file names decides.
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_HEIF_BRANDS: Final = frozenset({b"mif1", b"mif2", b"msf1"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_MP4_BRAND = re.compile(rb"iso[m2-9c]|mp4[12]|avc1|dash|M4V[ HP]|MSNV|mmp4|f4v |XAVC|hvc1|cmfc|cmf2|CAEP|NDSC|nvr1")
_THREE_GP_BRAND = re.compile(rb"3g[pgr2e]")
_AUDIO_BRANDS: Final = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})
_QUICKTIME_ATOMS: Final = frozenset({b"moov", b"mdat", b"wide", b"pnot"})

_TAG_SUBFILE_TYPE: Final = 0x00FE
_TAG_MAKE: Final = 0x010F
_TAG_DNG_VERSION: Final = 0xC612
_TIFF_MAX_ENTRIES: Final = 256


def sniff(head: bytes) -> MediaType | None:
    """Return the type of a file, or None when it is not one that is taken.

    Not taken are, among others, SVG, HTML, PDF, PostScript, archives, text, icons and audio.

    Args:
        head: The first `SNIFF_BYTES` of the file (all of it when it is shorter).
    """
    for pattern, media_type in _PATTERNS:
        if pattern.match(head):
            return media_type
    for prefix, media_type in _PREFIXES:
        if head.startswith(prefix):
            return media_type
    if head[:4] in _TIFF_MAGICS:
        return _sniff_tiff(head)
    return _sniff_bmp(head) if head[:2] == b"BM" else _sniff_boxes(head)


def _sniff_bmp(head: bytes) -> MediaType | None:
    """`BM` alone would take any text that begins so: the header that follows has one of a few sizes."""
    size = head[14:18]
    return BMP if len(size) == len("size") and struct.unpack("<I", size)[0] in _BMP_HEADER_SIZES else None


def _sniff_boxes(head: bytes) -> MediaType | None:
    """Files made of boxes: ISO base media and QuickTime."""
    box = head[4:8]
    if box != b"ftyp":
        return MOV if box in _QUICKTIME_ATOMS else None
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if head[8:12] == b"crx ":
        return CR3
    return _still_by_brands(brands) or _video_by_brands(brands)


def _still_by_brands(brands: list[bytes]) -> MediaType | None:
    """HEIF family; `mif1` says only that there is a picture, so the coding is looked for in all brands."""
    major = brands[0]
    if major not in _HEIC_BRANDS | _AVIF_BRANDS | _HEIF_BRANDS:
        return None
    if not _AVIF_BRANDS.isdisjoint(brands):
        return AVIF
    return HEIC if not _HEIC_BRANDS.isdisjoint(brands) else HEIF


def _video_by_brands(brands: list[bytes]) -> MediaType | None:
    major = brands[0]
    if major == b"qt  ":
        return MOV
    if _THREE_GP_BRAND.match(major):
        return THREE_GP
    if major in _AUDIO_BRANDS:
        return None
    # A major brand may be anything; what it is compatible with then counts.
    return MP4 if any(map(_MP4_BRAND.match, brands)) else None


def _sniff_tiff(head: bytes) -> MediaType:
    """TIFF, or a camera RAW that is a TIFF inside: told apart by what the first directory says."""
    if head[8:11] == b"CR\x02":
        return CR2
    tags = _first_directory(head)
    if _TAG_DNG_VERSION in tags:
        return DNG
    make = tags.get(_TAG_MAKE, b"").upper()
    if tags.get(_TAG_SUBFILE_TYPE) != b"reduced":
        return TIFF
    # A RAW begins with its thumbnail (NewSubfileType: reduced resolution); a picture saved as TIFF does not.
    if make.startswith(b"NIKON"):
        return NEF
    return ARW if make.startswith(b"SONY") else TIFF


def _first_directory(head: bytes) -> dict[int, bytes]:
    """Return what is needed of the first directory, as far as it lies in `head`."""
    order = "<" if head[:2] == b"II" else ">"
    if head[2:4] not in (b"*\0", b"\0*") or len(head) < struct.calcsize("HHI"):
        return {}
    (at,) = struct.unpack_from(order + "I", head, 4)
    if at + 2 > len(head):
        return {}
    (count,) = struct.unpack_from(order + "H", head, at)
    tags: dict[int, bytes] = {}
    for entry in range(at + 2, min(at + 2 + 12 * min(count, _TIFF_MAX_ENTRIES), len(head) - 11), 12):
        tag, _kind, length, value = struct.unpack_from(order + "HHII", head, entry)
        if tag == _TAG_SUBFILE_TYPE:
            tags[tag] = b"reduced" if value & 1 else b"full"
        elif tag == _TAG_MAKE:
            tags[tag] = head[value : value + length]
        elif tag == _TAG_DNG_VERSION:
            tags[tag] = b""
    return tags
