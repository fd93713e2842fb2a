"""Use cases of recurring jobs: what is known of their last and next runs."""

from collections.abc import Sequence
from datetime import datetime

from afterglow.features.admin.models import ScheduleRun
from afterglow.features.admin.repository import node as repository
from afterglow.features.admin.rules import describe_failure
from afterglow.features.admin.service.ports import require_administrator
from afterglow.infra.db.database import Tx
from afterglow.infra.queue.cron import next_time
from afterglow.kernel.principal import Principal


async def list_schedules(tx: Tx, principal: Principal) -> list[ScheduleRun]:
    """Return all recurring jobs by name.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
    """
    require_administrator(principal)
    return await repository.list_schedules(tx)


async def announce_schedules(tx: Tx, schedules: Sequence[tuple[str, str]]) -> None:
    """Make these the recurring jobs (name and cron expression); what is known of their last runs stays."""
    announced = [(name, cron, next_time(cron, tx.now)) for name, cron in schedules]
    await repository.replace_schedules(tx, announced)


async def start_schedule(tx: Tx, name: str, cron: str) -> datetime:
    """Record that a recurring job begins; return when it will run next."""
    next_at = next_time(cron, tx.now)
    await repository.start_schedule(tx, name, next_at)
    await repository.relax_durability(tx)
    return next_at


async def finish_schedule(tx: Tx, name: str, error: BaseException | None) -> None:
    """Record how a recurring job ended."""
    await repository.finish_schedule(tx, name, describe_failure(error) if error else None)
    await repository.relax_durability(tx)
