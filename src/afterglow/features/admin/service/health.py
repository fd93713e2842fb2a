"""Use cases of administration."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from afterglow.features.admin.models import PartHealth
from afterglow.infra.db.database import Database
from afterglow.infra.storage.port import ObjectStore
from afterglow.infra.storage.spool import Spool
from afterglow.kernel.errors import AfterglowError, UnavailableError

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


# A part that takes longer is as good as away; a hung network disk would take for ever.
_ANSWER_WITHIN_S = 5.0


class NotMigratedError(UnavailableError):
    """The database has another revision than this program."""

    code = "database.not-migrated"


@dataclass(frozen=True, slots=True)
class HealthPorts:
    """The parts whose health is asked for."""

    database: Database
    store: ObjectStore
    spool: Spool
    is_migrated: Callable[[], Awaitable[bool]]


async def check_health(ports: HealthPorts) -> list[PartHealth]:
    """Return the health of each part, within some seconds; none hides another.

    Anybody may ask, so what is told of a problem names no path and no address; the log does.
    """

    async def database() -> None:
        async with ports.database.transaction([], read_only=True) as tx:
            await tx.fetch_value("SELECT 1")

    async def schema() -> None:
        if not await ports.is_migrated():
            raise NotMigratedError

    async def spool() -> None:
        await ports.spool.require_room(0, 0, 0)

    checks = {"database": database, "schema": schema, "originals": ports.store.check, "spool": spool}
    return await asyncio.gather(*(_check(name, check) for name, check in checks.items()))


async def _check(name: str, check: Callable[[], Awaitable[None]]) -> PartHealth:
    # Waited for, not cancelled and awaited: work in a thread can't be broken off.
    running = asyncio.ensure_future(check())
    await asyncio.wait([running], timeout=_ANSWER_WITHIN_S)
    if not running.done():
        running.cancel()
        return PartHealth(name, is_well=False, problem=f"no answer within {_ANSWER_WITHIN_S:g} s")
    error = running.exception()
    if error is None:
        return PartHealth(name, is_well=True)
    log.warning("part ill", part=name, error=repr(error)[:500])
    if isinstance(error, AfterglowError):
        return PartHealth(name, is_well=False, problem=error.default_message())
    if isinstance(error, OSError):
        return PartHealth(name, is_well=False, problem=error.strerror or "the operating system reports an error")
    raise error
