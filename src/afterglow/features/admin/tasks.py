"""Recurring jobs of administration, and what records those of all features."""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from afterglow.features.admin import service
from afterglow.features.admin.service import AdminPorts, RunLedger
from afterglow.infra.db.database import Database

_MEASURED_EVERY_S: Final = 60.0
# Counting may take this share of one core's time, however large the library.
_MEASURING_SHARE: Final = 0.01


class ReportWorker:
    """Tells that this worker is there, and what its runs came to; asked every few seconds."""

    def __init__(self, ports: AdminPorts, ledger: RunLedger) -> None:
        self._ports = ports
        self._ledger = ledger

    async def __call__(self) -> None:
        """Tell once."""
        await service.report(self._ports, self._ledger)


class TakeMeasures:
    """Counts what is too much to count for each answer: every minute, and less often where that takes long."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._not_before = 0.0

    async def __call__(self) -> None:
        """Count if it is time, and if no other worker has."""
        started = time.monotonic()
        if started < self._not_before:
            return
        # Set first: a count that fails, because it takes too long, is not begun anew every few seconds.
        self._not_before = started + _MEASURED_EVERY_S
        if await service.needs_measuring(self._database, timedelta(seconds=_MEASURED_EVERY_S)):
            await service.measure(self._database)
            took_s = time.monotonic() - started
            self._not_before = started + max(_MEASURED_EVERY_S, took_s / _MEASURING_SHARE)


class Recorded:
    """A recurring job whose runs are recorded, for `GET /api/admin/schedules`."""

    def __init__(self, database: Database, name: str, cron: str, handler: Callable[[], Awaitable[None]]) -> None:
        self._database = database
        self._name = name
        self._cron = cron
        self._handler = handler

    async def __call__(self) -> None:
        """Run it once; its error is recorded, and raised."""
        await self._database.run([], lambda tx: service.start_schedule(tx, self._name, self._cron))
        try:
            await self._handler()
        except Exception as error:
            await self._finish(error)
            raise
        await self._finish(None)

    async def _finish(self, error: Exception | None) -> None:
        await self._database.run([], lambda tx: service.finish_schedule(tx, self._name, error))
