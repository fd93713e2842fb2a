"""The trash: photos go in and come out as they were; they stay until their time is over or somebody purges them.

Calls may name tens of thousands of photos, so each is done in several transactions of bounded length: one that is cut
off has done a part, and is finished by sending it again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from afterglow.features.access.rules import Action
from afterglow.features.access.service import require_action
from afterglow.features.photos import repository
from afterglow.features.photos.events import PhotosRestored, PhotosTrashed
from afterglow.features.photos.models import Photo
from afterglow.features.photos.service.keys import decode_moment, parse_photo_id
from afterglow.features.photos.service.photos import get_photo
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.clock import utc_now
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import PhotoId, UserId
from afterglow.kernel.pages import Page, encode_cursor
from afterglow.kernel.principal import Principal

BATCH = 2_000
"""Photos of one transaction: a Raspberry Pi does it well within the 5 s that a write transaction may last."""


@dataclass(frozen=True, slots=True)
class TrashRules:
    """How long photos stay in the trash."""

    retention: timedelta


async def trash_photo(tx: Tx, principal: Principal, photo_id: PhotoId) -> None:
    """Put one photo into the trash; nothing changes if it is there already.

    Raises:
        PhotoNotFoundError: No such photo, or none that the principal may see.
        ActionForbiddenError: Its credential does not allow changes.
    """
    photo = await get_photo(tx, principal, photo_id, Action.CHANGE)
    await _trash(photo.owner_id, [photo.id], tx.now, tx)


async def trash_photos(database: Database, principal: Principal, photo_ids: Sequence[PhotoId]) -> int:
    """Put photos into the trash and return how many were not in it yet; those that are not the principal's don't count.

    Raises:
        ActionForbiddenError: Its credential does not allow changes.
    """
    require_action(principal, Action.CHANGE)
    owner_id, moment = principal.user_id, utc_now()
    count = 0
    for batch in batches_of(photo_ids):
        count += await database.run([owner_id], partial(_trash, owner_id, batch, moment))
        fault_point("trash.after-commit")
    return count


async def restore_photos(database: Database, principal: Principal, photo_ids: Sequence[PhotoId]) -> int:
    """Take photos out of the trash, as they were; return how many were in it.

    Raises:
        ActionForbiddenError: The credential does not allow changes.
    """
    require_action(principal, Action.CHANGE)
    owner_id = principal.user_id
    count = 0
    for batch in batches_of(photo_ids):
        count += await database.run([owner_id], partial(_restore, owner_id, batch))
        fault_point("trash.after-commit")
    return count


async def list_trash(tx: Tx, principal: Principal, cursor: str | None, limit: int) -> Page[Photo]:
    """Return the principal's trash, newest deletion first, stable while photos come and go.

    Raises:
        ActionForbiddenError: The credential does not allow to see photos.
        BadCursorError: The cursor was not made by this list.
    """
    require_action(principal, Action.VIEW)
    after = decode_moment(cursor, parse_photo_id) if cursor else None
    found = await repository.list_trash(tx, principal.user_id, after, limit + 1)
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    return Page(shown, encode_cursor(last.deleted_at.isoformat(), str(last.id)) if last and last.deleted_at else None)


def batches_of(photo_ids: Sequence[PhotoId]) -> Iterator[list[PhotoId]]:
    """Iterate over photos in batches of a transaction, each photo once, in the order in which rows are locked."""
    distinct = sorted(set(photo_ids))
    for start in range(0, len(distinct), BATCH):
        yield distinct[start : start + BATCH]


async def _trash(owner_id: UserId, photo_ids: Sequence[PhotoId], moment: datetime, tx: Tx) -> int:
    trashed = await repository.trash_photos(tx, owner_id, photo_ids, moment)
    if trashed:
        tx.emit(PhotosTrashed(owner_id, trashed))
    fault_point("trash.before-commit")
    return len(trashed)


async def _restore(owner_id: UserId, photo_ids: Sequence[PhotoId], tx: Tx) -> int:
    restored = await repository.restore_photos(tx, owner_id, photo_ids)
    if restored:
        tx.emit(PhotosRestored(owner_id, restored))
    fault_point("trash.before-commit")
    return len(restored)
