"""The position that EXIF tells.

References:
    Exif 3.0, section 4.6.7 (GPS attribute information).
"""

from dataclasses import dataclass
from typing import Final

from afterglow.infra.imaging.metadata.text import decode
from afterglow.infra.imaging.metadata.tiff import Directories

MAX_LATITUDE: Final = 90.0
MAX_LONGITUDE: Final = 180.0
MIN_ALTITUDE_M: Final = -11_000.0  # below the deepest sea floor
MAX_ALTITUDE_M: Final = 100_000.0  # the edge of space
SEXAGESIMAL: Final = 60

_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE, _ALTITUDE_REF, _ALTITUDE = range(1, 7)
_BELOW_SEA: Final = frozenset({1, 3})  # 3: below, measured from the ellipsoid (Exif 3.0)


@dataclass(frozen=True, slots=True)
class Position:
    """A point on earth, in degrees north and east (WGS 84 by usage)."""

    latitude: float
    longitude: float


def position(found: Directories) -> Position | None:
    """Return where the picture was taken; notes a position that is not one.

    Latitude and longitude of exactly zero are what devices write without a fix: "null island" is dropped.
    """
    if not found.get("GPS", _LATITUDE) and not found.get("GPS", _LONGITUDE):
        return None
    latitude = _angle(found, _LATITUDE, _LATITUDE_REF, "NS")
    longitude = _angle(found, _LONGITUDE, _LONGITUDE_REF, "EW")
    if latitude is None or longitude is None:
        found.notes.append("gps.unreadable")
        return None
    if latitude == 0 and longitude == 0:
        found.notes.append("gps.zero")
        return None
    if abs(latitude) > MAX_LATITUDE or abs(longitude) > MAX_LONGITUDE:
        found.notes.append("gps.out-of-range")
        return None
    return Position(latitude, longitude)


def altitude_m(found: Directories) -> float | None:
    """Return metres above sea level; notes an altitude at which no camera works."""
    metres = found.number("GPS", _ALTITUDE)
    if metres is None:
        return None
    if found.number("GPS", _ALTITUDE_REF) in _BELOW_SEA:
        metres = -metres
    if not MIN_ALTITUDE_M <= metres <= MAX_ALTITUDE_M:
        found.notes.append("gps.altitude-absurd")
        return None
    return round(metres, 2)


def _angle(found: Directories, tag: int, reference_tag: int, letters: str) -> float | None:
    """Return signed degrees, None unless all parts and a known hemisphere are given."""
    parts = found.numbers("GPS", tag)
    hemisphere = decode(found.raw("GPS", reference_tag))[:1].upper()
    if not 1 <= len(parts) <= len(("degrees", "minutes", "seconds")) or hemisphere not in letters or not hemisphere:
        return None
    degrees = 0.0
    for power, part in enumerate(parts):
        # Sixty itself is let through: devices round 59.9999 up.
        if part is None or part < 0 or (power and part > SEXAGESIMAL):
            return None
        degrees += part / SEXAGESIMAL**power
    return round(-degrees if hemisphere == letters[1] else degrees, 8)
