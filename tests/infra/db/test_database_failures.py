"""The database goes away, is too slow, or its session carries a lock: what the unit of work makes of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from afterglow.infra.db.database import WRITE_TIMEOUT_MS, Database, Tx, create_pool
from afterglow.infra.db.errors import DatabaseAwayError, DatabaseBusyError, driver_errors
from afterglow.infra.queue.pgqueuer import enqueue
from afterglow.kernel.errors import UnavailableError
from factories.waiting import until

KEY = 4711
OWN_PID = "SELECT pg_backend_pid()"


@pytest.fixture
async def database_of_one(app_dsn: str) -> AsyncIterator[Database]:
    """A database with a single connection, so that it is known which one is met again."""
    opened = await Database.connect(
        app_dsn, enqueue=enqueue, subscribers={}, max_connections=1, application_name="test-one"
    )
    yield opened
    await opened.close()


@pytest.fixture
def kill(cleaner: asyncpg.Connection) -> Callable[[int], Awaitable[None]]:
    """Ends a server process as an administrator or a crash does."""

    async def end(pid: int) -> None:
        # With a timeout, the function returns when the process has ended.
        assert await cleaner.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)

    return end


async def count_locks(cleaner: asyncpg.Connection) -> int:
    return await cleaner.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1", KEY)


async def until_unlocked(cleaner: asyncpg.Connection) -> None:
    """Return when nobody holds the lock; the server notices that a client has gone a moment after it went."""

    async def is_free() -> bool:
        return await count_locks(cleaner) == 0

    await until(is_free)


class TestAway:
    @pytest.mark.req("P-4")
    async def test_a_database_that_ends_the_session_is_away_and_the_next_transaction_finds_it_back(
        self, database_of_one: Database, kill: Callable[[int], Awaitable[None]]
    ) -> None:
        async def lose(tx: Tx) -> None:
            await kill(await tx.fetch_value(OWN_PID))
            await tx.fetch_value("SELECT 1")

        with pytest.raises(DatabaseAwayError):
            await database_of_one.run([], lose)
        assert await database_of_one.run([], lambda tx: tx.fetch_value("SELECT 1")) == 1

    async def test_a_session_that_ends_before_the_commit_commits_nothing(
        self, database_of_one: Database, kill: Callable[[int], Awaitable[None]], as_owner: asyncpg.Connection
    ) -> None:
        async def lose(tx: Tx) -> None:
            await tx.execute("INSERT INTO server (id) VALUES (gen_random_uuid())")
            await kill(await tx.fetch_value(OWN_PID))

        with pytest.raises(DatabaseAwayError):
            await database_of_one.run([], lose)
        assert await as_owner.fetchval("SELECT count(*) FROM server") == 0

    async def test_an_error_of_the_body_is_not_hidden_by_a_session_that_ended(
        self, database_of_one: Database, kill: Callable[[int], Awaitable[None]]
    ) -> None:
        async def lose_and_break(tx: Tx) -> None:
            await kill(await tx.fetch_value(OWN_PID))
            raise FileNotFoundError("the body's own")

        with pytest.raises(FileNotFoundError, match="the body's own"):
            await database_of_one.run([], lose_and_break)
        assert await database_of_one.run([], lambda tx: tx.fetch_value("SELECT 1")) == 1

    async def test_a_connection_that_cannot_be_given_back_hides_neither_a_result_nor_an_error(
        self, database_of_one: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        release = asyncpg.Pool.release

        async def release_badly(pool: asyncpg.Pool, connection: object) -> None:
            await release(pool, connection)
            raise asyncpg.ConnectionDoesNotExistError

        async def break_off(tx: Tx) -> None:
            raise FileNotFoundError("the body's own")

        monkeypatch.setattr(asyncpg.Pool, "release", release_badly)
        assert await database_of_one.run([], lambda tx: tx.fetch_value("SELECT 1")) == 1
        with pytest.raises(FileNotFoundError):
            await database_of_one.run([], break_off)

    async def test_a_session_that_ends_while_it_is_idle_costs_nobody_anything(
        self, database_of_one: Database, kill: Callable[[int], Awaitable[None]]
    ) -> None:
        pid = await database_of_one.run([], lambda tx: tx.fetch_value(OWN_PID))
        await kill(pid)
        # The end of the session arrives by itself; one turn of the loop is enough to read it.
        await asyncio.sleep(0.05)
        assert await database_of_one.run([], lambda tx: tx.fetch_value(OWN_PID)) != pid

    async def test_an_address_where_nothing_answers_is_away(self) -> None:
        with pytest.raises(DatabaseAwayError):
            await create_pool("postgresql://nobody@/none?host=/nowhere", max_connections=1, application_name="test")

    async def test_a_wrong_password_is_told_without_the_password(self, app_dsn: str) -> None:
        before, at, after = app_dsn.partition("@/")
        dsn = f"{before[:-4]}oops{at}{after}"
        with pytest.raises(DatabaseAwayError, match="does not let us in") as caught:
            await create_pool(dsn, max_connections=1, application_name="test")
        assert "oops" not in caught.value.message

    @pytest.mark.parametrize(
        "error",
        [
            asyncpg.TooManyConnectionsError("full"),
            asyncpg.DiskFullError("full"),
            asyncpg.CannotConnectNowError("starting"),
            asyncpg.InterfaceError("pool is closing"),
            asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
            ConnectionResetError("reset"),
        ],
        ids=lambda error: type(error).__name__,
    )
    @pytest.mark.req("LIFE-3")
    async def test_what_is_not_a_photos_fault_is_unavailable(self, error: Exception) -> None:
        with pytest.raises(UnavailableError), driver_errors():
            raise error

    async def test_no_free_connection_is_a_busy_database(
        self, database_of_one: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("afterglow.infra.db.database._ACQUIRE_TIMEOUT_S", 0.05)
        async with database_of_one.transaction([]):
            with pytest.raises(DatabaseBusyError):
                await database_of_one.run([], lambda tx: tx.fetch_value("SELECT 1"))


class TestTimeLimits:
    async def test_sessions_have_limits_of_five_seconds(self, database: Database) -> None:
        assert WRITE_TIMEOUT_MS == 5_000
        async with database.transaction([]) as tx:
            for name in ("statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"):
                assert await tx.fetch_value(f"SHOW {name}") == "5s", name

    async def test_a_statement_that_takes_too_long_is_ended_and_told_as_busy(self, database: Database) -> None:
        async def dawdle(tx: Tx) -> None:
            await tx.execute("SET LOCAL statement_timeout = 20")
            await tx.execute("SELECT pg_sleep(10)")

        with pytest.raises(DatabaseBusyError):
            await database.run([], dawdle)

    async def test_a_transaction_that_takes_too_long_in_short_statements_is_ended_too(
        self, database_of_one: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("afterglow.infra.db.database.WRITE_TIMEOUT_MS", 100)

        async def dawdle(tx: Tx) -> None:
            for _ in range(100):
                await tx.execute("SELECT pg_sleep(0.02)")

        with pytest.raises(DatabaseBusyError):
            await database_of_one.run([], dawdle)
        assert await database_of_one.run([], lambda tx: tx.fetch_value("SELECT 1")) == 1

    async def test_a_body_that_pauses_too_long_is_ended(self, database_of_one: Database) -> None:
        async def pause(tx: Tx) -> None:
            await tx.execute("SET LOCAL idle_in_transaction_session_timeout = 20")
            await asyncio.sleep(0.3)
            await tx.fetch_value("SELECT 1")

        with pytest.raises(UnavailableError):
            await database_of_one.run([], pause)
        assert await database_of_one.run([], lambda tx: tx.fetch_value("SELECT 1")) == 1


class TestPool:
    async def test_a_connection_comes_back_without_owners_transaction_or_settings(
        self, database_of_one: Database
    ) -> None:
        owners = "SELECT visible_owners()"
        someone = await database_of_one.run([], lambda tx: tx.fetch_value("SELECT gen_random_uuid()"))
        assert await database_of_one.run([someone], lambda tx: tx.fetch_value(owners)) == [someone]
        async with database_of_one._connection() as connection:
            assert not connection.is_in_transaction()
            assert await connection.fetchval(owners) is None
            assert await connection.fetchval("SHOW transaction_timeout") == "0"
        assert await database_of_one.run([], lambda tx: tx.fetch_value(owners)) == []

    async def test_a_cancelled_transaction_leaves_a_clean_connection(
        self, database_of_one: Database, as_owner: asyncpg.Connection
    ) -> None:
        begun = asyncio.Event()

        async def work(tx: Tx) -> None:
            await tx.execute("INSERT INTO server (id) VALUES (gen_random_uuid())")
            begun.set()
            await tx.execute("SELECT pg_sleep(4)")

        task = asyncio.create_task(database_of_one.run([], work))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with database_of_one._connection() as connection:
            assert not connection.is_in_transaction()
        assert await as_owner.fetchval("SELECT count(*) FROM server") == 0

    async def test_a_closed_database_is_away(self, app_dsn: str) -> None:
        opened = await Database.connect(
            app_dsn, enqueue=enqueue, subscribers={}, max_connections=2, application_name="test-closing"
        )
        await opened.close()
        with pytest.raises(DatabaseAwayError):
            await opened.run([], lambda tx: tx.fetch_value("SELECT 1"))


class TestLock:
    @pytest.mark.req("P-4")
    async def test_it_excludes_others_across_connections_and_transactions(self, database: Database) -> None:
        inside, most = 0, 0

        async def hold() -> None:
            nonlocal inside, most
            async with database.lock(KEY) as connection:
                inside += 1
                most = max(most, inside)
                async with database.transaction_on(connection, []) as tx:
                    await tx.execute("SELECT pg_sleep(0.01)")
                await asyncio.sleep(0.01)
                inside -= 1

        await asyncio.gather(*(hold() for _ in range(5)))
        assert most == 1

    async def test_other_keys_are_free(self, database: Database) -> None:
        async with database.lock(KEY), database.lock(-KEY), database.lock(2**63 - 1), database.lock(-(2**63)):
            pass

    async def test_it_is_released_at_the_end_and_its_connection_used_again(
        self, database_of_one: Database, cleaner: asyncpg.Connection
    ) -> None:
        async with database_of_one.lock(KEY) as connection:
            pid = await connection.fetchval(OWN_PID)
            assert await count_locks(cleaner) == 1
        assert await count_locks(cleaner) == 0
        async with database_of_one.transaction([]) as tx:
            assert await tx.fetch_value(OWN_PID) == pid
            assert await tx.fetch_value("SHOW lock_timeout") == "0"
            assert await tx.fetch_value("SHOW statement_timeout") == "5s"

    @pytest.mark.parametrize("error", [OSError, TimeoutError, ValueError, asyncio.CancelledError])
    async def test_an_error_of_the_body_releases_it_and_stays_what_it_is(
        self, database_of_one: Database, cleaner: asyncpg.Connection, error: type[BaseException]
    ) -> None:
        with pytest.raises(error) as caught:
            async with database_of_one.lock(KEY):
                raise error
        assert type(caught.value) is error
        await until_unlocked(cleaner)
        async with database_of_one.lock(KEY):
            pass

    async def test_a_cancelled_holder_releases_it(self, database: Database, cleaner: asyncpg.Connection) -> None:
        held = asyncio.Event()

        async def hold() -> None:
            async with database.lock(KEY):
                held.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        await held.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until_unlocked(cleaner)

    async def test_one_who_is_cancelled_while_waiting_never_gets_it(
        self, database: Database, cleaner: asyncpg.Connection
    ) -> None:
        async def hold() -> None:
            async with database.lock(KEY):
                raise AssertionError("it was not free")

        async def both_ask() -> bool:
            return await count_locks(cleaner) == 2

        async with database.lock(KEY):
            waiting = asyncio.create_task(hold())
            await until(both_ask)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        await until_unlocked(cleaner)

    async def test_a_lock_that_stays_taken_is_told_as_busy(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("afterglow.infra.db.database._LOCK_TIMEOUT_MS", 50)

        async def hold() -> None:
            async with database.lock(KEY):
                raise AssertionError("it was not free")

        async with database.lock(KEY):
            with pytest.raises(DatabaseBusyError):
                await hold()

    async def test_waiting_for_it_may_take_longer_than_a_statement(
        self, app_dsn: str, cleaner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("afterglow.infra.db.database.WRITE_TIMEOUT_MS", 100)
        impatient = await Database.connect(
            app_dsn, enqueue=enqueue, subscribers={}, max_connections=2, application_name="test-impatient"
        )

        async def hold() -> str:
            async with impatient.lock(KEY) as connection:
                return await connection.fetchval("SHOW statement_timeout")

        async def both_ask() -> bool:
            return await count_locks(cleaner) == 2

        async with impatient.lock(KEY):
            waiting = asyncio.create_task(hold())
            await until(both_ask)
            await asyncio.sleep(0.3)
        assert await waiting == "100ms"
        await impatient.close()

    async def test_who_loses_the_session_can_commit_nothing_more(
        self, database: Database, kill: Callable[[int], Awaitable[None]]
    ) -> None:
        async def lose() -> None:
            async with database.lock(KEY) as connection:
                await kill(await connection.fetchval(OWN_PID))
                async with database.transaction_on(connection, []) as tx:
                    await tx.execute("INSERT INTO server (id) VALUES (gen_random_uuid())")

        with pytest.raises(DatabaseAwayError):
            await lose()

    @pytest.mark.req("P-2")
    async def test_what_was_committed_under_it_is_not_denied_when_the_session_ends_after(
        self, database: Database, kill: Callable[[int], Awaitable[None]], as_owner: asyncpg.Connection
    ) -> None:
        async with database.lock(KEY) as connection:
            async with database.transaction_on(connection, []) as tx:
                await tx.execute("INSERT INTO server (id) VALUES (gen_random_uuid())")
            await kill(await connection.fetchval(OWN_PID))
        assert await as_owner.fetchval("SELECT count(*) FROM server") == 1
