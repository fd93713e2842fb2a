"""The end of an upload session: its file becomes a photo, once, however often it is asked for."""

import asyncio
from dataclasses import dataclass, replace

from afterglow.features.access.service import Action, require_action
from afterglow.features.ingest import service as ingest
from afterglow.features.ingest.models import Accepted, Arrival
from afterglow.features.photos.models import Source
from afterglow.features.uploads import repository
from afterglow.features.uploads.errors import OffsetMismatchError, UploadIncompleteError, UploadNotFoundError
from afterglow.features.uploads.models import SessionState, UploadSession
from afterglow.features.uploads.service.appending import Chunk, append
from afterglow.features.uploads.service.ports import UploadPorts
from afterglow.features.uploads.service.sessions import find_own, forget, get_session, start_over
from afterglow.infra.db.database import WRITE_TIMEOUT_MS, Tx
from afterglow.infra.storage.errors import PartMissingError, PartSizeError, ReadBackMismatchError
from afterglow.kernel.ids import UploadId
from afterglow.kernel.principal import Principal

# The spool does not hold what it promised: a disk was lost, or the server died between proof and answer.
_LOST = (PartMissingError, PartSizeError, ReadBackMismatchError)
# Between the move of a part and the commit of its photo lies one transaction, which may last as long as any.
_COMMIT_S = WRITE_TIMEOUT_MS / 1000
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Completed:
    """An upload that has come to its end, and what became of its file."""

    session: UploadSession
    accepted: Accepted


async def advance(
    ports: UploadPorts, principal: Principal, upload_id: UploadId, chunk: Chunk
) -> UploadSession | Completed:
    """Append a chunk, and complete the upload with its last byte; for protocols that know no other end.

    A complete upload whose file could not be stored yet is completed by an empty chunk at its end.

    Raises:
        AfterglowError: As `append` and `complete` do.
    """
    require_action(principal, Action.CHANGE)
    session = await find_own(ports, principal, upload_id)
    is_whole = session.offset_bytes == session.size_bytes == chunk.offset_bytes
    if not (is_whole and chunk.announced_bytes == 0):
        await append(ports, principal, upload_id, chunk)
    return await settle(ports, principal, upload_id)


async def settle(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> UploadSession | Completed:
    """Return where an upload stands; one that has all its bytes is completed first.

    So a client to which "all bytes are there" means "done" is told so only when it is.

    Raises:
        AfterglowError: As `complete` does.
    """
    require_action(principal, Action.CHANGE)
    session = await find_own(ports, principal, upload_id)
    return session if session.offset_bytes < session.size_bytes else await complete(ports, principal, upload_id)


async def complete(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> Completed:
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
            return Completed(session, await _repeat_answer(tx, session))
    if session.offset_bytes != session.size_bytes:
        raise UploadIncompleteError(offset=session.offset_bytes)
    return Completed(session, await accept_session(ports, session))


async def accept_session(ports: UploadPorts, session: UploadSession) -> Accepted:
    """Make a session's file a photo, all of whose bytes have arrived; raises as `complete` does."""

    async def also(tx: Tx, accepted: Accepted) -> None:
        await repository.mark_done(tx, session.owner_id, session.id, accepted.checksum, accepted.photo_id)

    source = Source("upload", session.filename, session.modified_at, session.device_id)
    arrival = Arrival(session.id, session.owner_id, source, session.checksum, session.size_bytes)
    try:
        return await ingest.accept(ports.ingest, arrival, also)
    except _LOST as error:
        # Another request may be about to commit, having moved the part away already.
        patience_s = _COMMIT_S if isinstance(error, PartMissingError) else 0.0
        if accepted := await _find_answer(ports, session, patience_s):
            return accepted
        await start_over(ports, session)
        raise OffsetMismatchError(offset=0) from error
    except ingest.REFUSALS:
        await forget(ports, session)
        raise


async def _find_answer(ports: UploadPorts, session: UploadSession, patience_s: float) -> Accepted | None:
    """Return the answer that another request gives to completing the session; None if there is none in time."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        async with ports.ingest.database.transaction([session.owner_id], read_only=True) as tx:
            latest = await repository.find_session(tx, session.owner_id, session.id)
            if latest and latest.state is SessionState.DONE:
                return await _repeat_answer(tx, latest)
        if latest is None or asyncio.get_running_loop().time() >= deadline:
            return None
        await asyncio.sleep(_LOOK_EVERY_S)


async def _repeat_answer(tx: Tx, session: UploadSession) -> Accepted:
    """Return the answer that completing this session gave before, or what has become of its bytes since."""
    settled = await ingest.find_settled(tx, session.owner_id, session.checksum) if session.checksum else None
    if settled is None:
        raise UploadNotFoundError
    # One transaction wrote both times if it was this upload that made the photo.
    is_own = settled.received_at == session.updated_at
    return replace(settled, is_duplicate=settled.is_duplicate and not is_own)
