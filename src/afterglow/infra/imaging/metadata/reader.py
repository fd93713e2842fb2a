"""From a file to `Metadata`: which block holds the tags, what they mean, what is absurd."""

import os
import re
from datetime import datetime
from pathlib import Path
from typing import Final

from afterglow.infra.imaging import sniff
from afterglow.infra.imaging.metadata import exposure
from afterglow.infra.imaging.metadata.containers import Parts, read_parts
from afterglow.infra.imaging.metadata.gps import altitude_m, position
from afterglow.infra.imaging.metadata.model import Metadata
from afterglow.infra.imaging.metadata.tags import raw_tags
from afterglow.infra.imaging.metadata.text import decode, decode_comment, decode_utf16
from afterglow.infra.imaging.metadata.tiff import Directories, read_directories
from afterglow.infra.imaging.metadata.times import LocalTime, gps_time, taken_from_exif
from afterglow.infra.imaging.metadata.window import BytesWindow, FileWindow
from afterglow.infra.imaging.metadata.xmp import MAX_KEYWORDS, XmpFields, read_xmp

MAX_NOTES: Final = 32
MAX_ORIENTATION: Final = 8
FIRST_TRANSPOSED: Final = 5  # orientations 5 to 8 swap width and height
MAX_RATING: Final = 5

# Camera RAW files that are TIFF inside; their first directory describes a thumbnail, so it gives no size.
_TIFF_INSIDE: Final = frozenset({sniff.DNG, sniff.CR2, sniff.NEF, sniff.ARW, sniff.ORF, sniff.RW2})
_WIDTH, _HEIGHT, _DESCRIPTION, _ORIENTATION, _RATING = 0x0100, 0x0101, 0x010E, 0x0112, 0x4746
_XP_TITLE, _XP_COMMENT, _XP_KEYWORDS, _USER_COMMENT = 0x9C9B, 0x9C9C, 0x9C9E, 0x9286

# What cameras and programs write into every picture says nothing about this one.
_STOCK_DESCRIPTION = re.compile(
    r"(\w+ ){0,2}digital (still )?camera|sony dsc|samsung( camera pictures)?|exif_jpeg_\w+|dcim[\\/].*|default|"
    r"x-default|gcm_tag|dcf 1\.0|charset=.{0,40}|untitled",
    re.IGNORECASE,
)


def read_metadata(path: Path) -> Metadata:
    """Return what a file tells about itself: JPEG, PNG, WebP, GIF, TIFF and RAW made of TIFF; else nothing.

    Never raises on content, whatever the bytes are; what was dropped is said in `notes`. Time and memory are bounded:
    at most `READ_BUDGET_BYTES` are read, wherever they lie.

    Raises:
        OSError: The file cannot be opened or read.
    """
    found, parts = _read(path)
    return interpret(parts, found)


def inspect_picture(path: Path) -> tuple[int, Parts]:
    """Return what it takes to show a picture, and no more: its orientation (1-8), and the parts of its container.

    Raises:
        OSError: The file cannot be opened or read.
    """
    found, parts = _read(path)
    return _orientation(found), parts


def _read(path: Path) -> tuple[Directories, Parts]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        window = FileWindow(descriptor)
        media_type = sniff.sniff(window.head[: sniff.SNIFF_BYTES])
        parts = read_parts(window, media_type)
        if media_type is sniff.TIFF or media_type in _TIFF_INSIDE:
            found = read_directories(window)
        else:
            found = read_directories(BytesWindow(parts.exif)) if parts.exif else Directories()
    finally:
        os.close(descriptor)
    if media_type is sniff.TIFF:
        parts.width, parts.height = _pixels(found, _WIDTH), _pixels(found, _HEIGHT)
    return found, parts


def interpret(parts: Parts, found: Directories) -> Metadata:
    """Return what parts and tags mean together. EXIF goes before XMP for facts, XMP before EXIF for words."""
    notes = found.notes
    notes.extend(parts.notes)
    orientation = _orientation(found)
    width, height = _upright(parts, orientation)
    xmp = read_xmp(parts.xmp, notes)
    taken, source = _taken(found, xmp)
    where = position(found)
    return Metadata(
        width=width,
        height=height,
        orientation=orientation,
        taken_local=taken.taken_local if taken else None,
        offset_minutes=taken.offset_minutes if taken else None,
        taken_source=source,
        latitude=where.latitude if where else None,
        longitude=where.longitude if where else None,
        altitude_m=altitude_m(found),
        gps_utc=_gps_utc(found),
        camera_make=exposure.camera_make(found),
        camera_model=exposure.camera_model(found),
        lens=exposure.lens(found),
        iso=exposure.iso(found),
        aperture=exposure.aperture(found),
        exposure_s=exposure.exposure_s(found),
        focal_length_mm=exposure.focal_length_mm(found),
        rating=_rating(found, xmp),
        description=_description(found, xmp),
        keywords=_keywords(found, xmp),
        tags=raw_tags(found),
        notes=tuple(dict.fromkeys(notes))[:MAX_NOTES],
    )


def _pixels(found: Directories, tag: int) -> int | None:
    number = found.number("IFD0", tag)
    return int(number) if number is not None and number >= 1 else None


def _orientation(found: Directories) -> int:
    number = found.number("IFD0", _ORIENTATION)
    if number is None:
        return 1
    if number in range(1, MAX_ORIENTATION + 1):
        return int(number)
    # Zero is what many writers mean by "not known".
    if number:
        found.notes.append(f"orientation.absurd: {number:g}")
    return 1


def _upright(parts: Parts, orientation: int) -> tuple[int | None, int | None]:
    if not parts.width or not parts.height:
        return None, None
    if orientation >= FIRST_TRANSPOSED:
        return parts.height, parts.width
    return parts.width, parts.height


def _taken(found: Directories, xmp: XmpFields) -> tuple[LocalTime | None, str | None]:
    taken = taken_from_exif(found)
    if taken:
        return taken, "exif"
    return xmp.taken, "xmp" if xmp.taken else None


def _gps_utc(found: Directories) -> datetime | None:
    return gps_time(found) if "GPS" in found.tags else None


def _rating(found: Directories, xmp: XmpFields) -> int | None:
    written: float | str | None = xmp.rating or found.number("IFD0", _RATING)
    if written is None:
        return None
    try:
        stars = int(float(written))
    except (ValueError, OverflowError):
        stars = MAX_RATING + 1
    if stars in range(MAX_RATING + 1):
        return stars or None
    # Minus one means "rejected" in XMP; it is no rating here.
    found.notes.append(f"rating.out-of-range: {str(written)[:16]}")
    return None


def _description(found: Directories, xmp: XmpFields) -> str | None:
    candidates = (
        xmp.description,
        decode(found.raw("IFD0", _DESCRIPTION)),
        decode_utf16(found.raw("IFD0", _XP_TITLE)),
        decode_utf16(found.raw("IFD0", _XP_COMMENT)),
        decode_comment(found.raw("EXIF", _USER_COMMENT), big_endian=found.big_endian),
    )
    for text in candidates:
        if text and _STOCK_DESCRIPTION.fullmatch(text):
            found.notes.append("description.stock")
        elif text:
            return text
    return None


def _keywords(found: Directories, xmp: XmpFields) -> tuple[str, ...]:
    written = decode_utf16(found.raw("IFD0", _XP_KEYWORDS)).split(";")
    return tuple(dict.fromkeys([*xmp.keywords, *filter(None, map(str.strip, written))]))[:MAX_KEYWORDS]
