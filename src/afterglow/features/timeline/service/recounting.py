"""The recount: what triggers count is counted anew, in case that anything ever went past them."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import structlog

from afterglow.features.accounts import service as accounts
from afterglow.features.timeline import repository
from afterglow.features.timeline.models import Correction
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.ids import UserId

# Reading the index of millions of photos takes seconds, and holds nobody up.
_STATEMENT_TIMEOUT_S: Final = 600
_DAYS_AT_ONCE: Final = 100
# What the version of a day begins at whose row was lost: beyond any that clients know of it.
_LOST_DAY_VERSION: Final = 1 << 20

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def recount(database: Database) -> int:
    """Compare the count of every day with its photos and correct what is wrong; return how many days were.

    Comparing locks nothing: counts and photos are read as of one moment. Days that differ are locked, in the order in
    which writers lock them, and counted again.
    """
    corrected = 0
    for account in await database.run([], accounts.list_accounts, read_only=True):
        days = await _list_miscounted_days(database, account.id)
        for start in range(0, len(days), _DAYS_AT_ONCE):
            corrected += await _correct(database, account.id, days[start : start + _DAYS_AT_ONCE])
    return corrected


async def _list_miscounted_days(database: Database, owner_id: UserId) -> Sequence[date]:
    async with database.transaction([owner_id], read_only=True) as tx:
        await repository.see_one_moment(tx, _STATEMENT_TIMEOUT_S)
        return await repository.list_miscounted_days(tx, owner_id)


async def _correct(database: Database, owner_id: UserId, days: Sequence[date]) -> int:
    # By a transaction of its own: a writer that has locked a later day and waits for one that is being made would
    # deadlock with whoever makes it and then wants the later day.
    await database.run([owner_id], lambda tx: repository.ensure_days(tx, owner_id, days, _LOST_DAY_VERSION))
    corrections = await database.run([owner_id], lambda tx: _recount(tx, owner_id, days))
    for correction in corrections:
        log.warning(
            "timeline.miscounted",
            owner_id=str(owner_id),
            day=correction.day.isoformat(),
            counted=correction.counted,
            found=correction.found,
        )
    return len(corrections)


async def _recount(tx: Tx, owner_id: UserId, days: Sequence[date]) -> list[Correction]:
    """Count locked days: the photos that this statement does not see yet will be counted by their writers, later."""
    return await repository.recount_days(tx, owner_id, await repository.lock_days(tx, owner_id, days))
