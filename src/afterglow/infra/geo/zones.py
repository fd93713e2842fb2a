"""Time zones by position, offline."""

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def offset_minutes_at(latitude: float, longitude: float, local: datetime) -> int | None:
    """Return how far clocks at a position were from UTC, in minutes, when they showed `local`; None at sea.

    In the hour that repeats when summer time ends, the first pass is meant. Before zones were in whole minutes, the
    local mean time is rounded.

    Args:
        latitude: Degrees north (-90 to 90).
        longitude: Degrees east (-180 to 180).
        local: Wall clock; naive.

    References:
        Boundaries: timezone-boundary-builder (OpenStreetMap), simplified by `tzf`. Offsets: the tz database.
    """
    import tzfpy  # noqa: PLC0415 - 36 MB, and most processes never see a position

    name = tzfpy.get_tz(longitude, latitude)
    # Out at sea there are nautical zones, which no clock shows.
    if not name or name.startswith("Etc/"):
        return None
    try:
        offset = ZoneInfo(name).utcoffset(local)
    except ZoneInfoNotFoundError:
        return None
    return round(offset.total_seconds() / 60) if offset is not None else None
