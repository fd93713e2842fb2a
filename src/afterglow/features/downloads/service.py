"""Use cases of downloads."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from afterglow.features.access.rules import Action
from afterglow.features.downloads.errors import NoOriginalError, OriginalAwayError
from afterglow.features.downloads.rules import DownloadSize, path_of
from afterglow.features.photos import service as photos
from afterglow.features.photos.models import Photo
from afterglow.infra.crypto.signed_urls import sign_url
from afterglow.infra.db.database import Tx
from afterglow.infra.storage.port import ObjectStore, original_key
from afterglow.kernel.ids import PhotoId
from afterglow.kernel.principal import Principal

SIGNED_URL_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class DownloadPorts:
    """What downloads need of the outside.

    Attributes:
        url_secret: Key that signs URLs.
    """

    store: ObjectStore
    url_secret: bytes


@dataclass(frozen=True, slots=True)
class FoundOriginal:
    """An original that lies on the disk."""

    photo: Photo
    path: Path


async def sign_download(
    tx: Tx, ports: DownloadPorts, principal: Principal, photo_id: PhotoId, size: DownloadSize
) -> str:
    """Return a URL that gives the bytes to whoever holds it, for some minutes.

    Raises:
        PhotoNotFoundError: No such photo, or none that the principal may see.
        ActionForbiddenError: The credential does not allow originals.
    """
    action = Action.DOWNLOAD if size is DownloadSize.ORIGINAL else Action.VIEW
    photo = await photos.get_photo(tx, principal, photo_id, action)
    path, params = path_of(photo.id, size)
    return sign_url(ports.url_secret, path, tx.now + SIGNED_URL_LIFE, params | {"owner": str(photo.owner_id)})


async def find_original(tx: Tx, ports: DownloadPorts, principal: Principal, photo_id: PhotoId) -> FoundOriginal:
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
    return FoundOriginal(photo, path)
