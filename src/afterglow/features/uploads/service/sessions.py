"""Upload sessions: opened, found, given up; they go on after any break."""

from dataclasses import dataclass

from afterglow.features.access.service import Action, require_action
from afterglow.features.ingest import service as ingest
from afterglow.features.ingest.errors import EmptyFileError
from afterglow.features.ingest.models import Accepted
from afterglow.features.photos.models import Source
from afterglow.features.uploads import repository
from afterglow.features.uploads.errors import UploadNotFoundError
from afterglow.features.uploads.models import SessionState, UploadRequest, UploadSession
from afterglow.features.uploads.service.ports import UploadPorts, require_room
from afterglow.features.uploads.service.quota import claim_session
from afterglow.infra.db.database import Tx
from afterglow.infra.storage.errors import UploadBusyError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import UploadId, UserId, new_id
from afterglow.kernel.principal import Principal


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
        TooManySessionsError: The owner has too many open ones.
        QuotaExceededError: The file is larger than what the owner's quota leaves.
        StorageFullError: There is no room.
    """
    require_action(principal, Action.CHANGE)
    if request.size_bytes == 0:
        raise EmptyFileError
    owner_id, upload_id = principal.user_id, UploadId(new_id())
    source = Source("upload", request.filename, request.modified_at, request.device_id)

    async def work(tx: Tx) -> OpenedSession:
        settled = await ingest.settle(tx, owner_id, request.checksum, source) if request.checksum else None
        if settled is None:
            await require_room(ports, request.size_bytes)
            await claim_session(ports, tx, owner_id, request.size_bytes)
        await repository.insert_session(tx, upload_id, owner_id, request, tx.now + ports.limits.ttl)
        if settled:
            await repository.mark_done(tx, owner_id, upload_id, settled.checksum, settled.photo_id)
        return OpenedSession(await get_session(tx, principal, upload_id), settled)

    opened = await ports.ingest.database.run(principal.owners, work)
    fault_point("upload.after-open")
    return opened


async def get_session(tx: Tx, principal: Principal, upload_id: UploadId) -> UploadSession:
    """Return an upload session of the principal.

    Raises:
        UploadNotFoundError: No such session.
    """
    session = await repository.find_session(tx, principal.user_id, upload_id)
    if session is None:
        raise UploadNotFoundError
    return session


async def find_own(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> UploadSession:
    """As `get_session`, in a transaction of its own."""
    async with ports.ingest.database.transaction(principal.owners, read_only=True) as tx:
        return await get_session(tx, principal, upload_id)


async def abort(ports: UploadPorts, principal: Principal, upload_id: UploadId) -> None:
    """Forget an upload and its bytes; a photo that it already became stays.

    Raises:
        ActionForbiddenError: The credential does not allow uploads.
        UploadNotFoundError: No such session.
        UploadBusyError: A chunk is being written; its request lets go if nothing comes to it.
    """
    require_action(principal, Action.CHANGE)
    session = await find_own(ports, principal, upload_id)
    try:
        await ports.ingest.spool.discard(upload_id)
    except UploadBusyError:
        await want(ports, session)
        raise
    await forget(ports, session)


async def want(ports: UploadPorts, session: UploadSession) -> None:
    """Note that a request could not get at a session, so that one to which nothing comes lets go of it."""

    async def work(tx: Tx) -> None:
        await repository.want_session(tx, session.owner_id, session.id)

    await ports.ingest.database.run([session.owner_id], work)


async def promise(ports: UploadPorts, session: UploadSession, offset_bytes: int) -> None:
    """Promise bytes that are durable; the session lives on from here."""

    async def work(tx: Tx) -> None:
        expires_at = tx.now + ports.limits.ttl
        await repository.update_offset(tx, session.owner_id, session.id, offset_bytes, expires_at)

    await ports.ingest.database.run([session.owner_id], work)


async def start_over(ports: UploadPorts, session: UploadSession) -> None:
    """Take back what was promised of bytes that are lost; what is left of them proves nothing."""
    await ports.ingest.spool.discard(session.id)
    await promise(ports, session, 0)


async def forget(ports: UploadPorts, session: UploadSession) -> None:
    """Forget a session."""

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
