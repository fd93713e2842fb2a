"""The unit of work: one transaction, the owners it may see, and what happens at its commit."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

import asyncpg

from afterglow.infra.db.errors import (
    DRIVER_ERRORS,
    DatabaseAwayError,
    DatabaseBusyError,
    NotCommittedError,
    driver_errors,
    is_gone,
)
from afterglow.infra.db.introspection import Connection as PooledConnection
from afterglow.infra.queue.port import Connection, Enqueue, Job
from afterglow.kernel.clock import utc_now
from afterglow.kernel.events import Event

T = TypeVar("T")
Record = asyncpg.Record
Subscriber = Callable[["Tx", Any], Awaitable[None]]

# A write transaction holds back the feed of everybody, so it ends within 5 s or is ended.
WRITE_TIMEOUT_MS = 5_000
_LOCK_TIMEOUT_MS = 60_000
_ACQUIRE_TIMEOUT_S = 30
# `transaction_timeout` bounds the whole transaction; older servers bound its statements and its pauses only.
_TRANSACTION_TIMEOUT_SINCE = (17, 0)
_DEADLOCK_TRIES = 10
# The database ended a transaction that is worth running again.
RETRYABLE = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Tx:
    """An open transaction.

    Attributes:
        now: The moment the transaction began, by this process's clock; use it for every timestamp written.
    """

    def __init__(self, connection: Connection, subscribers: Mapping[type[Event], Sequence[Subscriber]]) -> None:
        self._connection = connection
        self._subscribers = subscribers
        self._jobs: list[Job] = []
        self._events: list[Event] = []
        self.now: datetime = utc_now()

    async def fetch(self, sql: str, *args: object) -> list[Record]:
        """Return all rows."""
        with driver_errors(self._connection):
            return await self._connection.fetch(sql, *args)

    async def fetch_row(self, sql: str, *args: object) -> Record | None:
        """Return the first row, or None."""
        with driver_errors(self._connection):
            return await self._connection.fetchrow(sql, *args)

    async def fetch_value(self, sql: str, *args: object) -> Any:
        """Return the first column of the first row, or None."""
        with driver_errors(self._connection):
            return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> None:
        """Run a statement."""
        with driver_errors(self._connection):
            await self._connection.execute(sql, *args)

    async def execute_count(self, sql: str, *args: object) -> int:
        """Run a statement; return how many rows it touched."""
        with driver_errors(self._connection):
            status = await self._connection.execute(sql, *args)
        return int(status.rsplit(" ", 1)[-1])

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once for each row of arguments."""
        with driver_errors(self._connection):
            await self._connection.executemany(sql, rows)

    async def see_owners(self, owners: Sequence[UUID]) -> None:
        """See the rows of these owners from here on, instead of those that the transaction was opened with."""
        await self.execute(_see_owners(owners))

    def defer(self, job: Job) -> None:
        """Wake a step when this transaction commits, and not otherwise."""
        self._jobs.append(job)

    def emit(self, event: Event) -> None:
        """Tell a fact; its subscribers run in this transaction, before the commit."""
        self._events.append(event)

    async def settle(self, enqueue: Enqueue) -> None:
        """Run the subscribers of all events, also of those that they emit, then enqueue the deferred jobs."""
        while self._events:
            event = self._events.pop(0)
            for subscriber in self._subscribers.get(type(event), ()):
                await subscriber(self, event)
        if self._jobs:
            with driver_errors(self._connection):
                await enqueue(self._connection, tuple(dict.fromkeys(self._jobs)))


class Database:
    """A pool of connections as the app role, and the way to open units of work on it."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        enqueue: Enqueue,
        subscribers: Mapping[type[Event], Sequence[Subscriber]],
    ) -> None:
        self._pool = pool
        self._enqueue = enqueue
        self._subscribers = subscribers

    @classmethod
    async def connect(
        cls,
        dsn: str,
        *,
        enqueue: Enqueue,
        subscribers: Mapping[type[Event], Sequence[Subscriber]],
        max_connections: int,
        application_name: str,
    ) -> Self:
        """Open a pool.

        Raises:
            DatabaseAwayError: Nothing answers at the address.
        """
        pool = await create_pool(dsn, max_connections=max_connections, application_name=application_name)
        return cls(pool, enqueue, subscribers)

    async def close(self) -> None:
        """Close the pool, waiting at most 5 s for what is running."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except TimeoutError:
            self._pool.terminate()

    @contextlib.asynccontextmanager
    async def transaction(
        self, owners: Sequence[UUID], *, read_only: bool = False, repeatable: bool = False
    ) -> AsyncIterator[Tx]:
        """Open a transaction that sees the rows of these owners; commits at the end, rolls back on any error.

        A write transaction that lasts longer than `WRITE_TIMEOUT_MS` is ended. For `repeatable` see `run`.

        Raises:
            DatabaseAwayError: The database went away.
            DatabaseBusyError: A time limit has passed, or no connection was free in time.
            NotCommittedError: The caller went on after a statement had failed.
        """
        async with (
            self._connection() as connection,
            self.transaction_on(connection, owners, read_only=read_only, repeatable=repeatable) as tx,
        ):
            yield tx

    @contextlib.asynccontextmanager
    async def transaction_on(
        self, connection: Connection, owners: Sequence[UUID], *, read_only: bool = False, repeatable: bool = False
    ) -> AsyncIterator[Tx]:
        """As `transaction`, on a connection that the caller holds (because it carries a lock of the session)."""
        with driver_errors(connection):
            await connection.execute(_begin(connection, owners, read_only=read_only, repeatable=repeatable))
        try:
            tx = Tx(connection, self._subscribers)
            yield tx
            await tx.settle(self._enqueue)
            await _commit(connection)
        except BaseException:
            await _roll_back(connection)
            raise

    async def run(
        self,
        owners: Sequence[UUID],
        work: Callable[[Tx], Awaitable[T]],
        *,
        read_only: bool = False,
        repeatable: bool = False,
    ) -> T:
        """Return what `work` returns from one committed transaction; a deadlock or serialisation failure runs it again.

        Args:
            owners: Owners whose rows are visible.
            work: Called with the unit of work, maybe several times: effects outside the transaction must be idempotent.
            read_only: Refuse writes.
            repeatable: A crash of the database within its next second may undo the transaction as if it had never
                been, because whoever did the work will do it again; so its commit does not wait for the disk. Never
                for what somebody was promised. Its statements keep their plans, whatever their arguments.

        Raises:
            DatabaseAwayError: The database went away.
            DatabaseBusyError: A time limit has passed, no connection was free in time, or all tries ended in deadlocks.
            NotCommittedError: `work` went on after a statement had failed.
        """
        for attempt in range(1, _DEADLOCK_TRIES + 1):
            try:
                async with self.transaction(owners, read_only=read_only, repeatable=repeatable) as tx:
                    return await work(tx)
            except RETRYABLE as error:
                if attempt == _DEADLOCK_TRIES:
                    raise DatabaseBusyError from error
                await asyncio.sleep(random.uniform(0, 0.02 * 2 ** min(attempt, 5)))  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    @contextlib.asynccontextmanager
    async def lock(self, key: int) -> AsyncIterator[Connection]:
        """Hold an advisory lock of the session, across transactions, on the connection that is yielded.

        For work that is longer than a transaction may be: `transaction_on` commits while the lock is held. Should the
        session break meanwhile, the lock is lost, and with it the connection to commit on.

        Raises:
            DatabaseAwayError: The database went away.
            DatabaseBusyError: Somebody else held the lock for a minute, or no connection was free in time.
        """
        async with self._connection() as connection:
            try:
                with driver_errors(connection):
                    await _take_lock(connection, key)
                yield connection
            except BaseException:
                # The lock goes with its session.
                _drop(connection)
                raise
            try:
                with driver_errors(connection):
                    await connection.execute("SELECT pg_advisory_unlock($1)", key)
            except DatabaseAwayError:
                # So the lock is gone as well, and what was done under it is done.
                _drop(connection)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        with driver_errors():
            connection = await self._pool.acquire(timeout=_ACQUIRE_TIMEOUT_S)
        try:
            yield connection
        finally:
            # A connection that can't be made clean is closed by the pool, and is no concern of who is done with it.
            with contextlib.suppress(*DRIVER_ERRORS):
                await self._pool.release(connection)


def _see_owners(owners: Sequence[UUID]) -> str:
    # `SET LOCAL x = $1` is a syntax error; these are UUIDs, so their text is safe.
    listed = ",".join(str(UUID(int=owner.int)) for owner in owners)
    return f"SET LOCAL afterglow.owners = '{{{listed}}}'"


def _begin(connection: Connection, owners: Sequence[UUID], *, read_only: bool, repeatable: bool) -> str:
    """Return the statements that open a transaction; sent as one query, for one round trip."""
    statements = ["BEGIN READ ONLY" if read_only else "BEGIN", _see_owners(owners)]
    if not read_only and connection.get_server_version() >= _TRANSACTION_TIMEOUT_SINCE:
        statements.append(f"SET LOCAL transaction_timeout = {WRITE_TIMEOUT_MS}")
    if repeatable:
        # They are the same few statements all day, on arrays: for short ones PostgreSQL would plan them anew each time,
        # which costs more than to run them.
        statements += ["SET LOCAL synchronous_commit = off", "SET LOCAL plan_cache_mode = force_generic_plan"]
    return "; ".join(statements)


async def _commit(connection: Connection) -> None:
    with driver_errors(connection):
        status = await connection.execute("COMMIT")
    # After a failed statement COMMIT rolls back, and says so only here.
    if status != "COMMIT":
        raise NotCommittedError


async def _take_lock(connection: Connection, key: int) -> None:
    # One round trip; a lock that is not had in time ends the connection, and its settings with it.
    await connection.execute(
        f"SET lock_timeout = {_LOCK_TIMEOUT_MS}; SET statement_timeout = {_LOCK_TIMEOUT_MS}; "
        f"SELECT pg_advisory_lock({key:d}); RESET lock_timeout; RESET statement_timeout"
    )


def _drop(connection: Connection) -> None:
    if not is_gone(connection):
        connection.terminate()


async def create_pool(dsn: str, *, max_connections: int, application_name: str) -> asyncpg.Pool:
    """Return a pool whose sessions have our time limits, search path and time zone.

    Raises:
        DatabaseAwayError: Nothing answers at the address, or it does not let us in.
    """
    try:
        with driver_errors():
            return await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=max_connections,
                max_inactive_connection_lifetime=300,
                timeout=10,
                connection_class=PooledConnection,
                reset=_reset,
                server_settings={
                    "application_name": application_name,
                    "search_path": "afterglow, public",
                    "timezone": "UTC",
                    "statement_timeout": str(WRITE_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(WRITE_TIMEOUT_MS),
                },
            )
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise DatabaseAwayError(f"the database does not let us in: {error}") from error


async def _reset(connection: Connection) -> None:
    """Do no more than the pool does by itself, which ends an open transaction: our sessions carry nothing else.

    Its default resets everything, which costs a round trip at every release.
    """


async def _roll_back(connection: Connection) -> None:
    if is_gone(connection) or not connection.is_in_transaction():
        return
    # A failing ROLLBACK must not hide why we roll back.
    try:
        await connection.execute("ROLLBACK")
    except DRIVER_ERRORS:
        _drop(connection)
