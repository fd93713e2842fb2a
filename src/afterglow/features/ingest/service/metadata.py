"""What a file says about itself, in the photo's own words; at the door, and again for a newer reader."""

import asyncio
from datetime import UTC, datetime, timedelta

from afterglow.features.ingest.errors import OriginalUnreadableError
from afterglow.features.ingest.service.ports import IngestPorts
from afterglow.features.photos import service as photos
from afterglow.features.photos.models import Camera, Facts, PhotoStatus, Position, Taken
from afterglow.features.photos.rules import taken_by_clock, taken_by_moment
from afterglow.features.pipeline.rules import SIDECAR
from afterglow.features.pipeline.service import Completion
from afterglow.features.steps.models import Run
from afterglow.infra.db.database import Tx
from afterglow.infra.geo.zones import offset_minutes_at
from afterglow.infra.imaging.metadata import Metadata, read_metadata
from afterglow.infra.storage.port import original_key

# A modification time in the first hours of 1970 or before is a clock's zero, not a time.
_EARLIEST_MODIFIED = datetime(1970, 1, 2, tzinfo=UTC)
_CLOCK_AHEAD = timedelta(days=1)


async def refresh_metadata(ports: IngestPorts, run: Run) -> Completion:
    """Read a photo's metadata again from its original, for a newer version of the reader.

    Raises:
        PhotoNotFoundError: The photo was deleted meanwhile.
        OriginalUnreadableError: Its original can't be read now.
        UnavailableError: The store is away.
    """
    async with ports.database.transaction([run.owner_id], read_only=True) as tx:
        photo = await photos.get_owned_photo(tx, run.owner_id, run.photo_id)
    path = ports.store.local_path(original_key(photo.checksum)) if photo.checksum else None
    if path is None:
        return Completion(skipped_because="original.not-local")
    await ports.store.check()
    try:
        metadata = await asyncio.to_thread(read_metadata, path)
    except OSError as error:
        raise OriginalUnreadableError from error
    facts = facts_of(metadata, taken_of(metadata, None, photo.taken.at) if metadata.taken_local else photo.taken)

    async def apply(tx: Tx, status: PhotoStatus) -> None:
        await photos.replace_facts(tx, run.owner_id, run.photo_id, facts)
        await photos.set_status(tx, run.owner_id, run.photo_id, status)

    return Completion(apply, wakes=(SIDECAR,))


def taken_of(metadata: Metadata, modified_at: datetime | None, arrived_at: datetime) -> Taken:
    """Return when a photo was taken: by its file, else by a modification time that makes sense, else by its arrival."""
    if metadata.taken_local:
        taken = taken_by_clock(
            metadata.taken_local, metadata.offset_minutes, metadata.gps_utc, metadata.taken_source or "exif"
        )
        return taken if taken.offset_minutes is not None else _zoned(taken, metadata)
    if modified_at and _EARLIEST_MODIFIED <= modified_at <= arrived_at + _CLOCK_AHEAD:
        return taken_by_moment(modified_at, "mtime")
    return taken_by_moment(arrived_at, "upload")


def _zoned(taken: Taken, metadata: Metadata) -> Taken:
    """Return the photo's time with the zone of its position, where it has one."""
    if metadata.latitude is None or metadata.longitude is None:
        return taken
    offset_minutes = offset_minutes_at(metadata.latitude, metadata.longitude, taken.local)
    return taken_by_clock(taken.local, offset_minutes, None, taken.source)


def facts_of(metadata: Metadata, taken: Taken) -> Facts:
    """Return a file's metadata in the photo's own words."""
    position = None
    if metadata.latitude is not None and metadata.longitude is not None:
        position = Position(metadata.latitude, metadata.longitude, metadata.altitude_m)
    camera = Camera(
        metadata.camera_make,
        metadata.camera_model,
        metadata.lens,
        metadata.iso,
        metadata.aperture,
        metadata.exposure_s,
        metadata.focal_length_mm,
    )
    return Facts(
        taken=taken,
        width=metadata.width,
        height=metadata.height,
        orientation=metadata.orientation,
        position=position,
        camera=camera,
        rating=metadata.rating,
        description=metadata.description or "",
        tags=metadata.keywords,
        raw_tags=metadata.tags,
        notes=metadata.notes,
    )
