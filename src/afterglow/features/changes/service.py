"""Use cases of changes: follow them, begin a new epoch, forget old ones."""

from datetime import timedelta
from typing import Final

import structlog

from afterglow.features.accounts import service as accounts
from afterglow.features.changes import repository
from afterglow.features.changes.models import Change, Horizon, Position
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.ids import UserId

_PRUNE_BATCH: Final = 5_000

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def look_from_here(tx: Tx, owner_id: UserId) -> Horizon:
    """Fix the moment that a transaction reads, and return what of an owner's changes can be told then.

    The first thing that a transaction which reads does; all that it reads afterwards is of that moment too.
    """
    await repository.see_one_moment(tx)
    return await repository.get_horizon(tx, owner_id)


async def list_changes(tx: Tx, owner_id: UserId, after: Position, limit: int) -> list[Change]:
    """Return an owner's changes after a position in their order, up to `limit`.

    Every change is told exactly once to whoever goes on from the last position told, however late it was committed: a
    change is told when all transactions that began before its own are over. What it is about may have changed again
    meanwhile; that comes as a further change.
    """
    return await repository.list_changes(tx, owner_id, after, limit)


async def mint_epoch(database: Database, reason: str) -> int:
    """Begin a new epoch, because the order of changes was broken: all readers start anew.

    To be called after whatever takes the database back or makes it anew and `ensure_epoch` can't notice: a file system
    that was put back to an earlier state, tables whose rows were replaced.

    Args:
        database: Of this node.
        reason: A word or two, kept with the epoch.
    """
    epoch = await database.run([], lambda tx: repository.mint_epoch(tx, reason))
    log.warning("feed.epoch-minted", epoch=epoch, reason=reason)
    return epoch


async def ensure_epoch(database: Database) -> int | None:
    """Begin a new epoch if the database was restored from a dump, promoted or recovered to a point in time.

    Returns:
        The new epoch; None where the present one is this database's own.
    """
    epoch = await database.run([], repository.ensure_epoch)
    if epoch is not None:
        log.warning("feed.epoch-minted", epoch=epoch, reason="restored")
    return epoch


async def prune(database: Database, retention: timedelta) -> int:
    """Forget changes, tombstones included, that are older than they are kept, of all owners; return how many.

    A reader that has not been here for so long gets `CursorExpiredError`.
    """
    pruned = 0
    for account in await database.run([], accounts.list_accounts, read_only=True):
        while count := await _prune_batch(database, account.id, retention):
            pruned += count
    return pruned


async def _prune_batch(database: Database, owner_id: UserId, retention: timedelta) -> int:
    return await database.run(
        [owner_id], lambda tx: repository.prune_changes(tx, owner_id, retention, _PRUNE_BATCH), repeatable=True
    )
