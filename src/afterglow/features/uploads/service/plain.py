"""One plain file: streamed into the spool, and made a photo when its form has ended well."""

from collections.abc import AsyncIterator

from afterglow.features.access.service import Action, require_action
from afterglow.features.ingest import service as ingest
from afterglow.features.ingest.models import Accepted, Arrival
from afterglow.features.photos.models import Source
from afterglow.features.uploads.errors import BytesLostError, FileTooLargeError
from afterglow.features.uploads.service.ports import UploadPorts, require_room
from afterglow.infra.storage.errors import ReadBackMismatchError
from afterglow.kernel.errors import TooLargeError
from afterglow.kernel.ids import UploadId, new_id
from afterglow.kernel.principal import Principal
from afterglow.kernel.units import KIB

# What a form holds beside its file: boundaries, headers, and a field of the largest size or two.
_FORM_BYTES = 256 * KIB


async def require_room_for_file(ports: UploadPorts, principal: Principal, form_bytes: int | None) -> None:
    """Refuse a file that can't be taken before the first byte of its form is read.

    Args:
        ports: Of uploads.
        principal: Who sends it.
        form_bytes: Announced size of the whole form; None if it was not announced.

    Raises:
        ActionForbiddenError: The credential does not allow uploads.
        FileTooLargeError: It is larger than the limit, whatever else the form holds.
        StorageFullError: There is no room.
    """
    require_action(principal, Action.CHANGE)
    await require_room(ports, max((form_bytes or 0) - _FORM_BYTES, 0))


async def receive_file(ports: UploadPorts, principal: Principal, chunks: AsyncIterator[bytes]) -> UploadId:
    """Stream one plain file into the spool and return its upload; `accept_file` makes it a photo.

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
    except TooLargeError as error:
        await ports.ingest.spool.discard(upload_id)
        raise FileTooLargeError(limit=ports.limits.max_bytes) from error
    except BaseException:
        await ports.ingest.spool.discard(upload_id)
        raise
    return upload_id


async def accept_file(ports: UploadPorts, principal: Principal, upload_id: UploadId, source: Source) -> Accepted:
    """Make a plain file a photo.

    Raises:
        EmptyFileError: No bytes.
        UnsupportedFileTypeError: Not a photo or video of a kind that is taken.
        BytesLostError: The disk holds other bytes than came in.
        UnavailableError: The store is away; nothing is kept, send it again later.
    """
    try:
        return await ingest.accept(ports.ingest, Arrival(upload_id, principal.user_id, source))
    except ReadBackMismatchError as error:
        raise BytesLostError from error
    except BaseException:
        await ports.ingest.spool.discard(upload_id)
        raise


async def discard_file(ports: UploadPorts, upload_id: UploadId) -> None:
    """Throw away a plain file that will not become a photo."""
    await ports.ingest.spool.discard(upload_id)
