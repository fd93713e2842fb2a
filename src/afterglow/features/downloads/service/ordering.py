"""Ordering an archive: what was chosen is looked for, named, placed and frozen; nothing of it is read yet."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from afterglow.features.access.service import Action, require_action
from afterglow.features.downloads import repository
from afterglow.features.downloads.errors import (
    NothingChosenError,
    TooManyDownloadsError,
    TooManyPhotosError,
)
from afterglow.features.downloads.models import ArchivePlan, ChosenFile, DownloadId
from afterglow.features.downloads.rules.plan import plan_archive
from afterglow.features.downloads.service.ports import DownloadPorts
from afterglow.features.photos import service as photos
from afterglow.features.photos.errors import PhotoNotFoundError
from afterglow.features.photos.models import PhotoFilter
from afterglow.infra.crypto.signed_urls import sign_url
from afterglow.infra.db.database import Database, Tx
from afterglow.infra.storage.errors import storage_errors
from afterglow.infra.storage.port import ObjectStore, original_key
from afterglow.infra.storage.threads import finish_in_thread
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.clock import utc_now
from afterglow.kernel.ids import PhotoId, UserId, new_id
from afterglow.kernel.principal import Principal

MAX_PHOTOS = 50_000
# Of all archives of an owner that have not expired: rows that a client in a loop would make without end.
MAX_OPEN_ITEMS = 500_000
# A download that began in its last second may last for a day; its rows are needed until then.
GRACE = timedelta(hours=24)
_LIST_BATCH = 2_000
_INSERT_BATCH = 5_000
_EXPIRE_BATCH = 100


@dataclass(frozen=True, slots=True)
class Ordered:
    """An archive that waits to be downloaded, and the URL that gives it to whoever holds it."""

    id: DownloadId
    url: str
    plan: ArchivePlan
    expires_at: datetime


async def order_photos(
    database: Database, ports: DownloadPorts, principal: Principal, photo_ids: Sequence[PhotoId]
) -> Ordered:
    """Order an archive of these photos. What lies in the trash or is not held is named in `missing` instead.

    Raises:
        ActionForbiddenError: The credential does not allow originals.
        PhotoNotFoundError: At least one of them is not there, or none that the principal may see.
        TooManyPhotosError: More than `MAX_PHOTOS`.
        TooManyDownloadsError: The owner has ordered more than can be kept.
        UnavailableError: The store or the database is away.
    """
    require_action(principal, Action.DOWNLOAD)
    wanted = set(photo_ids)
    if len(wanted) > MAX_PHOTOS:
        raise TooManyPhotosError(limit=MAX_PHOTOS)
    async with database.transaction(principal.owners, read_only=True) as tx:
        files = await repository.list_files(tx, principal.user_id, list(wanted))
    if {file.photo_id for file in files} != wanted:
        raise PhotoNotFoundError
    return await _order(database, ports, principal.user_id, files)


async def order_matching(database: Database, ports: DownloadPorts, principal: Principal, which: PhotoFilter) -> Ordered:
    """Order an archive of all photos that a list shows.

    Raises:
        ActionForbiddenError: The credential does not allow originals.
        NothingChosenError: There are none.
        TooManyPhotosError: They are more than `MAX_PHOTOS`.
        TooManyDownloadsError: The owner has ordered more than can be kept.
        UnavailableError: The store or the database is away.
    """
    require_action(principal, Action.DOWNLOAD)
    async with database.transaction(principal.owners, read_only=True) as tx:
        photo_ids = await _list_matching(tx, principal, which)
        files = await repository.list_files(tx, principal.user_id, photo_ids)
    if not files:
        raise NothingChosenError
    return await _order(database, ports, principal.user_id, files)


async def forget_expired(database: Database, grace: timedelta = GRACE) -> int:
    """Forget archives that nobody can ask for any more; return how many.

    Args:
        database: Where they are.
        grace: Time after their expiry for which a download that runs may last.
    """
    forgotten, before = 0, utc_now() - grace
    while gone := await database.run([], lambda tx: repository.expire_archives(tx, before, _EXPIRE_BATCH)):
        forgotten += gone
    return forgotten


async def _list_matching(tx: Tx, principal: Principal, which: PhotoFilter) -> list[PhotoId]:
    photo_ids: list[PhotoId] = []
    cursor: str | None = None
    while True:
        page = await photos.list_photos(tx, principal, which, cursor, _LIST_BATCH)
        photo_ids.extend(photo.id for photo in page.items)
        if len(photo_ids) > MAX_PHOTOS:
            raise TooManyPhotosError(limit=MAX_PHOTOS)
        cursor = page.next_cursor
        if cursor is None:
            return photo_ids


async def _order(database: Database, ports: DownloadPorts, owner_id: UserId, files: Sequence[ChosenFile]) -> Ordered:
    wanted = {file.checksum for file in files if file.checksum and not file.is_in_trash}
    held_bytes = await _measure(ports.store, wanted)
    download_id, created_at = DownloadId(new_id()), utc_now()
    # In a thread: for tens of thousands of files it takes a second, in which others want answers.
    plan = await asyncio.to_thread(plan_archive, files, held_bytes, created_at)
    expires_at = created_at + ports.archive_life

    await _freeze(database, owner_id, download_id, plan, created_at, expires_at)
    url = sign_url(ports.url_secret, f"/api/downloads/{download_id}", expires_at, {"owner": str(owner_id)})
    return Ordered(download_id, url, plan, expires_at)


async def _freeze(
    database: Database,
    owner_id: UserId,
    download_id: DownloadId,
    plan: ArchivePlan,
    created_at: datetime,
    expires_at: datetime,
) -> None:
    """Write an archive down, in short transactions; the last one, which is flushed, lets it be found."""

    async def begin(tx: Tx) -> None:
        await _require_measure(tx, owner_id, len(plan.items))
        await repository.insert_archive(tx, download_id, owner_id, plan, created_at, expires_at)

    async def insert(start: int, tx: Tx) -> None:
        await repository.insert_items(tx, download_id, owner_id, plan.items[start : start + _INSERT_BATCH])

    await database.run([owner_id], begin, repeatable=True)
    for start in range(0, len(plan.items), _INSERT_BATCH):
        await database.run([owner_id], partial(insert, start), repeatable=True)
    await database.run([owner_id], lambda tx: repository.mark_complete(tx, owner_id, download_id))


async def _require_measure(tx: Tx, owner_id: UserId, more: int) -> None:
    items, first_expiry = await repository.count_open_items(tx, owner_id)
    if first_expiry and items + more > MAX_OPEN_ITEMS:
        raise TooManyDownloadsError(limit=MAX_OPEN_ITEMS, retry_after=first_expiry - tx.now)


async def _measure(store: ObjectStore, checksums: Iterable[Checksum]) -> dict[Checksum, int | None]:
    """Return the sizes of originals, None where the store does not hold one.

    Raises:
        UnavailableError: The store is away: then all would seem to be missing.
    """
    paths = {checksum: store.local_path(original_key(checksum)) for checksum in checksums}
    await store.check()
    local = {checksum: path for checksum, path in paths.items() if path is not None}

    def measure_local() -> dict[Checksum, int | None]:
        with storage_errors("measure originals"):
            return {checksum: _size_of(path) for checksum, path in local.items()}

    found = await finish_in_thread(measure_local)
    for checksum in paths.keys() - local.keys():
        stat = await store.stat(original_key(checksum))
        found[checksum] = stat.size_bytes if stat else None
    return found


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
