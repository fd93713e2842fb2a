"""The queue of wake-ups: enqueued in our transaction, told by NOTIFY, handed to handlers, and stopped promptly."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.types import HealthCheckId

from afterglow.infra.db.database import Database, create_pool
from afterglow.infra.queue.pgqueuer import LOG_KEPT, PgQueuerConsumer, QueueAwayError, enqueue, queue_settings
from afterglow.infra.queue.port import Job
from afterglow.kernel.ids import PhotoId, new_id
from factories.waiting import until

# Far longer than the tests are patient: what arrives was told, not found by polling.
NEVER = timedelta(hours=1)
# What PgQueuer would read from the environment of any process.
ENVIRONMENT = [
    "CHANNEL",
    "FUNCTION",
    "TRIGGER",
    "QUEUE_TABLE",
    "QUEUE_TABLE_LOG",
    "STATISTICS_TABLE",
    "SCHEDULES_TABLE",
    "QUEUE_STATUS_TYPE",
    "DURABILITY",
    "PREFIX",
    "SCHEMA",
    "DB_SCHEMA",
]


class Heard:
    """A handler that remembers what it was called for, and may be told to hold on."""

    def __init__(self, *, holds: bool = False) -> None:
        self.photo_ids: list[PhotoId] = []
        self.inside = 0
        self.most_inside = 0
        self.go_on = asyncio.Event()
        if not holds:
            self.go_on.set()

    async def __call__(self, photo_id: PhotoId) -> None:
        self.photo_ids.append(photo_id)
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        await self.go_on.wait()
        self.inside -= 1

    async def until(self, count: int) -> None:
        async def has_heard() -> bool:
            return len(self.photo_ids) >= count

        await until(has_heard)


@pytest.fixture
async def pool(app_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    opened = await create_pool(app_dsn, max_connections=4, application_name="test-queue")
    yield opened
    # Not `close`: it would wait for ever for the consumer of a test that failed before it stopped it.
    opened.terminate()


def consumer_of(pool: asyncpg.Pool) -> PgQueuerConsumer:
    return PgQueuerConsumer(pool, batch=4, poll_interval=NEVER, heartbeat_timeout=timedelta(seconds=20))


@pytest.fixture
async def consumer(pool: asyncpg.Pool) -> AsyncIterator[PgQueuerConsumer]:
    made = consumer_of(pool)
    yield made
    made.stop()


async def defer(database: Database, *jobs: Job) -> None:
    async with database.transaction([]) as tx:
        for job in jobs:
            tx.defer(job)


def a_job(task: str = "derive", **values: object) -> Job:
    return Job(task, PhotoId(new_id()), **values)


async def until_listening(cleaner: asyncpg.Connection) -> None:
    """Return when the consumer listens."""

    async def listens() -> bool:
        # What a session listens to is its own secret; but that it did so last is seen.
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test-queue' AND query ILIKE 'LISTEN%'"
        return await cleaner.fetchval(sql) > 0

    await until(listens)


class TestDelivery:
    @pytest.mark.req("LIFE-5")
    async def test_a_deferred_job_reaches_its_handler_by_notification(
        self, database: Database, consumer: PgQueuerConsumer, cleaner: asyncpg.Connection
    ) -> None:
        derive, sidecar = Heard(), Heard()
        consumer.register("derive", derive, concurrency=2)
        consumer.register("sidecar", sidecar, concurrency=2)
        running = asyncio.create_task(consumer.run())
        await until_listening(cleaner)
        jobs = [a_job(), a_job(), a_job("sidecar")]
        await defer(database, *jobs)
        await derive.until(2)
        await sidecar.until(1)
        assert set(derive.photo_ids) == {jobs[0].photo_id, jobs[1].photo_id}
        assert sidecar.photo_ids == [jobs[2].photo_id]
        consumer.stop()
        await running
        assert await cleaner.fetchval("SELECT count(*) FROM afterglow.pgqueuer") == 0

    async def test_what_was_queued_before_the_start_is_delivered_smaller_priorities_first_and_in_order(
        self, database: Database, consumer: PgQueuerConsumer
    ) -> None:
        jobs = [a_job(priority=priority) for priority in (10, 0, 5, 0, 10, 0)]
        for job in jobs:
            await defer(database, job)
        heard = Heard()
        consumer.register("derive", heard, concurrency=1)
        running = asyncio.create_task(consumer.run())
        await heard.until(6)
        consumer.stop()
        await running
        # Python sorts stably: first in, first out within a priority.
        assert heard.photo_ids == [job.photo_id for job in sorted(jobs, key=lambda job: job.priority)]

    async def test_a_delayed_job_waits(self, database: Database, consumer: PgQueuerConsumer) -> None:
        late, soon = a_job(delay=timedelta(hours=1)), a_job()
        await defer(database, late, soon)
        heard = Heard()
        consumer.register("derive", heard, concurrency=2)
        running = asyncio.create_task(consumer.run())
        await heard.until(1)
        consumer.stop()
        await running
        assert heard.photo_ids == [soon.photo_id]

    async def test_no_more_run_at_once_than_the_task_allows(
        self, database: Database, consumer: PgQueuerConsumer
    ) -> None:
        await defer(database, *(a_job() for _ in range(6)))
        heard = Heard(holds=True)
        consumer.register("derive", heard, concurrency=2)
        running = asyncio.create_task(consumer.run())
        await heard.until(2)
        heard.go_on.set()
        await heard.until(6)
        consumer.stop()
        await running
        assert heard.most_inside == 2

    async def test_many_wait_in_the_queue_and_are_fetched_as_room_is_made(
        self, database: Database, consumer: PgQueuerConsumer, cleaner: asyncpg.Connection
    ) -> None:
        await defer(database, *(a_job() for _ in range(40)))
        heard = Heard(holds=True)
        consumer.register("derive", heard, concurrency=2)
        running = asyncio.create_task(consumer.run())
        await heard.until(2)
        # At most a batch more than may run was fetched: another worker can have the others.
        assert await cleaner.fetchval("SELECT count(*) FROM afterglow.pgqueuer WHERE status = 'queued'") >= 36
        heard.go_on.set()
        await heard.until(40)
        consumer.stop()
        await running

    async def test_only_new_jobs_are_told(
        self, database: Database, consumer: PgQueuerConsumer, cleaner: asyncpg.Connection
    ) -> None:
        told: list[str] = []

        def hear(_connection: object, _pid: object, _channel: object, payload: object) -> None:
            told.append(str(payload))

        await cleaner.add_listener("afterglow_jobs", hear)
        try:
            heard = Heard()
            consumer.register("derive", heard, concurrency=2)
            running = asyncio.create_task(consumer.run())
            for count in (1, 2):
                await defer(database, a_job())
                await heard.until(count)
            consumer.stop()
            await running
            assert await cleaner.fetchval("SELECT count(*) FROM afterglow.pgqueuer") == 0
        finally:
            await cleaner.remove_listener("afterglow_jobs", hear)
        assert [json.loads(each)["operation"] for each in told] == ["insert", "insert"]

    async def test_a_handler_that_raises_takes_nobody_with_it(
        self, database: Database, consumer: PgQueuerConsumer, cleaner: asyncpg.Connection
    ) -> None:
        heard = Heard()
        bad, good = a_job(), a_job()

        async def handle(photo_id: PhotoId) -> None:
            await heard(photo_id)
            if photo_id == bad.photo_id:
                raise ValueError("strange")

        consumer.register("derive", handle, concurrency=1)
        await defer(database, bad, good)
        running = asyncio.create_task(consumer.run())
        await heard.until(2)
        consumer.stop()
        await running
        assert heard.photo_ids == [bad.photo_id, good.photo_id]
        assert await cleaner.fetchval("SELECT count(*) FROM afterglow.pgqueuer") == 0


class TestEnqueue:
    async def test_a_job_that_is_queued_is_skipped_and_our_transaction_goes_on(
        self, database: Database, app_dsn: str, as_owner: asyncpg.Connection
    ) -> None:
        job = a_job()
        await defer(database, job)
        connection = await asyncpg.connect(app_dsn)
        async with connection.transaction():
            await enqueue(connection, [job, a_job(), job])
            assert await connection.fetchval("SELECT 1") == 1
        await connection.close()
        assert await as_owner.fetchval("SELECT count(*) FROM pgqueuer") == 2

    @pytest.mark.req("LIFE-5")
    async def test_a_photo_that_changes_while_its_job_runs_is_woken_again(
        self, database: Database, consumer: PgQueuerConsumer, as_owner: asyncpg.Connection
    ) -> None:
        job, other = a_job(), a_job()
        await defer(database, job)
        heard = Heard(holds=True)
        consumer.register("derive", heard, concurrency=4)
        running = asyncio.create_task(consumer.run())
        await heard.until(1)

        async def is_done_with() -> bool:
            return not await as_owner.fetchval("SELECT count(*) FROM pgqueuer")

        await until(is_done_with)
        await defer(database, job, other)
        await heard.until(2)
        heard.go_on.set()
        await heard.until(3)
        assert heard.photo_ids.count(job.photo_id) == 2
        consumer.stop()
        await running


class TestStop:
    async def test_it_waits_for_what_runs_and_begins_nothing_more(
        self, database: Database, consumer: PgQueuerConsumer
    ) -> None:
        await defer(database, *(a_job() for _ in range(6)))
        heard = Heard(holds=True)
        consumer.register("derive", heard, concurrency=1)
        running = asyncio.create_task(consumer.run())
        await heard.until(1)
        consumer.stop()
        await asyncio.sleep(0.05)
        assert not running.done()
        heard.go_on.set()
        await asyncio.wait_for(running, 30)
        assert len(heard.photo_ids) == 1

    async def test_an_idle_consumer_does_not_wait_for_its_poll(
        self, consumer: PgQueuerConsumer, cleaner: asyncpg.Connection
    ) -> None:
        consumer.register("derive", Heard(), concurrency=1)
        running = asyncio.create_task(consumer.run())
        await until_listening(cleaner)
        consumer.stop()
        await asyncio.wait_for(running, 30)

    async def test_one_that_was_stopped_before_its_start_ends(self, consumer: PgQueuerConsumer) -> None:
        consumer.stop()
        await asyncio.wait_for(consumer.run(), 30)


class TestAway:
    @pytest.fixture
    def questions(self, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
        """Have the listener asked all the time; returns the questions."""
        monkeypatch.setattr("afterglow.infra.queue.pgqueuer._WATCH_INTERVAL", timedelta(seconds=0.2))
        monkeypatch.setattr("afterglow.infra.queue.pgqueuer._WATCH_PATIENCE", timedelta(seconds=5))
        asked, ask = [], Queries.notify_health_check

        async def ask_and_tell(queries: Queries, question: HealthCheckId) -> None:
            asked.append(True)
            await ask(queries, question)

        monkeypatch.setattr(Queries, "notify_health_check", ask_and_tell)
        return asked

    @pytest.mark.req("LIFE-5")
    async def test_a_lost_listener_ends_the_consumer_so_that_it_is_started_again(
        self, consumer: PgQueuerConsumer, cleaner: asyncpg.Connection, questions: list[bool]
    ) -> None:
        consumer.register("derive", Heard(), concurrency=1)
        running = asyncio.create_task(consumer.run())

        async def was_asked_thrice() -> bool:
            return len(questions) > 2

        await until(was_asked_thrice)
        assert not running.done()
        await cleaner.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name = 'test-queue' AND query ILIKE 'LISTEN%'"
        )
        with pytest.raises(QueueAwayError):
            await asyncio.wait_for(running, 60)

    @pytest.mark.usefixtures("questions")
    async def test_a_listener_that_hears_nothing_any_more_ends_it_too(
        self, consumer: PgQueuerConsumer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("afterglow.infra.queue.pgqueuer._WATCH_PATIENCE", timedelta(seconds=0.2))
        monkeypatch.setattr(consumer, "_hear", lambda *_: None)
        with pytest.raises(QueueAwayError):
            await asyncio.wait_for(consumer.run(), 60)

    async def test_a_database_that_is_away_is_told_as_such(self, pool: asyncpg.Pool) -> None:
        consumer = consumer_of(pool)
        await pool.close()
        with pytest.raises(QueueAwayError):
            await asyncio.wait_for(consumer.run(), 60)


class TestSchedules:
    async def test_a_schedule_runs_its_handler(self, consumer: PgQueuerConsumer) -> None:
        ran = asyncio.Event()

        async def handle() -> None:
            ran.set()

        # Every second: cron with a sixth field.
        consumer.schedule("often", "* * * * * *", handle)
        running = asyncio.create_task(consumer.run())
        await asyncio.wait_for(ran.wait(), 30)
        consumer.stop()
        await running

    @pytest.mark.req("P-9")
    async def test_the_log_of_ended_jobs_does_not_grow_for_ever(
        self, consumer: PgQueuerConsumer, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("afterglow.infra.queue.pgqueuer._PRUNE_BATCH", 4)
        await as_owner.execute(
            """
            INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint)
            SELECT now() - interval '1 s' - CASE WHEN n <= 10 THEN $1::interval ELSE '0' END,
                   n, 'successful', 0, 'derive'
            FROM generate_series(1, 12) n
            """,
            LOG_KEPT,
        )
        await consumer.prune_log()
        assert await as_owner.fetchval("SELECT array_agg(job_id ORDER BY job_id) FROM pgqueuer_log") == [11, 12]


class TestEnvironment:
    @pytest.fixture
    def strange_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ENVIRONMENT:
            monkeypatch.setenv(name, "durable" if name == "DURABILITY" else "elsewhere")
            monkeypatch.setenv(f"PGQUEUER_{name}", "durable" if name == "DURABILITY" else "elsewhere")

    def test_names_do_not_come_from_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = queue_settings()
        for name in ENVIRONMENT:
            for variable in (name, f"PGQUEUER_{name}"):
                with monkeypatch.context() as patch:
                    patch.setenv(variable, "durable" if name == "DURABILITY" else "elsewhere")
                    assert queue_settings() == before, variable

    @pytest.mark.usefixtures("strange_environment")
    async def test_jobs_are_delivered_all_the_same(self, database: Database, pool: asyncpg.Pool) -> None:
        consumer = consumer_of(pool)
        heard = Heard()
        consumer.register("derive", heard, concurrency=2)
        running = asyncio.create_task(consumer.run())
        job = a_job()
        await defer(database, job)
        await heard.until(1)
        consumer.stop()
        await running
        assert heard.photo_ids == [job.photo_id]
