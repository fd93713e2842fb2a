"""Use cases of administration."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from afterglow.features.admin.models import PartHealth
from afterglow.infra.db.database import Database
from afterglow.infra.storage.port import ObjectStore
from afterglow.infra.storage.spool import Spool
from afterglow.kernel.errors import AfterglowError, UnavailableError


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
    """Return the health of each part; none hides another."""

    async def database() -> None:
        async with ports.database.transaction([], read_only=True) as tx:
            await tx.fetch_value("SELECT 1")

    async def schema() -> None:
        if not await ports.is_migrated():
            raise NotMigratedError

    async def spool() -> None:
        await ports.spool.require_room(0, 0, 0)

    checks = {"database": database, "schema": schema, "originals": ports.store.check, "spool": spool}
    return [await _check(name, check) for name, check in checks.items()]


async def _check(name: str, check: Callable[[], Awaitable[None]]) -> PartHealth:
    try:
        await check()
    except AfterglowError as error:
        return PartHealth(name, is_well=False, problem=error.message)
    except OSError as error:
        return PartHealth(name, is_well=False, problem=str(error))
    return PartHealth(name, is_well=True)
