"""One photo leaves: its original, or a smaller version."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from afterglow.features.access.rules import Action
from afterglow.features.derivatives import service as derivatives
from afterglow.features.derivatives.service import FoundDerivative
from afterglow.features.downloads.errors import NoOriginalError, OriginalAwayError
from afterglow.features.downloads.rules.photos import THUMB_SIZE, DownloadSize, name_of, path_of
from afterglow.features.downloads.service.ports import DownloadPorts
from afterglow.features.photos import service as photos
from afterglow.infra.crypto.signed_urls import sign_url
from afterglow.infra.db.database import Database, Tx
from afterglow.infra.storage.port import original_key
from afterglow.kernel.ids import PhotoId
from afterglow.kernel.principal import Principal

SIGNED_URL_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Download:
    """A file that leaves, and the name it leaves under."""

    path: Path
    mime: str
    etag: str
    filename: str


async def sign_download(
    database: Database, ports: DownloadPorts, principal: Principal, photo_id: PhotoId, size: DownloadSize
) -> str:
    """Return a URL that gives the bytes to whoever holds it, for some minutes.

    Raises:
        PhotoNotFoundError: No such photo, or none that the principal may see.
        ActionForbiddenError: The credential does not allow originals.
    """
    action = Action.DOWNLOAD if size is DownloadSize.ORIGINAL else Action.VIEW
    async with database.transaction(principal.owners, read_only=True) as tx:
        photo = await photos.get_photo(tx, principal, photo_id, action)
    path, params = path_of(photo.id, size)
    return sign_url(ports.url_secret, path, tx.now + SIGNED_URL_LIFE, params | {"owner": str(photo.owner_id)})


async def find_download(
    database: Database, ports: DownloadPorts, principal: Principal, photo_id: PhotoId, size: DownloadSize
) -> Download:
    """Return where the bytes of a download lie.

    Raises:
        PhotoNotFoundError: No such photo, or none that the principal may see.
        ActionForbiddenError: The credential does not allow originals.
        NoOriginalError: The original is not held here.
        OriginalAwayError: Its disk is away.
        DerivativeNotReadyError: The smaller version is still being made, or being made again.
        NoDerivativeError: There will be none.
    """
    if size is DownloadSize.ORIGINAL:
        async with database.transaction(principal.owners, read_only=True) as tx:
            return await find_original(tx, ports, principal, photo_id)
    if size is DownloadSize.THUMB:
        found = await derivatives.find_thumbnail(database, ports.cache, principal, photo_id, THUMB_SIZE)
    else:
        found = await derivatives.find_preview(database, ports.cache, principal, photo_id)
    return _smaller(found, size)


async def find_original(tx: Tx, ports: DownloadPorts, principal: Principal, photo_id: PhotoId) -> Download:
    """Return where a photo's original lies.

    Raises:
        PhotoNotFoundError: No such photo, or none that the principal may see.
        ActionForbiddenError: The credential does not allow originals.
        NoOriginalError: It is not held here.
        OriginalAwayError: Its disk is away.
    """
    photo = await photos.get_photo(tx, principal, photo_id, Action.DOWNLOAD)
    path = ports.store.local_path(original_key(photo.checksum)) if photo.checksum else None
    if path is None:
        raise NoOriginalError
    if not await asyncio.to_thread(path.exists):
        await ports.store.check()
        raise OriginalAwayError
    return Download(path, photo.mime, str(photo.checksum), photo.filename)


def _smaller(found: FoundDerivative, size: DownloadSize) -> Download:
    filename = name_of(found.photo.filename, size, found.path.suffix)
    return Download(found.path, found.mime, found.etag, filename)
