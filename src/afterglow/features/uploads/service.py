"""Use cases of uploads: sessions that resume, and one plain file."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from afterglow.features.access.service import Action, require_action
from afterglow.features.ingest import service as ingest
from afterglow.features.ingest.models import Accepted, Arrival
from afterglow.features.ingest.service import IngestPorts
from afterglow.features.photos import service as photos
from afterglow.features.photos.models import Known, Source
from afterglow.features.uploads import repository
from afterglow.features.uploads.errors import (
    FileTooLargeError,
    OffsetMismatchError,
    UploadIncompleteError,
    UploadNotFoundError,
)
from afterglow.features.uploads.models import SessionState, UploadRequest, UploadSession
from afterglow.infra.db.database import Tx
from afterglow.infra.storage.errors import PartMissingError, UploadBusyError
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import UploadId, UserId, new_id
from afterglow.kernel.principal import Principal

# Parts whose upload nobody knows are left alone for this long: a plain upload has no session.
_STRAY_PART_AGE = timedelta(hours=1)
_SWEEP_BATCH = 500


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What an upload may cost.

    Attributes:
        max_bytes: Largest file.
        chunk_bytes: Chunk size that sessions suggest.
        ttl: Life of an unfinished upload after its last byte.
        reserve_bytes: Bytes that stay free on the disk.
        reserve_percent: Share of the disk that stays free (0-100).
    """

    max_bytes: int
    chunk_bytes: int
    ttl: timedelta
    reserve_bytes: int
    reserve_percent: float


@dataclass(frozen=True, slots=True)
class UploadPorts:
    """What uploads need of the outside."""

    ingest: IngestPorts
    limits: UploadLimits


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session, or the answer that none is needed."""

    session: UploadSession
    known: Known | None
    is_tombstoned: bool


async def open_session(ports: UploadPorts, principal: Principal, request: UploadRequest) -> OpenedSession:
    """Open an upload session; bytes that this owner has, or has purged, need no upload, and the session is done.

    Raises:
        ActionForbiddenError: The credential does not allow uploads.
        FileTooLargeError: The file is larger than the limit.
        StorageFullError: There is no room.
    """
    require_action(principal, Action.CHANGE)
    await _require_room(ports, request.size_bytes)
    upload_id = UploadId(new_id())

    async def work(tx: Tx) -> OpenedSession:
        known, is_tombstoned = await _find_settled(tx, principal.user_id, request)
        await repository.insert_session(tx, upload_id, principal.user_id, request, tx.now + ports.limits.ttl)
        if known:
            source = Source("upload", request.filename, request.modified_at)
            await photos.add_source(tx, principal.user_id, known.photo_id, source)
        if known or is_tombstoned:
            await repository.mark_done(tx, principal.user_id, upload_id, known.photo_id if known else None)
        session = await _get_session(tx, principal, upload_id)
        return OpenedSession(session, known, is_tombstoned)

    return await ports.ingest.database.run(principal.owners, work)


async def get_session(tx: Tx, principal: Principal, upload_id: UploadId) -> UploadSession:
    """Return an upload session of the principal.

    Raises:
        UploadNotFoundError: No such session.
    """
    return await _get_session(tx, principal, upload_id)


async def append(
    ports: UploadPorts, principal: Principal, upload_id: UploadId, offset_bytes: int, chunks: AsyncIterator[bytes]
) -> int:
    """Append a chunk and return the new offset; it is promised only after the bytes are durable.

    If the stream breaks off, what arrived is kept and promised, and the break is raised on.

    Raises:
        UploadNotFoundError: No such session.
        OffsetMismatchError: The upload goes on elsewhere.
        UploadBusyError: Another chunk is being written.
        TooLargeError: More bytes than announced; none of them are kept.
        StorageFullError: There is no room; what was promised before stays.
    """
    require_action(principal, Action.CHANGE)
    session = await _find_open(ports, principal, upload_id)
    if session.offset_bytes != offset_bytes:
        raise OffsetMismatchError(offset=session.offset_bytes)
    await _require_room(ports, 0)
    spool = ports.ingest.spool
    async with spool.writer(upload_id, offset_bytes=offset_bytes, limit_bytes=session.size_bytes) as writer:
        # Once more under the writer's lock: another chunk may have been promised since.
        session = await _find_open(ports, principal, upload_id)
        if session.offset_bytes != offset_bytes:
            raise OffsetMismatchError(offset=session.offset_bytes)
        try:
            async for chunk in chunks:
                await writer.write(chunk)
        except ConnectionError:
            await _promise(ports, session, await writer.sync())
            raise
        offset = await writer.sync()
        fault_point("upload.after-sync")
        await _promise(ports, session, offset)
    fault_point("upload.after-offset")
    return offset


async def complete(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> Accepted:
    """Make the uploaded file a photo; completing again gives the same answer.

    Raises:
        UploadNotFoundError: No such session.
        UploadIncompleteError: Bytes are missing.
        OffsetMismatchError: The spool lost the bytes (the server died between proof and answer); send them again.
        EmptyFileError: No bytes.
        UnsupportedFileTypeError: Not a photo or video of a kind that is taken; the session is gone.
        ChecksumMismatchError: Not the bytes that were announced; the session is gone.
        UnavailableError: The store is away; complete again later.
    """
    require_action(principal, Action.CHANGE)
    session = await _find(ports, principal, upload_id)
    if session.state is SessionState.DONE:
        return await _repeat_answer(ports, principal, session)
    if session.offset_bytes != session.size_bytes:
        raise UploadIncompleteError(offset=session.offset_bytes)

    async def also(tx: Tx, accepted: Accepted) -> None:
        await repository.mark_done(tx, session.owner_id, upload_id, accepted.photo_id)

    try:
        return await ingest.accept(ports.ingest, _arrival(session), also)
    except PartMissingError as error:
        await _promise(ports, session, 0)
        raise OffsetMismatchError(offset=0) from error
    except ingest.REFUSALS:
        await _forget(ports, session)
        raise


async def abort(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> None:
    """Forget an upload and its bytes; a photo that it already became stays.

    Raises:
        UploadNotFoundError: No such session.
        UploadBusyError: A chunk is being written.
    """
    session = await _find(ports, principal, upload_id)
    await ports.ingest.spool.discard(upload_id)
    await _forget(ports, session)


async def receive_file(
    ports: UploadPorts, principal: Principal, chunks: AsyncIterator[bytes], expected_bytes: int | None
) -> UploadId:
    """Stream one plain file into the spool and return its upload; `accept_file` makes it a photo.

    Raises:
        FileTooLargeError: More bytes than the limit; nothing is kept.
        StorageFullError: There is no room; nothing is kept.
    """
    require_action(principal, Action.CHANGE)
    await _require_room(ports, expected_bytes or 0)
    upload_id = UploadId(new_id())
    try:
        async with ports.ingest.spool.writer(upload_id, limit_bytes=ports.limits.max_bytes) as writer:
            async for chunk in chunks:
                await writer.write(chunk)
    except BaseException:
        await ports.ingest.spool.discard(upload_id)
        raise
    return upload_id


async def accept_file(ports: UploadPorts, principal: Principal, upload_id: UploadId, source: Source) -> Accepted:
    """Make a plain file a photo.

    Raises:
        EmptyFileError: No bytes.
        UnsupportedFileTypeError: Not a photo or video of a kind that is taken.
        UnavailableError: The store is away; nothing is kept, send it again later.
    """
    try:
        return await ingest.accept(ports.ingest, Arrival(upload_id, principal.user_id, source))
    except BaseException:
        await ports.ingest.spool.discard(upload_id)
        raise


async def discard_file(ports: UploadPorts, upload_id: UploadId) -> None:
    """Throw away a plain file that will not become a photo."""
    await ports.ingest.spool.discard(upload_id)


async def sweep(ports: UploadPorts, stray_age: timedelta = _STRAY_PART_AGE) -> int:
    """Forget expired sessions and remove parts that no open session owns; return how many parts went.

    A part counts as nobody's when it is older than `stray_age`: a plain upload has no session while it runs.
    """
    removed = 0
    spool = ports.ingest.spool
    expired = await ports.ingest.database.run([], lambda tx: repository.expire_sessions(tx, _SWEEP_BATCH))
    for upload_id in expired:
        removed += await _discard_idle(ports, upload_id)
    strays = [part.upload_id for part in await spool.list_parts(stray_age)]
    for start in range(0, len(strays), _SWEEP_BATCH):
        batch = strays[start : start + _SWEEP_BATCH]
        for upload_id in set(batch) - await _list_open(ports, batch):
            removed += await _discard_idle(ports, upload_id)
    return removed


async def _list_open(ports: UploadPorts, upload_ids: list[UploadId]) -> set[UploadId]:
    return await ports.ingest.database.run([], lambda tx: repository.list_open(tx, upload_ids), read_only=True)


async def _discard_idle(ports: UploadPorts, upload_id: UploadId) -> bool:
    try:
        return await ports.ingest.spool.discard(upload_id)
    except UploadBusyError:
        return False


async def _find_settled(tx: Tx, owner_id: UserId, request: UploadRequest) -> tuple[Known | None, bool]:
    if request.checksum is None:
        return None, False
    known = (await photos.list_known(tx, owner_id, [request.checksum])).get(request.checksum)
    if known:
        return (known if known.stored_at else None), False
    return None, bool(await photos.list_tombstoned(tx, owner_id, [request.checksum]))


async def _require_room(ports: UploadPorts, size_bytes: int) -> None:
    if size_bytes > ports.limits.max_bytes:
        raise FileTooLargeError(limit=ports.limits.max_bytes)
    await ports.ingest.spool.require_room(size_bytes, ports.limits.reserve_bytes, ports.limits.reserve_percent)


async def _repeat_answer(ports: UploadPorts, principal: Principal, session: UploadSession) -> Accepted:
    """Return the answer that completing this session gave before."""
    photo_id = session.photo_id
    if photo_id is None:
        return Accepted(session.checksum or Checksum(bytes(32)), None, is_tombstoned=True)
    async with ports.ingest.database.transaction(principal.owners, read_only=True) as tx:
        photo = await photos.get_owned_photo(tx, principal.user_id, photo_id)
        if photo.checksum is None:
            raise UploadNotFoundError
        receipts = await ingest.list_receipts(tx, principal.user_id, [photo.checksum])
    _, receipt = receipts[photo.checksum]
    return Accepted(photo.checksum, photo_id, photo.status, receipt, is_in_trash=photo.deleted_at is not None)


async def _find(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> UploadSession:
    async with ports.ingest.database.transaction(principal.owners, read_only=True) as tx:
        return await _get_session(tx, principal, upload_id)


async def _find_open(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> UploadSession:
    session = await _find(ports, principal, upload_id)
    if session.state is not SessionState.OPEN:
        raise OffsetMismatchError(offset=session.size_bytes)
    return session


async def _promise(ports: UploadPorts, session: UploadSession, offset_bytes: int) -> None:
    async def work(tx: Tx) -> None:
        expires_at = tx.now + ports.limits.ttl
        await repository.update_offset(tx, session.owner_id, session.id, offset_bytes, expires_at)

    await ports.ingest.database.run([session.owner_id], work)


async def _forget(ports: UploadPorts, session: UploadSession) -> None:
    async def work(tx: Tx) -> None:
        await repository.delete_session(tx, session.owner_id, session.id)

    await ports.ingest.database.run([session.owner_id], work)


def _arrival(session: UploadSession) -> Arrival:
    source = Source("upload", session.filename, session.modified_at)
    return Arrival(session.id, session.owner_id, source, session.checksum, session.size_bytes)


async def _get_session(tx: Tx, principal: Principal, upload_id: UploadId) -> UploadSession:
    session = await repository.find_session(tx, principal.user_id, upload_id)
    if session is None:
        raise UploadNotFoundError
    return session
