"""Rows of photos."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId


class PhotoStatus(StrEnum):
    """Where a photo is in its life."""

    UPLOADED = "UPLOADED"
    """Bytes complete in the spool, checksum verified."""
    INGESTED = "INGESTED"
    """Row created, metadata read, deduplicated."""
    PROCESSING = "PROCESSING"
    """Derivatives are being made."""
    PROCESSED = "PROCESSED"
    """Fully displayable."""
    STORED = "STORED"
    """Fully displayable, original verified at home, spool freed."""
    FAILED = "FAILED"
    """Metadata or derivatives are exhausted; shown as far as it goes, and retryable."""


@dataclass(frozen=True, slots=True)
class Taken:
    """When a photo was taken.

    Attributes:
        local: What the clock on the wall said; naive.
        at: The moment, aware, in UTC; by `offset_minutes`, or as if the clock showed UTC where that is None.
        offset_minutes: The zone's distance from UTC, None when unknown.
        source: exif, xmp, sidecar, container, filename, mtime or upload.
    """

    local: datetime
    at: datetime
    offset_minutes: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Camera:
    """What took the photo, and how."""

    make: str | None = None
    model: str | None = None
    lens: str | None = None
    iso: int | None = None
    aperture: float | None = None
    exposure_s: float | None = None
    focal_length_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where the photo was taken, in degrees WGS 84 and metres."""

    latitude: float
    longitude: float
    altitude_m: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the file says about the photo; read again whenever the metadata step's version grows."""

    taken: Taken
    width: int | None
    height: int | None
    orientation: int
    position: Position | None
    camera: Camera
    rating: int | None
    description: str
    tags: tuple[str, ...]
    raw_tags: Mapping[str, object]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewPhoto:
    """A photo to be created, with its primary file."""

    id: PhotoId
    owner_id: UserId
    kind: str
    mime: str
    filename: str
    size_bytes: int
    checksum: Checksum
    facts: Facts


@dataclass(frozen=True, slots=True)
class Source:
    """Where a photo came from; the same photo may have come many times."""

    kind: str
    name: str
    modified_at: datetime | None = None
    device_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """What the derive step learned from the pixels."""

    width: int
    height: int
    placeholder: bytes
    perceptual_hash: bytes
    damaged: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo as its row and its primary file tell."""

    id: PhotoId
    owner_id: UserId
    status: PhotoStatus
    kind: str
    mime: str
    filename: str
    size_bytes: int
    checksum: Checksum | None
    width: int | None
    height: int | None
    orientation: int
    duration_ms: int | None
    taken: Taken
    position: Position | None
    camera: Camera
    placeholder: bytes | None
    derive_version: int
    damaged: str | None
    favorite: bool
    archived: bool
    sensitive: bool
    category: str | None
    is_primary: bool
    rating: int | None
    description: str
    tags: tuple[str, ...]
    organization_status: str
    organized_at: datetime | None
    stored_at: datetime | None
    deleted_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_stored(self) -> bool:
        """Whether the original is verified at home."""
        return self.stored_at is not None

    @property
    def ratio(self) -> float | None:
        """Width over height, upright; None while unknown."""
        return self.width / self.height if self.width and self.height else None


@dataclass(frozen=True, slots=True)
class PhotoFilter:
    """Which photos a list shows; None means any."""

    status: PhotoStatus | None = None
    favorite: bool | None = None
    archived: bool = False
    kind: str | None = None
    taken_from: datetime | None = None
    taken_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A photo of the owner that has these bytes already."""

    photo_id: PhotoId
    checksum: Checksum
    in_trash: bool
    stored_at: datetime | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """What is left to be done for a photo that is being purged.

    Attributes:
        checksums: Of all its files.
    """

    owner_id: UserId
    photo_id: PhotoId
    checksums: tuple[Checksum, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A source that tried to bring purged bytes back, how often, and when last."""

    kind: str
    name: str
    device_id: UUID | None
    last_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Bytes that their owner purged.

    Attributes:
        filename: What the photo's file was called.
        created_at: When it was purged.
        allowed_at: When a person allowed the bytes again; the next upload is taken, and ends the tombstone.
        refused_count: Attempts to bring them back, of all sources.
        refusals: The latest of those sources, latest first.
    """

    checksum: Checksum
    filename: str
    created_at: datetime
    allowed_at: datetime | None
    refused_count: int
    last_refused_at: datetime | None
    refusals: tuple[Refusal, ...] = ()
