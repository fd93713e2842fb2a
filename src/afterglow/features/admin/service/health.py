"""Use cases of administration."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import structlog

from afterglow.features.admin.models import PartHealth
from afterglow.features.admin.service.ports import Reserves
from afterglow.infra.db.database import Database
from afterglow.infra.scanning.port import NoScanner, Scanner
from afterglow.infra.storage.port import ObjectStore
from afterglow.infra.storage.spool import Spool
from afterglow.kernel.errors import AfterglowError, UnavailableError

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


# A part that takes longer is as good as away; a hung network disk would take for ever.
_ANSWER_WITHIN_S = 5.0
DISK = "disk"


class NotMigratedError(UnavailableError):
    """The database has another revision than this program."""

    code = "database.not-migrated"


@dataclass(frozen=True, slots=True)
class HealthPorts:
    """The parts whose health is asked for; without reserves nothing is said of the disk's room."""

    database: Database
    store: ObjectStore
    spool: Spool
    is_migrated: Callable[[], Awaitable[bool]]
    scanner: Scanner = field(default_factory=NoScanner)
    reserves: Reserves | None = None


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

    async def scanner() -> None:
        await ports.scanner.describe()

    checks = {"database": database, "schema": schema, "originals": ports.store.check, "spool": spool}
    if ports.scanner.is_on:
        checks["scanner"] = scanner
    parts = [_check(name, check) for name, check in checks.items()]
    if ports.reserves:
        parts.append(_check_room(ports.spool, ports.reserves))
    return await asyncio.gather(*parts)


async def _check_room(spool: Spool, reserves: Reserves) -> PartHealth:
    """Return whether uploads are taken: below the reserve they are refused, and all else goes on (STO-5)."""

    async def room() -> None:
        await spool.require_room(0, reserves.full_bytes, reserves.full_percent)

    return replace(await _check(DISK, room), is_needed=False)


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
