"""The end of a purge: what is left of a photo goes, in an order in which every instant may be the last.

`photos` has begun it: the photo is gone for everybody, its checksums are remembered, and an order says what is left to
be done. Rows go first, bytes after them, the order last; so a crash leaves bytes without a row and an order that finds
them, never a row without its bytes.

Whether an original may go is decided, and the original is deleted, under the lock that everybody holds who begins to
use it: a photo of the same bytes, anybody's, either is there before the decision, or puts the bytes anew after the
deletion. An order waits until no run that was at work on the photo when it was purged can be at it any more.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from afterglow.features.ingest.service.ports import IngestPorts, lock_key
from afterglow.features.photos import service as photos
from afterglow.features.photos.models import PurgeOrder
from afterglow.infra.db.database import Tx
from afterglow.infra.storage.port import ObjectStore, corrupt_prefix, original_key
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.errors import AfterglowError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import PhotoId, UserId

# Photos whose rows go in one transaction: a Raspberry Pi does it well within the 5 s that one may last.
_BATCH = 200
# What fails for one photo is tried again for it after this.
_POSTPONED = timedelta(minutes=1)

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class RemoveDerivatives(Protocol):
    """Removes all derivatives of a photo; idempotent."""

    async def __call__(self, owner_id: UserId, photo_id: PhotoId) -> None:
        """Remove them; raises an `AfterglowError` where that fails."""


class RemoveSidecar(Protocol):
    """Removes an owner's sidecar of an original; idempotent."""

    async def __call__(self, owner_id: UserId, checksum: Checksum) -> None:
        """Remove it; raises an `AfterglowError` where that fails."""


@dataclass(frozen=True, slots=True)
class PurgePorts:
    """What purging needs of the outside, and of the features that keep files of photos."""

    ingest: IngestPorts
    remove_derivatives: RemoveDerivatives
    remove_sidecar: RemoveSidecar


async def finish_purges(ports: PurgePorts) -> int:
    """Carry out all orders that are due; return how many were.

    One that fails is left for later, and does not keep up the others.

    Raises:
        UnavailableError: The store or the database is away.
    """
    database = ports.ingest.database
    count = 0
    while due := await database.run([], lambda tx: photos.list_due_purges(tx, _BATCH), read_only=True):
        await ports.ingest.store.check()
        await _delete_rows(ports, due)
        fault_point("purge.after-rows")
        for order in due:
            count += await _finish_or_postpone(ports, order)
    return count


async def _delete_rows(ports: PurgePorts, due: Sequence[PurgeOrder]) -> None:
    by_owner: dict[UserId, list[PhotoId]] = defaultdict(list)
    for order in due:
        by_owner[order.owner_id].append(order.photo_id)
    for owner_id, photo_ids in by_owner.items():
        await ports.ingest.database.run([owner_id], partial(_delete_rows_of, owner_id, photo_ids))


async def _delete_rows_of(owner_id: UserId, photo_ids: Sequence[PhotoId], tx: Tx) -> None:
    await photos.delete_purging(tx, owner_id, photo_ids)
    fault_point("purge.before-rows")


async def _finish_or_postpone(ports: PurgePorts, order: PurgeOrder) -> bool:
    try:
        await _finish(ports, order)
    except AfterglowError as error:
        log.warning("purge postponed", photo_id=str(order.photo_id), code=error.code, message=error.message)
        database = ports.ingest.database
        await database.run([order.owner_id], lambda tx: photos.postpone_purge(tx, order, _POSTPONED))
        return False
    log.info("photo purged", photo_id=str(order.photo_id))
    return True


async def _finish(ports: PurgePorts, order: PurgeOrder) -> None:
    for checksum in order.checksums:
        await _remove_bytes(ports, order, checksum)
    fault_point("purge.after-bytes")
    await ports.remove_derivatives(order.owner_id, order.photo_id)
    fault_point("purge.after-files")
    await ports.ingest.database.run([order.owner_id], lambda tx: photos.finish_purge(tx, order))


async def _remove_bytes(ports: PurgePorts, order: PurgeOrder, checksum: Checksum) -> None:
    """Remove the owner's sidecar and the original, each unless it is used."""
    database, store = ports.ingest.database, ports.ingest.store
    async with database.lock(lock_key(checksum)) as connection:
        async with database.transaction_on(connection, [order.owner_id]) as tx:
            if not await photos.has_purge(tx, order):
                return
            # The owner may have allowed these bytes again and sent them: then they have a sidecar of that photo.
            is_owned = bool(await photos.list_used_checksums(tx, order.owner_id, [checksum]))
            may_go = await photos.forget_original(tx, checksum, store.name)
        fault_point("purge.after-forget")
        if may_go:
            await _delete_objects(store, original_key(checksum))
        if not is_owned:
            await ports.remove_sidecar(order.owner_id, checksum)


async def _delete_objects(store: ObjectStore, key: str) -> None:
    """Delete an original, and what was set aside of it because it was rotten."""
    await store.delete(key)
    async for rotten in store.list_keys(corrupt_prefix(key)):
        await store.delete(rotten.key)
