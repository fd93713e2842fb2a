"""Months of the timeline."""

from datetime import date

from afterglow.features.access.service import Action, require_action
from afterglow.features.timeline import repository
from afterglow.features.timeline.models import MonthColumns, Months
from afterglow.features.timeline.rules import next_month
from afterglow.infra.db.database import Tx
from afterglow.kernel.principal import Principal


async def list_months(tx: Tx, principal: Principal) -> Months:
    """Return the months that have photos, newest first, and the version of the whole timeline."""
    require_action(principal, Action.VIEW)
    months = await repository.list_months(tx, principal.user_id)
    return Months([month for month in months.months if month.count], months.version)


async def find_month_version(tx: Tx, principal: Principal, month: date) -> int:
    """Return a month's version: it grows with every change that the month's tiles show."""
    require_action(principal, Action.VIEW)
    return await repository.find_version(tx, principal.user_id, month, next_month(month))


async def get_month(tx: Tx, principal: Principal, month: date) -> MonthColumns:
    """Return the tiles of a month; an empty month is no error."""
    require_action(principal, Action.VIEW)
    return await repository.get_month(tx, principal.user_id, month)
