"""Use cases of the timeline."""

from datetime import date

from afterglow.features.access.service import Action, require_action
from afterglow.features.timeline import repository
from afterglow.features.timeline.models import Month, MonthCount
from afterglow.features.timeline.rules import next_month
from afterglow.infra.db.database import Tx
from afterglow.kernel.principal import Principal


async def list_months(tx: Tx, principal: Principal) -> tuple[list[MonthCount], int]:
    """Return the months that have photos, newest first, and the version of the whole timeline."""
    require_action(principal, Action.VIEW)
    months = await repository.list_months(tx, principal.user_id)
    return [month for month in months if month.count], sum(month.version for month in months)


async def find_month_version(tx: Tx, principal: Principal, month: date) -> int:
    """Return a month's version: it grows with every change that the month's tiles show."""
    require_action(principal, Action.VIEW)
    return await repository.find_version(tx, principal.user_id, month, next_month(month))


async def get_month(tx: Tx, principal: Principal, month: date) -> Month:
    """Return the tiles of a month; an empty month is no error."""
    version = await find_month_version(tx, principal, month)
    return Month(month, version, await repository.list_tiles(tx, principal.user_id, month, next_month(month)))
