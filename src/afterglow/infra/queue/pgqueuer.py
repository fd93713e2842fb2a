"""PgQueuer behind the queue's port.

Its tables are unlogged: they hold wake-ups only, and losing them in a crash costs one round of the reconciler.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import cast
from uuid import UUID

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.errors import FailingListenerError
from pgqueuer.domain.models import HealthCheckEvent, Schedule
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver

from afterglow.infra.queue.port import Connection, Job, JobHandler, ScheduledHandler
from afterglow.kernel.errors import UnavailableError
from afterglow.kernel.ids import PhotoId

LOG_KEPT = timedelta(days=1)
_CHANNEL = "afterglow_jobs"
_QUEUE_ERRORS = (
    FailingListenerError,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_PRUNE_BATCH = 10_000
_PRUNE_LOG = """
    DELETE FROM afterglow.pgqueuer_log WHERE id IN (
        SELECT id FROM afterglow.pgqueuer_log WHERE created < now() - $1::interval ORDER BY created LIMIT $2)
"""


@cache
def queue_settings() -> DBSettings:
    """Return PgQueuer's names, all explicit: it would read bare `CHANNEL` or `TRIGGER` from the environment.

    Made once: each making looks through the environment, for two milliseconds.
    """
    return DBSettings(
        prefix="",
        db_schema="afterglow",
        channel=Channel(_CHANNEL),
        function="fn_pgqueuer_changed",
        trigger="tg_pgqueuer_changed",
        statistics_table="pgqueuer_statistics",
        queue_status_type="pgqueuer_status",
        queue_table="pgqueuer",
        queue_table_log="pgqueuer_log",
        schedules_table="pgqueuer_schedules",
        durability=Durability.volatile,
        widen_id=True,
    )


async def enqueue(connection: Connection, jobs: Sequence[Job]) -> None:
    """Put wake-ups on the queue in the connection's transaction; see `queue.port.Enqueue`.

    `on_conflict="skip"`, because the default raises and aborts the caller's transaction. A skip while the equal job
    runs is a lost wake-up: the reconciler mends it.
    """
    await _queries(AsyncpgDriver(cast(asyncpg.Connection, connection))).enqueue(
        [job.task for job in jobs],
        [job.photo_id.bytes for job in jobs],
        # PgQueuer serves larger numbers first.
        [-job.priority for job in jobs],
        [job.delay for job in jobs],
        [f"{job.task}:{job.photo_id.hex}" for job in jobs],
        on_conflict="skip",
    )


class QueueAwayError(UnavailableError):
    """The queue does not answer, or does not tell of new jobs any more; the worker has to start again."""

    code = "queue.away"


class PgQueuerConsumer:
    """A worker's side of the queue, over a pool of at least three connections (one of them listens)."""

    def __init__(
        self, pool: asyncpg.Pool, *, batch: int, poll_interval: timedelta, heartbeat_timeout: timedelta
    ) -> None:
        """Name the consumer; `run` starts it.

        Args:
            pool: Connections of its own.
            batch: Most jobs that are picked at once.
            poll_interval: Longest time between two looks when no wake-up arrives.
            heartbeat_timeout: Silence after which a job of another worker is picked again.
        """
        self._driver = AsyncpgPoolDriver(pool)
        queries = _queries(self._driver)
        self._manager = _Manager(queries, channel=Channel(_CHANNEL))
        self._scheduler = SchedulerManager(queries)
        self._batch = batch
        self._poll_interval = poll_interval
        self._heartbeat_timeout = heartbeat_timeout

    def register(self, task: str, handler: JobHandler, *, concurrency: int) -> None:
        """Have `handler` called for each job of `task`, at most `concurrency` at once in this process."""
        slots = asyncio.Semaphore(concurrency)

        async def run_job(job: QueuedJob) -> None:
            async with slots:
                # What still waits for a slot when the worker stops is not begun; the reconciler wakes it again.
                if not self._manager.shutdown.is_set():
                    await handler(PhotoId(UUID(bytes=job.payload or b"")))

        self._manager.entrypoint(task, accepts_context=False)(run_job)

    def schedule(self, name: str, cron: str, handler: ScheduledHandler) -> None:
        """Have `handler` called at the times of a cron expression, once in the whole system."""

        async def run_schedule(_: Schedule) -> None:
            await handler()

        self._scheduler.schedule(name, cron, accepts_context=False)(run_schedule)

    async def run(self) -> None:
        """Work until `stop`; returns when the running handlers have ended.

        Raises:
            QueueAwayError: The database went away, or the connection that listens for jobs broke.
        """
        parts = [asyncio.ensure_future(self._run_manager()), asyncio.ensure_future(self._run_scheduler())]
        try:
            await asyncio.gather(*parts)
        finally:
            # If one part failed, the other ends in order; both have ended when this returns.
            self.stop()
            await asyncio.gather(*parts, return_exceptions=True)

    def stop(self) -> None:
        """Take no more jobs; `run` returns soon after."""
        self._manager.shutdown.set()
        self._scheduler.shutdown.set()

    async def prune_log(self) -> None:
        """Remove old rows of PgQueuer's own log, which it never does by itself; what jobs did is told by `steps`."""
        while await self._driver.execute(_PRUNE_LOG, LOG_KEPT, _PRUNE_BATCH) == f"DELETE {_PRUNE_BATCH}":
            pass

    async def _run_manager(self) -> None:
        with _queue_errors():
            await self._manager.run(
                dequeue_timeout=self._poll_interval,
                batch_size=self._batch,
                max_concurrent_tasks=4 * self._batch,
                heartbeat_timeout=self._heartbeat_timeout,
                # Its statistics are not used: steps hold what a job did.
                log_aggregation_interval=timedelta(0),
                # Without its listener it would go on silently, at the pace of its polling.
                shutdown_on_listener_failure=True,
            )

    async def _run_scheduler(self) -> None:
        with _queue_errors():
            await self._scheduler.run()


class _Manager(QueueManager):
    """PgQueuer's manager, but it asks its listener twice before it calls it dead.

    `run` sends the first question before the connection listens, and often nobody hears it.
    """

    async def listener_healthy(
        self,
        timeout: timedelta = timedelta(seconds=10),  # noqa: ASYNC109 (PgQueuer's signature)
    ) -> HealthCheckEvent:
        """Return the listener's answer.

        Raises:
            FailingListenerError: It heard neither question.
        """
        with contextlib.suppress(FailingListenerError):
            return await super().listener_healthy(timeout / 2)
        return await super().listener_healthy(timeout / 2)


@contextlib.contextmanager
def _queue_errors() -> Iterator[None]:
    try:
        yield
    except _QUEUE_ERRORS as error:
        raise QueueAwayError from error


def _queries(driver: Driver) -> Queries:
    settings = queue_settings()
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(settings),
        qbq=QueryQueueBuilder(settings),
        qbs=QuerySchedulerBuilder(settings),
    )
