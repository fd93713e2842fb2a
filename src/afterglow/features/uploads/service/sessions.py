"""Upload sessions: opened, filled chunk by chunk, completed; they go on after any break."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from afterglow.features.access.service import Action, require_action
from afterglow.features.ingest import service as ingest
from afterglow.features.ingest.errors import EmptyFileError
from afterglow.features.ingest.models import Accepted, Arrival
from afterglow.features.photos import service as photos
from afterglow.features.photos.models import Source
from afterglow.features.uploads import repository
from afterglow.features.uploads.errors import (
    OffsetMismatchError,
    TooManyBytesError,
    UploadIncompleteError,
    UploadNotFoundError,
)
from afterglow.features.uploads.models import SessionState, UploadRequest, UploadSession
from afterglow.features.uploads.service.ports import UploadPorts, require_room
from afterglow.infra.db.database import Tx
from afterglow.infra.storage.errors import PartMissingError, PartSizeError, ReadBackMismatchError
from afterglow.infra.storage.part_writer import PartWriter
from afterglow.kernel.errors import TooLargeError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import UploadId, UserId, new_id
from afterglow.kernel.principal import Principal
from afterglow.kernel.units import MIB

# Within a chunk as long as a whole film, so that a kill costs no more than this, and its session lives on meanwhile.
PROMISE_EVERY_BYTES = 64 * MIB

# The spool does not hold what it promised: a disk was lost, or the server died between proof and answer.
_LOST = (PartMissingError, PartSizeError, ReadBackMismatchError)


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session; with an answer if these bytes need no upload."""

    session: UploadSession
    settled: Accepted | None


async def open_session(ports: UploadPorts, principal: Principal, request: UploadRequest) -> OpenedSession:
    """Open an upload session; bytes that this owner has, or has purged, need no upload, and the session is done.

    Raises:
        ActionForbiddenError: The credential does not allow uploads.
        EmptyFileError: No bytes are to come.
        FileTooLargeError: The file is larger than the limit.
        StorageFullError: There is no room.
    """
    require_action(principal, Action.CHANGE)
    if request.size_bytes == 0:
        raise EmptyFileError
    owner_id, upload_id = principal.user_id, UploadId(new_id())

    async def work(tx: Tx) -> OpenedSession:
        settled = await ingest.find_settled(tx, owner_id, request.checksum) if request.checksum else None
        if settled is None:
            await require_room(ports, request.size_bytes)
        await repository.insert_session(tx, upload_id, owner_id, request, tx.now + ports.limits.ttl)
        if settled:
            await repository.mark_done(tx, owner_id, upload_id, settled.checksum, settled.photo_id)
        if settled and settled.photo_id:
            source = Source("upload", request.filename, request.modified_at)
            await photos.add_source(tx, owner_id, settled.photo_id, source)
        return OpenedSession(await get_session(tx, principal, upload_id), settled)

    return await ports.ingest.database.run(principal.owners, work)


async def get_session(tx: Tx, principal: Principal, upload_id: UploadId) -> UploadSession:
    """Return an upload session of the principal.

    Raises:
        UploadNotFoundError: No such session.
    """
    session = await repository.find_session(tx, principal.user_id, upload_id)
    if session is None:
        raise UploadNotFoundError
    return session


async def append(
    ports: UploadPorts,
    principal: Principal,
    upload_id: UploadId,
    offset_bytes: int,
    chunks: AsyncIterator[bytes],
    announced_bytes: int | None = None,
) -> int:
    """Append a chunk and return the new offset; it is promised only after the bytes are durable.

    If the stream breaks off, what arrived is kept and promised, and the break is raised on.

    Args:
        ports: Of uploads.
        principal: Whose session it is.
        upload_id: The session.
        offset_bytes: Where the chunk begins: what was promised last.
        chunks: Its bytes.
        announced_bytes: How many they are, if that is known.

    Raises:
        UploadNotFoundError: No such session.
        OffsetMismatchError: The upload goes on elsewhere; from the start if the spool lost its bytes.
        UploadBusyError: Another chunk is being written.
        TooManyBytesError: More bytes than the session announced; those beyond are not taken.
        StorageFullError: There is no room; what was promised before stays.
    """
    require_action(principal, Action.CHANGE)
    session = await _find_at(ports, principal, upload_id, offset_bytes)
    missing_bytes = session.size_bytes - offset_bytes
    if (announced_bytes or 0) > missing_bytes:
        raise TooManyBytesError(limit=session.size_bytes)
    await require_room(ports, missing_bytes)
    spool = ports.ingest.spool
    try:
        async with spool.writer(upload_id, offset_bytes=offset_bytes, limit_bytes=session.size_bytes) as writer:
            # Once more under the writer's lock: another chunk may have been promised since.
            await _find_at(ports, principal, upload_id, offset_bytes)
            return await _write(ports, session, writer, chunks)
    except PartSizeError as error:
        await _start_over(ports, session)
        raise OffsetMismatchError(offset=0) from error
    except TooLargeError as error:
        raise TooManyBytesError(limit=session.size_bytes) from error


async def _write(ports: UploadPorts, session: UploadSession, writer: PartWriter, chunks: AsyncIterator[bytes]) -> int:
    promised_bytes = writer.offset_bytes
    try:
        async for chunk in chunks:
            await writer.write(chunk)
            if writer.offset_bytes - promised_bytes >= PROMISE_EVERY_BYTES:
                promised_bytes = await writer.sync()
                await _promise(ports, session, promised_bytes)
    except ConnectionError:
        await _promise(ports, session, await writer.sync())
        raise
    offset_bytes = await writer.sync()
    fault_point("upload.after-sync")
    await _promise(ports, session, offset_bytes)
    fault_point("upload.after-offset")
    return offset_bytes


async def complete(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> Accepted:
    """Make the uploaded file a photo; completing again gives the same answer.

    Raises:
        UploadNotFoundError: No such session, or its photo has gone since.
        UploadIncompleteError: Bytes are missing.
        OffsetMismatchError: The spool lost the bytes (the server died between proof and answer); send them again.
        UnsupportedFileTypeError: Not a photo or video of a kind that is taken; the session is gone.
        ChecksumMismatchError: Not the bytes that were announced; the session is gone.
        UnavailableError: The store is away; complete again later, or leave it to the sweep.
    """
    require_action(principal, Action.CHANGE)
    async with ports.ingest.database.transaction(principal.owners, read_only=True) as tx:
        session = await get_session(tx, principal, upload_id)
        if session.state is SessionState.DONE:
            return await _repeat_answer(tx, session)
    if session.offset_bytes != session.size_bytes:
        raise UploadIncompleteError(offset=session.offset_bytes)
    return await accept_session(ports, session)


async def accept_session(ports: UploadPorts, session: UploadSession) -> Accepted:
    """Make a session's file a photo, all of whose bytes have arrived; raises as `complete` does."""

    async def also(tx: Tx, accepted: Accepted) -> None:
        await repository.mark_done(tx, session.owner_id, session.id, accepted.checksum, accepted.photo_id)

    source = Source("upload", session.filename, session.modified_at)
    arrival = Arrival(session.id, session.owner_id, source, session.checksum, session.size_bytes)
    try:
        return await ingest.accept(ports.ingest, arrival, also)
    except _LOST as error:
        async with ports.ingest.database.transaction([session.owner_id], read_only=True) as tx:
            latest = await repository.find_session(tx, session.owner_id, session.id)
            if latest and latest.state is SessionState.DONE:
                # Another request completed it while this one waited.
                return await _repeat_answer(tx, latest)
        await _start_over(ports, session)
        raise OffsetMismatchError(offset=0) from error
    except ingest.REFUSALS:
        await _forget(ports, session)
        raise


async def abort(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> None:
    """Forget an upload and its bytes; a photo that it already became stays.

    Raises:
        ActionForbiddenError: The credential does not allow uploads.
        UploadNotFoundError: No such session.
        UploadBusyError: A chunk is being written.
    """
    require_action(principal, Action.CHANGE)
    session = await _find(ports, principal, upload_id)
    await ports.ingest.spool.discard(upload_id)
    await _forget(ports, session)


async def _repeat_answer(tx: Tx, session: UploadSession) -> Accepted:
    """Return the answer that completing this session gave before, or what has become of its bytes since."""
    settled = await ingest.find_settled(tx, session.owner_id, session.checksum) if session.checksum else None
    if settled is None:
        raise UploadNotFoundError
    # One transaction wrote both times if it was this upload that made the photo.
    is_own = settled.received_at == session.updated_at
    return replace(settled, is_duplicate=settled.is_duplicate and not is_own)


async def _find(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> UploadSession:
    async with ports.ingest.database.transaction(principal.owners, read_only=True) as tx:
        return await get_session(tx, principal, upload_id)


async def _find_at(ports: UploadPorts, principal: Principal, upload_id: UploadId, offset_bytes: int) -> UploadSession:
    session = await _find(ports, principal, upload_id)
    if session.state is SessionState.DONE or session.offset_bytes != offset_bytes:
        raise OffsetMismatchError(offset=session.offset_bytes)
    return session


async def _promise(ports: UploadPorts, session: UploadSession, offset_bytes: int) -> None:
    async def work(tx: Tx) -> None:
        expires_at = tx.now + ports.limits.ttl
        await repository.update_offset(tx, session.owner_id, session.id, offset_bytes, expires_at)

    await ports.ingest.database.run([session.owner_id], work)


async def _start_over(ports: UploadPorts, session: UploadSession) -> None:
    """Take back what was promised of bytes that are lost; what is left of them proves nothing."""
    await ports.ingest.spool.discard(session.id)
    await _promise(ports, session, 0)


async def _forget(ports: UploadPorts, session: UploadSession) -> None:
    async def work(tx: Tx) -> None:
        await repository.delete_session(tx, session.owner_id, session.id)

    await ports.ingest.database.run([session.owner_id], work)


async def keep_alive(ports: UploadPorts, owner_id: UserId, upload_id: UploadId) -> UploadSession | None:
    """Begin a session's life anew and return it; None if it is gone or done."""

    async def work(tx: Tx) -> UploadSession | None:
        await repository.extend_session(tx, owner_id, upload_id, tx.now + ports.limits.ttl)
        return await repository.find_session(tx, owner_id, upload_id)

    session = await ports.ingest.database.run([owner_id], work)
    return session if session and session.state is SessionState.OPEN else None
