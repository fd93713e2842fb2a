"""Dates and times as EXIF and XMP write them, and as cameras really do."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from afterglow.infra.imaging.metadata.text import decode
from afterglow.infra.imaging.metadata.tiff import Directories
from afterglow.kernel.clock import utc_now

FIRST_YEAR: Final = 1826
"""Year of the oldest photograph that survives (Niépce, View from the Window at Le Gras)."""
YEARS_AHEAD: Final = 1
"""A clock may be wrong by a time zone at new year, not by more."""
MIN_OFFSET_MINUTES: Final = -12 * 60
MAX_OFFSET_MINUTES: Final = 14 * 60
NOTE_VALUE_CHARS: Final = 40

_DATE_TIME = re.compile(
    r"(\d{4})[:\-/. ](\d{1,2})[:\-/. ](\d{1,2})[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?"
    r"(?:\s*(Z|[+-]\d{1,2}:?\d{2})$)?"
)
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})$")
_SUBSECOND = re.compile(r"(\d{1,9})\s*$")

# DateTimeOriginal, DateTimeDigitized, DateTime, each with its OffsetTime* and SubSecTime* (Exif 3.0, section 4.6.6.5).
_SOURCES: Final = (
    ("EXIF", 0x9003, 0x9011, 0x9291),
    ("EXIF", 0x9004, 0x9012, 0x9292),
    ("IFD0", 0x0132, 0x9010, 0x9290),
)


@dataclass(frozen=True, slots=True)
class LocalTime:
    """A wall clock, and minutes east of UTC where it is known."""

    taken_local: datetime
    offset_minutes: int | None


def taken_from_exif(found: Directories) -> LocalTime | None:
    """Return when the picture was taken, by the most specific date that makes sense; notes those that do not."""
    for directory, tag, offset_tag, subsecond_tag in _SOURCES:
        written = decode(found.raw(directory, tag))
        if not written:
            continue
        time = parse_local(written, found.notes)
        if time is None:
            continue
        offset = parse_offset(decode(found.raw("EXIF", offset_tag)), found.notes)
        subsecond = _SUBSECOND.match(decode(found.raw("EXIF", subsecond_tag)))
        local = time.taken_local
        if subsecond and not local.microsecond:
            local = local.replace(microsecond=_microseconds(subsecond[1]))
        return LocalTime(local, time.offset_minutes if offset is None else offset)
    return None


def parse_local(written: str, notes: list[str]) -> LocalTime | None:
    """Return a date and time, None with a note when it is not one or lies outside the age of photography."""
    match = _DATE_TIME.match(written)
    if not match:
        if written.strip(" :-0"):
            notes.append(f"date.unreadable: {written[:NOTE_VALUE_CHARS]}")
        else:
            notes.append(f"date.absurd: {written[:NOTE_VALUE_CHARS]}".rstrip())
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.group(1, 2, 3, 4, 5, 6))
    try:
        local = datetime(year, month, day, hour, minute, second, _microseconds(match[7] or "0"))
    except ValueError:
        local = None
    if local is None or not FIRST_YEAR <= year <= utc_now().year + YEARS_AHEAD:
        notes.append(f"date.absurd: {written[:NOTE_VALUE_CHARS]}")
        return None
    return LocalTime(local, parse_offset(match[8] or "", notes))


def parse_offset(written: str, notes: list[str]) -> int | None:
    """Return minutes east of UTC, None when there is none; notes one that no place on earth has."""
    if not written.strip(" :"):
        return None
    if written == "Z":
        return 0
    match = _OFFSET.match(written)
    minutes = int(match[2]) * 60 + int(match[3]) if match else 0
    signed = -minutes if match and match[1] == "-" else minutes
    if not match or int(match[3]) >= 60 or not MIN_OFFSET_MINUTES <= signed <= MAX_OFFSET_MINUTES:  # noqa: PLR2004 - minutes of an hour
        notes.append(f"offset.absurd: {written[:NOTE_VALUE_CHARS]}")
        return None
    return signed


def gps_time(found: Directories) -> datetime | None:
    """Return the time of the position fix in UTC; notes one that makes no sense."""
    written = decode(found.raw("GPS", 0x001D))
    clock = found.numbers("GPS", 0x0007)
    if not written or len(clock) != len(("hour", "minute", "second")):
        return None
    try:
        year, month, day = (int(part) for part in re.split(r"[:\-/. ]", written.strip())[:3])
        seconds = sum(part * unit for part, unit in zip(clock, (3600, 60, 1), strict=True) if part is not None)
        moment = datetime(year, month, day, tzinfo=UTC) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        moment = None
    day_seconds = timedelta(days=1).total_seconds()
    if moment is None or None in clock or not 0 <= seconds <= day_seconds or not _in_gps_age(moment):
        found.notes.append(f"gps.time-absurd: {written[:NOTE_VALUE_CHARS]}")
        return None
    return moment


def _in_gps_age(moment: datetime) -> bool:
    return 1980 <= moment.year <= utc_now().year + YEARS_AHEAD  # noqa: PLR2004 - GPS time begins on 1980-01-06


def _microseconds(fraction: str) -> int:
    return int(fraction[:6].ljust(6, "0"))
