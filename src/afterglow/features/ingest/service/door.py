"""The one door: a sealed file in the spool becomes a photo, or nothing is left of it.

The order is the promise P-2. The bytes are durable, read back and hashed (`Spool.seal`), then in their place for good
(`ObjectStore.put`), then the row is committed, then the answer is given. A crash between the last two leaves a photo
that nobody was promised; a crash before leaves bytes without a row, which the sweep removes. A row without its bytes
can't come about.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from afterglow.features.ingest.errors import (
    ChecksumMismatchError,
    EmptyFileError,
    InfectedFileError,
    StoreBusyError,
    UnsupportedFileTypeError,
)
from afterglow.features.ingest.models import Accepted, Arrival, Receipt, ReceiptState
from afterglow.features.ingest.service.metadata import facts_of, taken_of
from afterglow.features.ingest.service.ports import IngestPorts, lock_key
from afterglow.features.ingest.service.receipts import receipt_of
from afterglow.features.photos import service as photos
from afterglow.features.photos.models import Known, NewPhoto, Source
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import PhotoFacts
from afterglow.infra.db.database import Tx
from afterglow.infra.imaging.metadata import Metadata, read_metadata
from afterglow.infra.imaging.sniff import DERIVABLE, SNIFF_BYTES, MediaType, sniff
from afterglow.infra.queue.port import Connection
from afterglow.infra.scanning.port import TooLargeToScanError
from afterglow.infra.storage.errors import (
    AlreadyThereButDifferentError,
    PartMissingError,
    SourceMissingError,
    storage_errors,
)
from afterglow.infra.storage.part import SealedFile
from afterglow.infra.storage.port import original_key
from afterglow.infra.storage.spool import Spool
from afterglow.infra.telemetry.traces import span
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import PhotoId, UserId, new_id

# What is about the file itself: nothing of it is kept.
REFUSALS = (
    EmptyFileError,
    UnsupportedFileTypeError,
    ChecksumMismatchError,
    InfectedFileError,
    TooLargeToScanError,
)

# A large file that is copied to another disk takes minutes; whoever waits longer may as well come again.
_PATIENCE_S = 60.0

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Also = Callable[[Tx, Accepted], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Proven:
    """What is known of a file before it has a row."""

    sealed: SealedFile
    media_type: MediaType
    metadata: Metadata


async def nothing_else(tx: Tx, accepted: Accepted) -> None:
    """Do nothing more in the transaction that accepts a file."""


async def accept(ports: IngestPorts, arrival: Arrival, also: Also = nothing_else) -> Accepted:
    """Make a photo of a complete file in the spool, or find the one that has its bytes already.

    Bytes that the owner has are put all the same: the store proves the copy it holds, or takes this one in its place
    if that is lost or rotten; only then the spool's copy goes (P-3). Bytes that the owner has purged are not kept.

    `also` runs in the transaction that commits the answer. On return the answer is committed and the spool part is
    gone. A file that is refused leaves nothing; on any other error it stays in the spool to be tried again.

    Raises:
        EmptyFileError: No bytes.
        UnsupportedFileTypeError: Not a photo or video of a kind that is taken, by its content.
        ChecksumMismatchError: Not the bytes that were announced.
        InfectedFileError: The malware scanner found something in it.
        TooLargeToScanError: The scanner does not take files of this size.
        UploadBusyError: Somebody is still writing, or accepting the same upload.
        PartMissingError: The spool holds nothing of it.
        StoreBusyError: The store has been busy with other files for long.
        UnavailableError: The store, the database or the scanner is away.
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
    await _require_clean(ports, arrival, sealed)
    metadata = await _read_metadata(sealed)
    async with _turn(ports), ports.database.lock(lock_key(sealed.checksum)) as connection:
        async with ports.database.transaction_on(connection, [arrival.owner_id]) as tx:
            known, is_purged = await photos.find_standing(tx, arrival.owner_id, sealed.checksum)
            if is_purged:
                refused = await _refuse(tx, arrival, sealed.checksum)
                await also(tx, refused)
        if is_purged:
            await ports.spool.discard(arrival.upload_id)
            return refused
        await _put(ports, connection, sealed)
        fault_point("ingest.after-put")
        async with ports.database.transaction_on(connection, [arrival.owner_id]) as tx:
            proven = _Proven(sealed, media_type, metadata)
            accepted = await _record(tx, ports.store.name, arrival, proven, was_known=known is not None)
            await also(tx, accepted)
            fault_point("ingest.before-commit")
    fault_point("ingest.after-commit")
    return accepted


@asynccontextmanager
async def _turn(ports: IngestPorts) -> AsyncIterator[None]:
    """Wait for one's turn at the store, but not for ever: a disk that hangs must not collect requests."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await ports.puts.acquire()
    except TimeoutError as error:
        raise StoreBusyError from error
    try:
        yield
    finally:
        ports.puts.release()


async def _put(ports: IngestPorts, connection: Connection, sealed: SealedFile) -> None:
    """Bring the bytes into their place; a rotten copy that lies there is set aside for them."""
    try:
        await ports.store.put(original_key(sealed.checksum), sealed.path, sealed.checksum)
    except AlreadyThereButDifferentError:
        await _replace_rotten(ports, connection, sealed)
    except SourceMissingError as error:
        # Accepted by another request, or discarded, while this one waited for the lock.
        raise PartMissingError from error


async def _replace_rotten(ports: IngestPorts, connection: Connection, sealed: SealedFile) -> None:
    # Whoever relies on the copy must know before it goes, should this be the last that we do.
    async with ports.database.transaction_on(connection, []) as tx:
        await photos.doubt_original(tx, sealed.checksum, ports.store.name)
    fault_point("ingest.after-doubt")
    key = original_key(sealed.checksum)
    try:
        set_aside = await ports.store.replace_corrupt(key, sealed.path, sealed.checksum)
    except SourceMissingError as error:
        raise PartMissingError from error
    log.error("rotten original replaced by a new upload of it", key=key, set_aside=set_aside)


async def _read_metadata(sealed: SealedFile) -> Metadata:
    with storage_errors(f"read {sealed.path.name}"):
        try:
            return await asyncio.to_thread(read_metadata, sealed.path)
        except FileNotFoundError as error:
            raise PartMissingError from error


async def _require_clean(ports: IngestPorts, arrival: Arrival, sealed: SealedFile) -> None:
    with storage_errors(f"scan {sealed.path.name}"):
        try:
            signature = await ports.scanner.find_malware(sealed.path)
        except FileNotFoundError as error:
            raise PartMissingError from error
    if signature is not None:
        log.warning("infected file refused", upload_id=str(arrival.upload_id), signature=signature)
        raise InfectedFileError(signature=signature)


async def _require_type(spool: Spool, arrival: Arrival, sealed: SealedFile) -> MediaType:
    if sealed.size_bytes == 0:
        raise EmptyFileError
    media_type = sniff(await spool.head(arrival.upload_id, SNIFF_BYTES))
    if media_type is None:
        raise UnsupportedFileTypeError(filename=arrival.source.name)
    return media_type


async def find_settled(tx: Tx, owner_id: UserId, checksum: Checksum) -> Accepted | None:
    """Return the answer for bytes that this owner has stored or has purged; None if they are wanted."""
    known, is_purged = await photos.find_standing(tx, owner_id, checksum)
    if known and known.stored_at:
        return await _duplicate(tx, owner_id, known)
    return Accepted(checksum, None, is_tombstoned=True) if is_purged else None


async def settle(tx: Tx, owner_id: UserId, checksum: Checksum, source: Source) -> Accepted | None:
    """Return as `find_settled`, and remember which source brought the bytes again."""
    settled = await find_settled(tx, owner_id, checksum)
    if settled and settled.is_tombstoned:
        await photos.record_refusal(tx, owner_id, checksum, source)
    elif settled and settled.photo_id:
        await photos.add_source(tx, owner_id, settled.photo_id, source)
    return settled


async def _refuse(tx: Tx, arrival: Arrival, checksum: Checksum) -> Accepted:
    await photos.record_refusal(tx, arrival.owner_id, checksum, arrival.source)
    return Accepted(checksum, None, is_tombstoned=True)


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


async def _record(tx: Tx, store: str, arrival: Arrival, proven: _Proven, *, was_known: bool) -> Accepted:
    """Record an original that now lies in the store, and the photo it is, unless the owner has that already.

    The caller holds the checksum's lock, and has held it since it saw whether the owner had a photo of these bytes: no
    photo can have been made of them since, but the one that was there may have been purged.
    """
    owner_id, sealed = arrival.owner_id, proven.sealed
    checksum = sealed.checksum
    verified_at = await photos.keep_original(
        tx, checksum, sealed.size_bytes, sealed.sha1, store, original_key(checksum)
    )
    known = (await photos.list_known(tx, owner_id, [checksum])).get(checksum) if was_known else None
    if known:
        await photos.add_source(tx, owner_id, known.photo_id, arrival.source)
        return await _duplicate(tx, owner_id, known)
    if not await photos.admit_checksum(tx, owner_id, checksum):
        # Purged since we looked: its order stands, waits for our lock, and takes this original with it.
        return await _refuse(tx, arrival, checksum)
    photo = _new_photo(tx, arrival, proven)
    await photos.create_photo(tx, photo, arrival.source)
    status = await pipeline.plan_photo(tx, owner_id, photo.id, _plan_facts(proven.media_type))
    return Accepted(checksum, photo.id, status, Receipt(ReceiptState.STORED, verified_at), tx.now)


def _new_photo(tx: Tx, arrival: Arrival, proven: _Proven) -> NewPhoto:
    return NewPhoto(
        id=PhotoId(new_id()),
        owner_id=arrival.owner_id,
        kind=proven.media_type.kind.value,
        mime=proven.media_type.mime,
        filename=arrival.source.name,
        size_bytes=proven.sealed.size_bytes,
        checksum=proven.sealed.checksum,
        facts=facts_of(proven.metadata, taken_of(proven.metadata, arrival.source.modified_at, tx.now)),
    )


def _plan_facts(media_type: MediaType) -> PhotoFacts:
    return PhotoFacts(is_derivable=media_type.mime in DERIVABLE, is_metadata_read=True, is_stored=True)
