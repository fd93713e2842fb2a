"""PgQueuer behind the queue's port.

Its tables are unlogged: they hold wake-ups only, and losing them in a crash costs one round of the reconciler.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import cast
from uuid import UUID, uuid4

import asyncpg
import structlog
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.errors import FailingListenerError
from pgqueuer.domain.models import Schedule
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.domain.types import Channel, HealthCheckId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.driver import Driver
from pgqueuer.ports.repository import EntrypointExecutionParameter

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
_WATCH_INTERVAL = timedelta(seconds=10)
_WATCH_PATIENCE = timedelta(seconds=10)
# How many run at once is counted here, not by the database.
_UNLIMITED = EntrypointExecutionParameter(concurrency_limit=0)
_PRUNE_BATCH = 10_000
_PRUNE_LOG = """
    DELETE FROM afterglow.pgqueuer_log WHERE id IN (
        SELECT id FROM afterglow.pgqueuer_log WHERE created < now() - $1::interval ORDER BY created LIMIT $2)
"""

log = structlog.get_logger()


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

    `on_conflict="skip"`, because the default raises and aborts the caller's transaction. A skip in the moment between
    the pick of the equal job and its removal is no loss: a step that runs meanwhile wakes itself at its end.
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


@dataclass(slots=True)
class _Task:
    """What a job's name stands for here.

    Attributes:
        in_hand: Jobs that were handed over and have not ended; more than `concurrency` wait for a slot.
    """

    handler: JobHandler
    concurrency: int
    slots: asyncio.Semaphore
    in_hand: int = 0

    @property
    def is_low(self) -> bool:
        """Whether more is to be fetched: with half of the slots free, so that several jobs come at once."""
        return self.in_hand <= self.concurrency // 2


class PgQueuerConsumer:
    """A worker's side of the queue, over a pool of at least three connections (one of them listens).

    The loop is our own, the rows and their SQL are PgQueuer's: its own loop holds a job until its handler has ended,
    with a heartbeat for each, completions one by one and several looks at the queue for each. A wake-up says nothing
    that has to be held: it is done with as soon as its handler is called, and is put on the queue anew by whoever
    changes the step meanwhile.
    """

    def __init__(
        self, pool: asyncpg.Pool, *, batch: int, poll_interval: timedelta, heartbeat_timeout: timedelta
    ) -> None:
        """Name the consumer; `run` starts it.

        Args:
            pool: Connections of its own.
            batch: Most jobs that are picked at once.
            poll_interval: Longest time between two looks when no wake-up arrives.
            heartbeat_timeout: Time after which a job is picked again that another worker picked, and then died.
        """
        self._pool = pool
        self._queries = _queries(AsyncpgPoolDriver(pool))
        self._scheduler = SchedulerManager(self._queries)
        self._id = QueueManagerId(uuid4())
        self._batch = batch
        self._poll_interval = poll_interval
        self._heartbeat_timeout = heartbeat_timeout
        self._tasks: dict[str, _Task] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._look = asyncio.Event()
        self._heard = asyncio.Event()

    def register(self, task: str, handler: JobHandler, *, concurrency: int) -> None:
        """Have `handler` called for each job of `task`, at most `concurrency` at once in this process."""
        self._tasks[task] = _Task(handler, concurrency, asyncio.Semaphore(concurrency))

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
        with _queue_errors():
            async with self._listening():
                parts = [
                    asyncio.ensure_future(part)
                    for part in (self._take_until_stopped(), self._watch_listener(), self._scheduler.run())
                ]
                try:
                    await asyncio.gather(*parts)
                finally:
                    # If one part failed, the others end in order; all have ended when this returns.
                    self.stop()
                    await asyncio.gather(*parts, return_exceptions=True)

    def stop(self) -> None:
        """Take no more jobs; `run` returns soon after."""
        self._stopped.set()
        self._look.set()
        self._scheduler.shutdown.set()

    async def prune_log(self) -> None:
        """Remove old rows of PgQueuer's own log, which it never does by itself; what jobs did is told by `steps`."""
        while await self._pool.execute(_PRUNE_LOG, LOG_KEPT, _PRUNE_BATCH) == f"DELETE {_PRUNE_BATCH}":
            pass

    async def _take_until_stopped(self) -> None:
        try:
            while not self._stopped.is_set():
                self._look.clear()
                if not await self._take():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._look.wait(), self._poll_interval.total_seconds())
        finally:
            await asyncio.gather(*self._running, return_exceptions=True)

    async def _take(self) -> bool:
        """Pick jobs and hand them over; return whether there may be more."""
        low = [QueueEntrypoint(name) for name, task in self._tasks.items() if task.is_low]
        if not low:
            return False
        jobs = await self._queries.dequeue(
            self._batch, dict.fromkeys(low, _UNLIMITED), self._id, None, self._heartbeat_timeout
        )
        if not jobs:
            return False
        for job in jobs:
            self._hand_over(self._tasks[job.entrypoint], job.payload or b"")
        await self._queries.log_jobs([(job, "successful", None) for job in jobs])
        return len(jobs) == self._batch

    def _hand_over(self, task: _Task, payload: bytes) -> None:
        task.in_hand += 1
        running = asyncio.create_task(self._handle(task, payload))
        self._running.add(running)
        running.add_done_callback(partial(self._put_down, task))

    async def _handle(self, task: _Task, payload: bytes) -> None:
        async with task.slots:
            # What still waits for a slot when the worker stops is not begun; the reconciler wakes it again.
            if not self._stopped.is_set():
                await task.handler(PhotoId(UUID(bytes=payload)))

    def _put_down(self, task: _Task, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        was_low = task.is_low
        task.in_hand -= 1
        if task.is_low and not was_low:
            self._look.set()
        if not running.cancelled() and (error := running.exception()):
            log.error("job failed", error=repr(error)[:500], exc_info=error)

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        connection = await self._pool.acquire()
        try:
            await connection.add_listener(_CHANNEL, self._hear)
            yield
        finally:
            # It goes with its listener: one that has fallen silent must not serve anybody.
            connection.terminate()
            await self._pool.release(connection)

    def _hear(self, _connection: object, _pid: object, _channel: object, payload: object) -> None:
        self._heard.set()
        if "health_check" not in str(payload):
            self._look.set()

    async def _watch_listener(self) -> None:
        """Ask now and then whether we still hear; without that we would go on silently, at the pace of the polling."""
        while not self._stopped.is_set():
            self._heard.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), _WATCH_INTERVAL.total_seconds())
                return
            if self._heard.is_set():
                continue
            await self._queries.notify_health_check(HealthCheckId(uuid4()))
            try:
                await asyncio.wait_for(self._heard.wait(), _WATCH_PATIENCE.total_seconds())
            except TimeoutError as error:
                raise FailingListenerError from error


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
