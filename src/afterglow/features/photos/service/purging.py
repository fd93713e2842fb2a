"""The beginning of a purge, and the orders that say what is left to be done; `ingest` carries them out.

A photo is gone for everybody in the transaction that orders its purge: it is marked, its checksums are remembered, its
steps are over. Whatever dies after that, the order stands.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from afterglow.features.access.rules import Action
from afterglow.features.access.service import require_action
from afterglow.features.photos import repository
from afterglow.features.photos.models import PurgeOrder
from afterglow.features.photos.service.trash import BATCH, batches_of
from afterglow.features.steps import service as steps
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.clock import utc_now
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import PhotoId, UserId
from afterglow.kernel.principal import Principal

# A run that has lost its lease is stopped, but what it started may go on: a decoder for `decode_timeout_s`, a write on
# a slow disk. What that leaves behind is removed with the rest, after this.
_AFTERMATH = timedelta(minutes=2)


async def purge_photos(database: Database, principal: Principal, photo_ids: Sequence[PhotoId]) -> int:
    """Begin to purge photos that lie in the principal's trash; return how many. They are gone at once.

    Raises:
        ActionForbiddenError: The credential does not allow changes.
    """
    require_action(principal, Action.CHANGE)
    return await _purge_in_batches(database, principal.user_id, photo_ids, None)


async def empty_trash(database: Database, principal: Principal) -> int:
    """Begin to purge all that lies in the principal's trash now; return how many. They are gone at once.

    Raises:
        ActionForbiddenError: The credential does not allow changes.
    """
    require_action(principal, Action.CHANGE)
    owner_id, moment = principal.user_id, utc_now()
    count = 0
    while found := await database.run(
        [owner_id], lambda tx: repository.list_trashed_before(tx, owner_id, moment, BATCH), read_only=True
    ):
        count += await _purge_in_batches(database, owner_id, found, moment)
    return count


async def purge_expired(database: Database, retention: timedelta) -> int:
    """Begin to purge, for all owners, what has been in the trash for longer than the retention; return how many."""
    before = utc_now() - retention
    count = 0
    while found := await database.run([], lambda tx: repository.list_expired(tx, before, BATCH), read_only=True):
        for owner_id, of_owner in groupby(sorted(found), key=lambda entry: entry[0]):
            count += await _purge_in_batches(database, owner_id, [photo_id for _, photo_id in of_owner], before)
    return count


async def list_due_purges(tx: Tx, limit: int) -> list[PurgeOrder]:
    """Return orders whose time has come, across owners: no run is at their files any more."""
    return await repository.list_due(tx, limit)


async def has_purge(tx: Tx, order: PurgeOrder) -> bool:
    """Return whether an order still stands: another worker may have carried it out."""
    return await repository.has_order(tx, order)


async def delete_purging(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> int:
    """Remove the rows of photos that are being purged, with all that hangs on them; return how many there were."""
    return await repository.delete_purging(tx, owner_id, photo_ids)


async def list_used_checksums(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> set[Checksum]:
    """Return those of the checksums that a photo of the owner is made of, wherever it is."""
    return await repository.list_used(tx, owner_id, checksums)


async def forget_original(tx: Tx, checksum: Checksum, store: str) -> bool:
    """Forget that an original lies in a store, unless a photo of anybody is made of it; return whether it may go.

    The caller holds the checksum's lock until the object is gone.
    """
    return await repository.forget_original(tx, checksum, store)


async def finish_purge(tx: Tx, order: PurgeOrder) -> None:
    """Forget an order that is carried out."""
    await repository.delete_order(tx, order)


async def postpone_purge(tx: Tx, order: PurgeOrder, delay: timedelta) -> None:
    """Come back to an order after a while."""
    await repository.postpone_order(tx, order, delay)


async def _purge_in_batches(
    database: Database, owner_id: UserId, photo_ids: Sequence[PhotoId], deleted_before: datetime | None
) -> int:
    count = 0
    for batch in batches_of(photo_ids):
        count += await database.run([owner_id], partial(_mark, owner_id, batch, deleted_before))
        fault_point("purge.after-mark")
    return count


async def _mark(owner_id: UserId, photo_ids: Sequence[PhotoId], deleted_before: datetime | None, tx: Tx) -> int:
    marked = await repository.lock_trashed(tx, owner_id, photo_ids, deleted_before)
    if marked:
        leases = await steps.stop_all(tx, owner_id, marked)
        waits = {photo_id: lease_until + _AFTERMATH for photo_id, lease_until in leases.items()}
        await repository.insert_purges(tx, owner_id, marked, waits)
        await repository.insert_tombstones(tx, owner_id, marked)
        await repository.mark_purging(tx, owner_id, marked)
    fault_point("purge.before-mark")
    return len(marked)
