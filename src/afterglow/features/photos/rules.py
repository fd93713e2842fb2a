"""The photo's states and its transition table (LIFE-1); pure. The database holds the same table and checks it again."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Final

from afterglow.features.photos.models import PhotoStatus, Taken

_AFTER_INGEST = (
    PhotoStatus.INGESTED,
    PhotoStatus.PROCESSING,
    PhotoStatus.PROCESSED,
    PhotoStatus.STORED,
    PhotoStatus.FAILED,
)

# Once ingested, the status follows from the steps, and a step may be planned anew or retried at any time; what never
# happens is a way back to UPLOADED, or past INGESTED without a row.
TRANSITIONS: Final = frozenset(
    {(PhotoStatus.UPLOADED, PhotoStatus.INGESTED), (PhotoStatus.UPLOADED, PhotoStatus.FAILED)}
    | set(permutations(_AFTER_INGEST, 2))
)


def may_become(current: PhotoStatus, new: PhotoStatus) -> bool:
    """Return whether the transition table allows this change."""
    return (current, new) in TRANSITIONS


# Zones lie between -12:00 and +14:00, in quarters of an hour (tz database).
_MIN_OFFSET_MINUTES: Final = -12 * 60
_MAX_OFFSET_MINUTES: Final = 14 * 60
_QUARTER: Final = 15
# A GPS fix may be some minutes older than the photo; more, and the difference says nothing about the zone.
_MAX_FIX_AGE_MINUTES: Final = 5


def taken_by_clock(local: datetime, offset_minutes: int | None, gps_utc: datetime | None, source: str) -> Taken:
    """Return when a photo was taken whose file holds a wall clock.

    The zone is the offset given, else the distance of the clock from the GPS fix's UTC when that is near enough
    to a quarter of an hour, else unknown.

    Args:
        local: The wall clock; naive.
        offset_minutes: The zone, as far as it is known otherwise.
        gps_utc: When the position was fixed; aware.
        source: What the clock was read from.
    """
    offset = offset_minutes if offset_minutes is not None else offset_from_fix(local, gps_utc)
    at = local.replace(tzinfo=UTC) - timedelta(minutes=offset or 0)
    return Taken(local, at, offset, source)


def taken_by_moment(moment: datetime, source: str) -> Taken:
    """Return when a photo was taken of which only a moment is known, such as a file's modification time.

    Its wall clock is unknown; the timeline places it by UTC.
    """
    at = moment.astimezone(UTC)
    return Taken(at.replace(tzinfo=None), at, None, source)


def offset_from_fix(local: datetime, gps_utc: datetime | None) -> int | None:
    """Return the zone, in minutes, that explains the wall clock by the GPS fix's UTC; None if none does."""
    if gps_utc is None:
        return None
    minutes = (local.replace(tzinfo=UTC) - gps_utc).total_seconds() / 60
    offset = round(minutes / _QUARTER) * _QUARTER
    if abs(minutes - offset) > _MAX_FIX_AGE_MINUTES or not _MIN_OFFSET_MINUTES <= offset <= _MAX_OFFSET_MINUTES:
        return None
    return offset
