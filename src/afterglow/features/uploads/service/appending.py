"""Chunks of upload sessions: taken at their offset, durable before they are promised."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from afterglow.features.access.service import Action, require_action
from afterglow.features.uploads import repository
from afterglow.features.uploads.errors import (
    ChunkChecksumError,
    OffsetMismatchError,
    TooManyBytesError,
    UploadStalledError,
)
from afterglow.features.uploads.models import ExpectedDigest, SessionState, UploadSession
from afterglow.features.uploads.service.arrivals import Arrivals
from afterglow.features.uploads.service.ports import UploadPorts, require_room
from afterglow.features.uploads.service.sessions import find_own, promise, start_over, want
from afterglow.infra.storage.errors import PartSizeError, UploadBusyError
from afterglow.infra.storage.part_writer import PartWriter
from afterglow.kernel.clock import utc_now
from afterglow.kernel.errors import TooLargeError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import UploadId
from afterglow.kernel.principal import Principal
from afterglow.kernel.units import MIB

# Within a chunk as long as a whole film, so that a kill costs no more than this, and its session lives on meanwhile.
PROMISE_EVERY_BYTES = 64 * MIB

_BREAKS = (ConnectionError, UploadStalledError)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of one request.

    Attributes:
        offset_bytes: Where they begin: what was promised last.
        content: The bytes.
        announced_bytes: How many they are, if that is known.
        expected: What they hash to, if the client says so.
    """

    offset_bytes: int
    content: AsyncIterator[bytes]
    announced_bytes: int | None = None
    expected: ExpectedDigest | None = None


async def append(ports: UploadPorts, principal: Principal, upload_id: UploadId, chunk: Chunk) -> int:
    """Append a chunk and return the new offset; it is promised only after the bytes are durable.

    If the stream breaks off, what arrived is kept and promised, and the break is raised on; of a chunk whose hash is
    announced all or nothing is kept.

    Raises:
        UploadNotFoundError: No such session.
        OffsetMismatchError: The upload goes on elsewhere; from the start if the spool lost its bytes.
        UploadBusyError: Another chunk is being written; its request lets go if nothing comes to it.
        UploadStalledError: Nothing came for too long, or for a while and another request wants to write.
        TooManyBytesError: More bytes than the session announced; those beyond are not taken.
        ChunkChecksumError: Not the bytes that were announced; none of them is kept.
        StorageFullError: There is no room; what was promised before stays.
    """
    require_action(principal, Action.CHANGE)
    session = await _find_at(ports, principal, upload_id, chunk.offset_bytes)
    missing_bytes = session.size_bytes - chunk.offset_bytes
    if (chunk.announced_bytes or 0) > missing_bytes:
        raise TooManyBytesError(limit=session.size_bytes)
    await require_room(ports, missing_bytes)
    try:
        return await _append_locked(ports, principal, session, chunk)
    except PartSizeError as error:
        await start_over(ports, session)
        raise OffsetMismatchError(offset=0) from error
    except TooLargeError as error:
        raise TooManyBytesError(limit=session.size_bytes) from error
    except UploadBusyError:
        await want(ports, session)
        raise


async def _append_locked(ports: UploadPorts, principal: Principal, session: UploadSession, chunk: Chunk) -> int:
    began_at = utc_now()

    async def is_wanted() -> bool:
        async with ports.ingest.database.transaction([session.owner_id], read_only=True) as tx:
            return await repository.is_wanted(tx, session.owner_id, session.id, began_at)

    spool, offset_bytes = ports.ingest.spool, chunk.offset_bytes
    async with spool.writer(session.id, offset_bytes=offset_bytes, limit_bytes=session.size_bytes) as writer:
        # Once more under the writer's lock: another chunk may have been promised since.
        await _find_at(ports, principal, session.id, offset_bytes)
        async with Arrivals(chunk.content, is_wanted, ports.limits.stall_s) as arrivals:
            if chunk.expected:
                return await _write_checked(ports, session, writer, arrivals, chunk.expected)
            return await _write(ports, session, writer, arrivals)


async def _write(ports: UploadPorts, session: UploadSession, writer: PartWriter, arrivals: Arrivals) -> int:
    promised_bytes = writer.offset_bytes
    try:
        async for piece in arrivals:
            await writer.write(piece)
            if writer.offset_bytes - promised_bytes >= PROMISE_EVERY_BYTES:
                promised_bytes = await writer.sync()
                await promise(ports, session, promised_bytes)
    except _BREAKS as error:
        offset_bytes = await writer.sync()
        await promise(ports, session, offset_bytes)
        if isinstance(error, UploadStalledError):
            raise UploadStalledError(offset=offset_bytes) from error
        raise
    return await _sync(ports, session, writer)


async def _write_checked(
    ports: UploadPorts, session: UploadSession, writer: PartWriter, arrivals: Arrivals, expected: ExpectedDigest
) -> int:
    digest = hashlib.new(expected.algorithm, usedforsecurity=False)
    try:
        async for piece in arrivals:
            digest.update(piece)
            await writer.write(piece)
    except UploadStalledError as error:
        raise UploadStalledError(offset=await writer.rewind()) from error
    except ConnectionError:
        await writer.rewind()
        raise
    if digest.digest() != expected.digest:
        raise ChunkChecksumError(offset=await writer.rewind())
    return await _sync(ports, session, writer)


async def _sync(ports: UploadPorts, session: UploadSession, writer: PartWriter) -> int:
    offset_bytes = await writer.sync()
    fault_point("upload.after-sync")
    await promise(ports, session, offset_bytes)
    fault_point("upload.after-offset")
    return offset_bytes


async def _find_at(ports: UploadPorts, principal: Principal, upload_id: UploadId, offset_bytes: int) -> UploadSession:
    session = await find_own(ports, principal, upload_id)
    if session.state is SessionState.DONE or session.offset_bytes != offset_bytes:
        raise OffsetMismatchError(offset=session.offset_bytes)
    return session
