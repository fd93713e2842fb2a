"""PgQueuer behind the queue's port.

Its tables are unlogged: they hold wake-ups only, and losing them in a crash costs one round of the reconciler.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import cast
from uuid import UUID

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.models import Job as QueuedJob
from pgqueuer.domain.models import Schedule
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel
from pgqueuer.ports.driver import Driver

from afterglow.infra.queue.port import Connection, Job, JobHandler, ScheduledHandler
from afterglow.kernel.ids import PhotoId

# A crashed worker's jobs are picked again within 60 s (LIFE-5): 20 s of silence, at most 10 s between two looks.
HEARTBEAT_TIMEOUT = timedelta(seconds=20)
_CHANNEL = "afterglow_jobs"


def queue_settings() -> DBSettings:
    """Return PgQueuer's names, all explicit: it would read bare `CHANNEL` or `TRIGGER` from the environment."""
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


class PgQueuerConsumer:
    """A worker's side of the queue, over a pool of at least three connections (one of them listens)."""

    def __init__(self, pool: asyncpg.Pool, *, batch: int, poll_interval: timedelta) -> None:
        queries = _queries(AsyncpgPoolDriver(pool))
        self._manager = QueueManager(queries, channel=Channel(_CHANNEL))
        self._scheduler = SchedulerManager(queries)
        self._batch = batch
        self._poll_interval = poll_interval

    def register(self, task: str, handler: JobHandler, *, concurrency: int) -> None:
        """Have `handler` called for each job of `task`, at most `concurrency` at once in this process."""
        slots = asyncio.Semaphore(concurrency)

        async def run_job(job: QueuedJob) -> None:
            async with slots:
                await handler(PhotoId(UUID(bytes=job.payload or b"")))

        self._manager.entrypoint(task, accepts_context=False)(run_job)

    def schedule(self, name: str, cron: str, handler: ScheduledHandler) -> None:
        """Have `handler` called at the times of a cron expression, once in the whole system."""

        async def run_schedule(_: Schedule) -> None:
            await handler()

        self._scheduler.schedule(name, cron, accepts_context=False)(run_schedule)

    async def run(self) -> None:
        """Work until `stop`; returns when the running handlers have ended."""
        async with asyncio.TaskGroup() as group:
            group.create_task(
                self._manager.run(
                    dequeue_timeout=self._poll_interval,
                    batch_size=self._batch,
                    max_concurrent_tasks=4 * self._batch,
                    heartbeat_timeout=HEARTBEAT_TIMEOUT,
                    # Its statistics are not used: steps hold what a job did.
                    log_aggregation_interval=timedelta(0),
                )
            )
            group.create_task(self._scheduler.run())

    def stop(self) -> None:
        """Take no more jobs; `run` returns soon after."""
        self._manager.shutdown.set()
        self._scheduler.shutdown.set()


def _queries(driver: Driver) -> Queries:
    settings = queue_settings()
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(settings),
        qbq=QueryQueueBuilder(settings),
        qbs=QuerySchedulerBuilder(settings),
    )
