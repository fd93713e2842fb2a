"""Bucket arithmetic of the timeline, and the bytes of its layout; pure."""

import math
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

from afterglow.features.timeline.errors import BadMonthError
from afterglow.features.timeline.models import Layout, MonthCount

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")

LAYOUT_FORMAT: Final = 1
# Magic, format, size of the header, count, nothing yet, version of the timeline; little-endian.
LAYOUT_HEADER: Final = struct.Struct("<4sHHIIQ")
_LAYOUT_MAGIC: Final = b"AGTL"
# Steps to a doubling. A multiple of twelve, because those come within 0.2 % of 4:3, 3:2 and 16:9, as the steps of a
# piano's octave come near to the fourth and the fifth; and 36 reach as far as panoramas do, 1:11.5 to 11.5:1.
RATIO_STEPS: Final = 36
_SQUARE: Final = 128
UNKNOWN_RATIO_BYTE: Final = 0
# What a photo of unknown shape is laid out as, until its pixels are read.
UNKNOWN_RATIO: Final = 1.0


def parse_month(text: str) -> date:
    """Return the first day of a month written as 2024-06.

    Raises:
        BadMonthError: It is written otherwise, or there is no such month.
    """
    match = _MONTH.fullmatch(text)
    if match is None:
        raise BadMonthError
    try:
        return date(int(match[1]), int(match[2]), 1)
    except ValueError as error:
        raise BadMonthError from error


def format_month(month: date) -> str:
    """Return a month as 2024-06."""
    return f"{month.year:04}-{month.month:02}"


def next_month(month: date) -> date:
    """Return the first day of the month after; December 9999 has none and stays its own end."""
    if (month.year, month.month) == (date.max.year, date.max.month):
        return date.max
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def count_days(taken_local: Iterable[str]) -> list[tuple[str, int]]:
    """Return the days of a month's photos with their counts, in the order given; moments and days as ISO 8601."""
    return list(Counter(moment[:10] for moment in taken_local).items())


def encode_ratio(width: int | None, height: int | None) -> int:
    """Return the byte of a photo in the layout: its aspect ratio on a logarithmic scale, at most 1 % off.

    The database encodes (`ratio_byte` in the migrations); this says what, and a test compares the two.

    Args:
        width: Upright, in pixels; None while it is not known.
        height: As `width`.

    Returns:
        1-255, or 0 for a photo whose shape is not known.
    """
    if width is None or height is None:
        return UNKNOWN_RATIO_BYTE
    return max(1, min(255, _SQUARE + round(RATIO_STEPS * math.log2(width / height))))


def decode_ratio(byte: int) -> float:
    """Return width by height of a photo, by its byte in the layout."""
    if byte == UNKNOWN_RATIO_BYTE:
        return UNKNOWN_RATIO
    return float(2 ** ((byte - _SQUARE) / RATIO_STEPS))


def layout_bytes(layout: Layout) -> bytes:
    """Return a layout as it is sent, see docs/formats/timeline-layout.md."""
    header = LAYOUT_HEADER.pack(_LAYOUT_MAGIC, LAYOUT_FORMAT, LAYOUT_HEADER.size, len(layout.ratios), 0, layout.version)
    return header + layout.ratios


def plan_batches(months: Sequence[MonthCount], most_photos: int) -> Iterator[list[MonthCount]]:
    """Divide months into batches of so many photos, in their order; a larger month is a batch of its own."""
    batch: list[MonthCount] = []
    for month in months:
        if batch and sum(other.count for other in batch) + month.count > most_photos:
            yield batch
            batch = []
        batch.append(month)
    if batch:
        yield batch
