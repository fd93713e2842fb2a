"""One plain file: streamed into the spool, and made a photo when its form has ended well."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from afterglow.features.access.service import Action, require_action
from afterglow.features.ingest import service as ingest
from afterglow.features.ingest.models import Accepted, Arrival
from afterglow.features.photos.models import Source
from afterglow.features.uploads.errors import BytesLostError, FileTooLargeError
from afterglow.features.uploads.service.ports import UploadPorts, require_room
from afterglow.features.uploads.service.quota import require_quota
from afterglow.infra.db.database import Tx
from afterglow.infra.storage.errors import PartSizeError, ReadBackMismatchError
from afterglow.kernel.errors import TooLargeError
from afterglow.kernel.ids import UploadId, new_id
from afterglow.kernel.principal import Principal
from afterglow.kernel.units import KIB

# What a form holds beside its file: boundaries, headers, and a field of the largest size or two.
_FORM_BYTES = 256 * KIB


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A plain file that lies in the spool."""

    upload_id: UploadId
    size_bytes: int


async def require_room_for_file(ports: UploadPorts, principal: Principal, form_bytes: int | None) -> None:
    """Refuse a file that can't be taken before the first byte of its form is read.

    Args:
        ports: Of uploads.
        principal: Who sends it.
        form_bytes: Announced size of the whole form; None if it was not announced.

    Raises:
        ActionForbiddenError: The credential does not allow uploads.
        FileTooLargeError: It is larger than the limit, whatever else the form holds.
        QuotaExceededError: It is larger than what the owner's quota leaves, whatever else the form holds.
        StorageFullError: There is no room.
    """
    require_action(principal, Action.CHANGE)
    least_bytes = max((form_bytes or 0) - _FORM_BYTES, 1)
    await require_room(ports, least_bytes)
    await _require_quota(ports, principal, least_bytes)


async def _require_quota(ports: UploadPorts, principal: Principal, size_bytes: int) -> None:
    if principal.has_quota:
        async with ports.ingest.database.transaction(principal.owners, read_only=True) as tx:
            await require_quota(tx, principal.user_id, size_bytes)


async def receive_file(ports: UploadPorts, principal: Principal, chunks: AsyncIterator[bytes]) -> ReceivedFile:
    """Stream one plain file into the spool and return it; `accept_file` makes it a photo.

    Raises:
        ActionForbiddenError: The credential does not allow uploads.
        FileTooLargeError: More bytes than the limit; nothing is kept.
        StorageFullError: There is no room; nothing is kept.
    """
    require_action(principal, Action.CHANGE)
    upload_id = UploadId(new_id())
    try:
        async with ports.ingest.spool.writer(upload_id, limit_bytes=ports.limits.max_bytes) as writer:
            async for chunk in chunks:
                await writer.write(chunk)
        return ReceivedFile(upload_id, writer.offset_bytes)
    except TooLargeError as error:
        await ports.ingest.spool.discard(upload_id)
        raise FileTooLargeError(limit=ports.limits.max_bytes) from error
    except BaseException:
        await ports.ingest.spool.discard(upload_id)
        raise


async def accept_file(ports: UploadPorts, principal: Principal, file: ReceivedFile, source: Source) -> Accepted:
    """Make a plain file a photo.

    Raises:
        EmptyFileError: No bytes.
        UnsupportedFileTypeError: Not a photo or video of a kind that is taken.
        BytesLostError: The disk holds other bytes than came in.
        QuotaExceededError: More than the owner's quota leaves, now that its size is known.
        UnavailableError: The store is away; nothing is kept, send it again later.
    """

    async def within_quota(tx: Tx, accepted: Accepted) -> None:
        # For those that pass the look below at the same time: the file counts already, and nobody else can add one
        # before this commits. Its bytes stay without a row until the sweep.
        if principal.has_quota and accepted.photo_id and not accepted.is_duplicate:
            await require_quota(tx, principal.user_id, 0)

    try:
        await _require_quota(ports, principal, file.size_bytes)
        arrival = Arrival(file.upload_id, principal.user_id, source, size_bytes=file.size_bytes)
        return await ingest.accept(ports.ingest, arrival, within_quota)
    except PartSizeError as error:
        await ports.ingest.spool.discard(file.upload_id)
        raise BytesLostError from error
    except ReadBackMismatchError as error:
        raise BytesLostError from error
    except BaseException:
        await ports.ingest.spool.discard(file.upload_id)
        raise


async def discard_file(ports: UploadPorts, file: ReceivedFile) -> None:
    """Throw away a plain file that will not become a photo."""
    await ports.ingest.spool.discard(file.upload_id)
