"""One transaction: what it commits, what rides in it, and what it refuses."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from afterglow.infra.db.database import Database, Tx
from afterglow.infra.db.errors import DatabaseBusyError, NotCommittedError
from afterglow.infra.queue.pgqueuer import enqueue
from afterglow.infra.queue.port import Job
from afterglow.kernel.events import Event
from afterglow.kernel.ids import PhotoId, UserId, new_id
from factories.rows import add_user

INSERT = """
    INSERT INTO upload_sessions (id, owner_id, filename, size_bytes, state, created_at, updated_at, expires_at)
    VALUES ($1, $2, 'a.jpg', 10, 'open', now(), now(), now())
"""


@pytest.fixture
async def ana_id(as_owner: asyncpg.Connection) -> UserId:
    return await add_user(as_owner, "ana")


async def insert_session(tx: Tx, owner_id: UserId) -> UUID:
    session_id = new_id()
    await tx.execute(INSERT, session_id, owner_id)
    return session_id


async def count_sessions(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("SELECT count(*) FROM upload_sessions")


async def count_jobs(connection: asyncpg.Connection) -> int:
    return await connection.fetchval("SELECT count(*) FROM pgqueuer")


def a_job(**values: object) -> Job:
    return Job(task="derive", photo_id=PhotoId(new_id()), **values)


async def test_a_transaction_commits_at_its_end(
    database: Database, as_owner: asyncpg.Connection, ana_id: UserId
) -> None:
    async with database.transaction([ana_id]) as tx:
        await insert_session(tx, ana_id)
        assert await count_sessions(as_owner) == 0
    assert await count_sessions(as_owner) == 1


@pytest.mark.parametrize("error", [ValueError, OSError, TimeoutError, asyncio.CancelledError, KeyboardInterrupt])
async def test_an_error_of_the_body_rolls_back_and_stays_what_it_is(
    database: Database, as_owner: asyncpg.Connection, ana_id: UserId, error: type[BaseException]
) -> None:
    async def break_off(tx: Tx) -> None:
        await insert_session(tx, ana_id)
        raise error

    with pytest.raises(error) as caught:
        await database.run([ana_id], break_off)
    assert type(caught.value) is error
    assert await count_sessions(as_owner) == 0


async def test_run_returns_what_its_work_returns(database: Database, ana_id: UserId) -> None:
    assert await database.run([ana_id], lambda tx: tx.fetch_value("SELECT 41 + 1")) == 42


async def test_a_read_only_transaction_refuses_writes(
    database: Database, as_owner: asyncpg.Connection, ana_id: UserId
) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with database.transaction([ana_id], read_only=True) as tx:
            await insert_session(tx, ana_id)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with database.transaction([ana_id], read_only=True) as tx:
            tx.defer(a_job())
    assert (await count_sessions(as_owner), await count_jobs(as_owner)) == (0, 0)


@pytest.mark.req("P-2")
async def test_a_body_that_goes_on_after_a_failed_statement_does_not_seem_committed(
    database: Database, as_owner: asyncpg.Connection, ana_id: UserId
) -> None:
    async def go_on(tx: Tx) -> None:
        session_id = await insert_session(tx, ana_id)
        with pytest.raises(asyncpg.UniqueViolationError):
            await tx.execute(INSERT, session_id, ana_id)

    with pytest.raises(NotCommittedError):
        await database.run([ana_id], go_on)
    assert await count_sessions(as_owner) == 0


async def test_a_wrong_argument_is_not_taken_for_an_absent_database(database: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        async with database.transaction([]) as tx:
            await tx.fetch_value("SELECT $1::integer", 2**40)
    with pytest.raises(asyncpg.InterfaceError):
        async with database.transaction([]) as tx:
            await tx.fetch_value("SELECT $1::integer")


async def test_a_count_is_of_the_rows_that_were_touched(database: Database, ana_id: UserId) -> None:
    async with database.transaction([ana_id]) as tx:
        ids = [await insert_session(tx, ana_id) for _ in range(3)]
        touched = await tx.execute_count("DELETE FROM upload_sessions WHERE id = ANY ($1)", ids[:2])
        assert touched == 2
        assert await tx.execute_count("DELETE FROM upload_sessions WHERE false") == 0


async def test_many_rows_are_written_by_one_call(
    database: Database, as_owner: asyncpg.Connection, ana_id: UserId
) -> None:
    async with database.transaction([ana_id]) as tx:
        await tx.execute_many(INSERT, [(new_id(), ana_id) for _ in range(5)])
    assert await count_sessions(as_owner) == 5


class TestDefer:
    async def test_a_job_is_visible_after_the_commit_and_not_before(
        self, database: Database, as_owner: asyncpg.Connection
    ) -> None:
        async with database.transaction([]) as tx:
            tx.defer(a_job())
            assert await count_jobs(as_owner) == 0
        assert await count_jobs(as_owner) == 1

    async def test_a_rolled_back_transaction_wakes_nothing(
        self, database: Database, as_owner: asyncpg.Connection
    ) -> None:
        async def break_off(tx: Tx) -> None:
            tx.defer(a_job())
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await database.run([], break_off)
        assert await count_jobs(as_owner) == 0

    async def test_equal_jobs_are_queued_once_also_with_another_priority_or_delay(
        self, database: Database, as_owner: asyncpg.Connection
    ) -> None:
        job = a_job()
        async with database.transaction([]) as tx:
            tx.defer(job)
            tx.defer(job)
            tx.defer(Job(job.task, job.photo_id, priority=10))
            tx.defer(Job(job.task, job.photo_id, delay=timedelta(hours=1)))
        assert await count_jobs(as_owner) == 1

    async def test_a_job_that_is_queued_already_does_not_abort_the_transaction(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        job = a_job()
        for _ in range(2):
            async with database.transaction([ana_id]) as tx:
                await insert_session(tx, ana_id)
                tx.defer(job)
        assert (await count_sessions(as_owner), await count_jobs(as_owner)) == (2, 1)


@dataclass(frozen=True, slots=True)
class Told(Event):
    """Something was told."""

    owner_id: UserId


@dataclass(frozen=True, slots=True)
class ToldOn(Event):
    """A subscriber told something in turn."""

    owner_id: UserId


class TestEmit:
    @pytest.fixture
    async def telling(self, app_dsn: str) -> AsyncIterator[Database]:
        """A database where `Told` adds a row and is told on, which adds another one and a job."""

        async def on_told(tx: Tx, event: Told) -> None:
            await insert_session(tx, event.owner_id)
            tx.emit(ToldOn(event.owner_id))

        async def on_told_on(tx: Tx, event: ToldOn) -> None:
            await insert_session(tx, event.owner_id)
            tx.defer(a_job())

        opened = await Database.connect(
            app_dsn,
            enqueue=enqueue,
            subscribers={Told: [on_told], ToldOn: [on_told_on]},
            max_connections=2,
            application_name="test",
        )
        yield opened
        await opened.close()

    async def test_subscribers_work_in_the_same_transaction_also_those_of_their_own_events(
        self, telling: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        async with telling.transaction([ana_id]) as tx:
            tx.emit(Told(ana_id))
            assert await tx.fetch_value("SELECT count(*) FROM upload_sessions") == 0
        assert (await count_sessions(as_owner), await count_jobs(as_owner)) == (2, 1)

    async def test_a_subscriber_that_fails_takes_the_transaction_with_it(
        self, telling: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        async def tell_of_a_stranger(tx: Tx) -> None:
            await insert_session(tx, ana_id)
            tx.emit(Told(UserId(new_id())))

        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await telling.run([ana_id], tell_of_a_stranger)
        assert (await count_sessions(as_owner), await count_jobs(as_owner)) == (0, 0)


class TestDeadlocks:
    async def test_two_that_lock_in_opposite_order_both_finish(
        self, eager_database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        ben_id = await add_user(as_owner, "ben")
        both_hold_one, tries = asyncio.Barrier(2), 0

        async def rename_both(tx: Tx, first: UserId, second: UserId) -> None:
            nonlocal tries
            tries += 1
            await tx.execute("UPDATE users SET name = name || '!' WHERE id = $1", first)
            if tries <= 2:
                await both_hold_one.wait()
            await tx.execute("UPDATE users SET name = name || '!' WHERE id = $1", second)

        await asyncio.gather(
            eager_database.run([ana_id, ben_id], lambda tx: rename_both(tx, ana_id, ben_id)),
            eager_database.run([ana_id, ben_id], lambda tx: rename_both(tx, ben_id, ana_id)),
        )
        names = await as_owner.fetch("SELECT name FROM users ORDER BY name")
        assert [row["name"] for row in names] == ["Ana!!", "Ben!!"]
        assert tries > 2

    async def test_a_deadlock_that_never_ends_is_told_as_a_busy_database(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("afterglow.infra.db.database._DEADLOCK_TRIES", 4)
        tries = 0

        async def always(tx: Tx) -> None:
            nonlocal tries
            tries += 1
            raise asyncpg.DeadlockDetectedError

        with pytest.raises(DatabaseBusyError):
            await database.run([], always)
        assert tries == 4
