"""The one door: a sealed file in the spool becomes a photo, or nothing is left of it.

The order is the promise P-2. The bytes are durable, read back and hashed (`Spool.seal`), then in their place for good
(`ObjectStore.put`), then the row is committed, then the answer is given. A crash between the last two leaves a photo
that nobody was promised; a crash before leaves bytes without a row, which the sweep removes. A row without its bytes
can't come about.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from afterglow.features.ingest.errors import (
    ChecksumMismatchError,
    EmptyFileError,
    OriginalUnreadableError,
    UnsupportedFileTypeError,
)
from afterglow.features.ingest.models import Accepted, Arrival, Receipt, ReceiptState
from afterglow.features.photos import service as photos
from afterglow.features.photos.models import Camera, Facts, Known, NewPhoto, PhotoStatus, Position, Taken
from afterglow.features.photos.rules import taken_by_clock, taken_by_moment
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import SIDECAR, PhotoFacts
from afterglow.features.pipeline.service import Completion
from afterglow.features.steps.models import Run
from afterglow.infra.db.database import Database, Tx
from afterglow.infra.geo.zones import offset_minutes_at
from afterglow.infra.imaging.metadata import Metadata, read_metadata
from afterglow.infra.imaging.sniff import DERIVABLE, SNIFF_BYTES, MediaType, sniff
from afterglow.infra.storage.errors import PartMissingError, SourceMissingError, storage_errors
from afterglow.infra.storage.part import SealedFile
from afterglow.infra.storage.port import ObjectStore, original_key
from afterglow.infra.storage.spool import Spool
from afterglow.infra.telemetry.traces import span
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.clock import utc_now
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import PhotoId, UserId, new_id

# What is about the file itself: nothing of it is kept.
REFUSALS = (EmptyFileError, UnsupportedFileTypeError, ChecksumMismatchError)


# Longer than any put may take: its age is the time of its last byte, and large files are copied for minutes.
STRAY_ORIGINAL_AGE = timedelta(hours=24)
_SWEEP_BATCH = 1000
# Each holds a database connection for as long as the store takes, which for a copy to a slow disk is minutes.
_PUTS_AT_ONCE = 4
# A modification time in the first hours of 1970 or before is a clock's zero, not a time.
_EARLIEST_MODIFIED = datetime(1970, 1, 2, tzinfo=UTC)
_CLOCK_AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class IngestPorts:
    """What the door needs of the outside.

    Attributes:
        store: The store of originals at home.
        spool: Where arrivals lie.
        puts: Bounds how many arrivals go to the store at once.
    """

    database: Database
    store: ObjectStore
    spool: Spool
    puts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_PUTS_AT_ONCE))


Also = Callable[[Tx, Accepted], Awaitable[None]]


async def nothing_else(tx: Tx, accepted: Accepted) -> None:
    """Do nothing more in the transaction that accepts a file."""


async def accept(ports: IngestPorts, arrival: Arrival, also: Also = nothing_else) -> Accepted:
    """Make a photo of a complete file in the spool, or find the one that has its bytes already.

    Bytes that the owner has are put all the same: the store proves the copy it holds, or takes this one in its place
    if that is lost; only then the spool's copy goes (P-3). Bytes that the owner has purged are not kept.

    `also` runs in the transaction that commits the answer. On return the answer is committed and the spool part is
    gone. A file that is refused leaves nothing; on any other error it stays in the spool to be tried again.

    Raises:
        EmptyFileError: No bytes.
        UnsupportedFileTypeError: Not a photo or video of a kind that is taken, by its content.
        ChecksumMismatchError: Not the bytes that were announced.
        UploadBusyError: Somebody is still writing, or accepting the same upload.
        PartMissingError: The spool holds nothing of it.
        UnavailableError: The store or the database is away.
    """
    try:
        with span("ingest", upload_id=str(arrival.upload_id)):
            return await _accept(ports, arrival, also)
    except REFUSALS:
        await ports.spool.discard(arrival.upload_id)
        raise


async def _accept(ports: IngestPorts, arrival: Arrival, also: Also) -> Accepted:
    sealed = await ports.spool.seal(arrival.upload_id, size_bytes=arrival.size_bytes)
    fault_point("ingest.after-seal")
    if arrival.checksum is not None and sealed.checksum != arrival.checksum:
        raise ChecksumMismatchError(checksum=str(sealed.checksum))
    media_type = await _require_type(ports.spool, arrival, sealed)
    metadata = await _read_metadata(sealed)
    async with ports.puts, ports.database.lock(lock_key(sealed.checksum)) as connection:
        async with ports.database.transaction_on(connection, [arrival.owner_id]) as tx:
            settled = await find_settled(tx, arrival.owner_id, sealed.checksum)
            if settled and settled.is_tombstoned:
                await also(tx, settled)
        if settled and settled.is_tombstoned:
            await ports.spool.discard(arrival.upload_id)
            return settled
        try:
            await ports.store.put(original_key(sealed.checksum), sealed.path, sealed.checksum)
        except SourceMissingError as error:
            # Accepted by another request, or discarded, while this one waited for the lock.
            raise PartMissingError from error
        fault_point("ingest.after-put")
        async with ports.database.transaction_on(connection, [arrival.owner_id]) as tx:
            accepted = await _record(tx, ports.store.name, arrival, sealed, media_type, metadata)
            await also(tx, accepted)
            fault_point("ingest.before-commit")
    fault_point("ingest.after-commit")
    return accepted


async def _read_metadata(sealed: SealedFile) -> Metadata:
    with storage_errors(f"read {sealed.path.name}"):
        try:
            return await asyncio.to_thread(read_metadata, sealed.path)
        except FileNotFoundError as error:
            raise PartMissingError from error


async def _require_type(spool: Spool, arrival: Arrival, sealed: SealedFile) -> MediaType:
    if sealed.size_bytes == 0:
        raise EmptyFileError
    media_type = sniff(await spool.head(arrival.upload_id, SNIFF_BYTES))
    if media_type is None:
        raise UnsupportedFileTypeError(filename=arrival.source.name)
    return media_type


async def find_settled(tx: Tx, owner_id: UserId, checksum: Checksum) -> Accepted | None:
    """Return the answer for bytes that this owner has stored or has purged; None if they are wanted."""
    known = (await photos.list_known(tx, owner_id, [checksum])).get(checksum)
    if known and known.stored_at:
        return await _duplicate(tx, owner_id, known)
    if known is None and await photos.list_tombstoned(tx, owner_id, [checksum]):
        return Accepted(checksum, None, is_tombstoned=True)
    return None


async def _duplicate(tx: Tx, owner_id: UserId, known: Known) -> Accepted:
    photo = await photos.get_owned_photo(tx, owner_id, known.photo_id)
    return Accepted(
        known.checksum,
        known.photo_id,
        photo.status,
        receipt_of(known),
        known.received_at,
        is_duplicate=True,
        is_in_trash=known.in_trash,
    )


async def _record(
    tx: Tx, store: str, arrival: Arrival, sealed: SealedFile, media_type: MediaType, metadata: Metadata
) -> Accepted:
    """Record an original that now lies in the store, and the photo it is, unless the owner has that already."""
    owner_id = arrival.owner_id
    checksum = sealed.checksum
    await photos.keep_original(tx, checksum, sealed.size_bytes, sealed.sha1, store, original_key(checksum))
    known = (await photos.list_known(tx, owner_id, [checksum])).get(checksum)
    if known:
        await photos.add_source(tx, owner_id, known.photo_id, arrival.source)
        return await _duplicate(tx, owner_id, known)
    photo = NewPhoto(
        id=PhotoId(new_id()),
        owner_id=owner_id,
        kind=media_type.kind.value,
        mime=media_type.mime,
        filename=arrival.source.name,
        size_bytes=sealed.size_bytes,
        checksum=checksum,
        facts=facts_of(metadata, taken_of(metadata, arrival.source.modified_at, tx.now)),
    )
    await photos.create_photo(tx, photo, arrival.source)
    status = await pipeline.plan_photo(tx, owner_id, photo.id, _plan_facts(media_type))
    # As the database has it, so that asking again gives the same receipt.
    created = (await photos.list_known(tx, owner_id, [checksum]))[checksum]
    return Accepted(checksum, photo.id, status, receipt_of(created), created.received_at)


def _plan_facts(media_type: MediaType) -> PhotoFacts:
    return PhotoFacts(is_derivable=media_type.mime in DERIVABLE, is_metadata_read=True, is_stored=True)


def receipt_of(known: Known) -> Receipt:
    """Return what is proven of a photo's bytes."""
    if known.stored_at:
        return Receipt(ReceiptState.STORED, known.stored_at)
    return Receipt(ReceiptState.RECEIVED, known.received_at)


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


async def sweep_originals(ports: IngestPorts, min_age: timedelta = STRAY_ORIGINAL_AGE) -> int:
    """Remove originals that no row names, and leftovers of interrupted puts; return how many originals went.

    Walks the whole store. Nobody was promised these bytes: the receipt follows the row.

    Args:
        ports: Of the door.
        min_age: Younger ones are left alone; their row may be about to be committed.

    Raises:
        UnavailableError: The store or the database is away.
    """
    removed = 0
    newest = utc_now() - min_age
    batch: list[str] = []
    async for entry in ports.store.list_keys():
        if entry.modified_at <= newest:
            batch.append(entry.key)
        if len(batch) == _SWEEP_BATCH:
            removed += await _remove_unknown(ports, batch)
            batch = []
    removed += await _remove_unknown(ports, batch)
    await ports.store.remove_leftovers(min_age)
    return removed


async def _remove_unknown(ports: IngestPorts, keys: list[str]) -> int:
    removed = 0
    for key in await ports.database.run([], lambda tx: photos.list_unknown_objects(tx, ports.store.name, keys)):
        checksum = checksum_of(key)
        if checksum is None:
            continue
        async with ports.database.lock(lock_key(checksum)) as connection:
            async with ports.database.transaction_on(connection, []) as tx:
                still_unknown = await photos.list_unknown_objects(tx, ports.store.name, [key])
            removed += bool(still_unknown) and await ports.store.delete(key)
    return removed


def checksum_of(key: str) -> Checksum | None:
    """Return the checksum that a key of an original names; None for any other key."""
    try:
        checksum = Checksum.parse(key.rsplit("/", 1)[-1])
    except ValueError:
        return None
    return checksum if original_key(checksum) == key else None


async def list_receipts(tx: Tx, owner_id: UserId, checksums: list[Checksum]) -> dict[Checksum, tuple[PhotoId, Receipt]]:
    """Return what is proven of these bytes of this owner; nothing is said of bytes that only others have."""
    known = await photos.list_known(tx, owner_id, checksums)
    return {checksum: (entry.photo_id, receipt_of(entry)) for checksum, entry in known.items()}


def lock_key(checksum: Checksum) -> int:
    """Return the advisory lock that ingest, purge and sweep hold for a checksum: its first 64 bits, signed."""
    return int.from_bytes(checksum[:8], "big", signed=True)
