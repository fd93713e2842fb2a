"""The layout of the whole timeline, of which every month is read once for each of its versions."""

from collections.abc import Callable, Sequence

from afterglow.features.access.service import Action, require_action
from afterglow.features.timeline import repository
from afterglow.features.timeline.models import Layout, MonthCount, MonthRatios
from afterglow.features.timeline.rules import plan_batches
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.ids import UserId
from afterglow.kernel.principal import Principal

# Photos that one statement reads: 0.05 s where they lie in memory, seconds on a slow disk.
_BATCH_PHOTOS = 100_000
_STATEMENT_TIMEOUT_S = 60


async def find_layout(
    database: Database, principal: Principal, is_known: Callable[[int], bool]
) -> tuple[int, Layout | None]:
    """Return the version of the timeline, and its layout unless the caller knows that version.

    All of it is of one moment, and the months of `list_months` at the same version have the counts that divide it.
    Months that changed since they were last read are read from their photos, and kept.
    """
    require_action(principal, Action.VIEW)
    owner_id = principal.user_id
    async with database.transaction(principal.owners, read_only=True) as tx:
        await repository.see_one_moment(tx, _STATEMENT_TIMEOUT_S)
        timeline = await repository.list_months(tx, owner_id)
        if is_known(timeline.version):
            return timeline.version, None
        months = [month for month in timeline.months if month.count]
        kept = await _list_kept(tx, owner_id, months)
        read = await _read_missing(tx, owner_id, months, kept)
    if read:
        # Whoever asks next would read it again.
        await database.run(principal.owners, lambda tx: repository.keep_ratios(tx, owner_id, read), repeatable=True)
    ratios = {month.month: month.ratios for month in (*kept, *read)}
    return timeline.version, Layout(timeline.version, b"".join(ratios[month.month] for month in months))


async def _list_kept(tx: Tx, owner_id: UserId, months: Sequence[MonthCount]) -> list[MonthRatios]:
    """Return what is kept of these months at their versions."""
    versions = {month.month: month.version for month in months}
    kept = await repository.list_kept_ratios(tx, owner_id)
    return [month for month in kept if versions.get(month.month) == month.version]


async def _read_missing(
    tx: Tx, owner_id: UserId, months: Sequence[MonthCount], kept: Sequence[MonthRatios]
) -> list[MonthRatios]:
    known = {month.month for month in kept}
    missing = [month for month in months if month.month not in known]
    read: list[MonthRatios] = []
    for batch in plan_batches(missing, _BATCH_PHOTOS):
        read += await repository.read_ratios(tx, owner_id, batch)
    return read
