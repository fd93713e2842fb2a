"""What a file says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

TagValue = str | int | float | None | list["TagValue"] | dict[str, "TagValue"]
"""A raw value as JSON can hold it: finite numbers, strings without NUL."""

NO_TAGS: Final[Mapping[str, TagValue]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Metadata:
    """What was read, after absurd values were dropped.

    Attributes:
        width: Width as shown, after `orientation` [px]; None when the file does not tell.
        height: Height as shown, after `orientation` [px].
        orientation: How stored pixels become upright, EXIF 1-8; 1 when unknown.
        taken_local: What the clock on the wall said, naive; None when unknown.
        offset_minutes: Minutes east of UTC of that clock (-720 to 840), None when unknown.
        taken_source: Where `taken_local` comes from: "exif" or "xmp"; None with it.
        latitude: Degrees north (-90 to 90); given together with `longitude`.
        longitude: Degrees east (-180 to 180).
        altitude_m: Metres above sea level.
        gps_utc: Time of the position fix, aware, in UTC.
        camera_make: Maker of the camera.
        camera_model: Model of the camera.
        lens: Model of the lens.
        iso: Sensitivity, ISO 12232.
        aperture: F-number.
        exposure_s: Exposure time [s].
        focal_length_mm: Actual focal length [mm].
        rating: Stars, 1-5; None when unrated.
        description: What a person wrote about the picture.
        keywords: Words a person gave to the picture, in order, without repetition.
        tags: The raw tag set by name (`EXIF:DateTimeOriginal`, `EXIF:0xfde8` when the name is not known), JSON-able.
        notes: What was dropped or cut and why, such as `gps.zero`.
    """

    width: int | None = None
    height: int | None = None
    orientation: int = 1
    taken_local: datetime | None = None
    offset_minutes: int | None = None
    taken_source: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitude_m: float | None = None
    gps_utc: datetime | None = None
    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    iso: int | None = None
    aperture: float | None = None
    exposure_s: float | None = None
    focal_length_mm: float | None = None
    rating: int | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()
    tags: Mapping[str, TagValue] = field(default_factory=lambda: NO_TAGS)
    notes: tuple[str, ...] = ()


EMPTY: Final = Metadata()
