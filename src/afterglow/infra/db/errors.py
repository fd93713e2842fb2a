"""What the database's absence, slowness and refusals are called, and how the driver's errors are told apart."""

import contextlib
from collections.abc import Iterator

import asyncpg

from afterglow.infra.queue.port import Connection
from afterglow.kernel.errors import AfterglowError, UnavailableError

_AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.PostgresIOError,
    # Class 53: its connections, memory or disk are used up.
    asyncpg.InsufficientResourcesError,
    # The server said goodbye while nothing was asked of it, and the next question comes before its end is noticed.
    asyncpg.InternalClientError,
)
_TOO_SLOW = (
    TimeoutError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionTimeoutError,
)

DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Whatever a call of the driver may raise; they have no ancestor in common."""


class DatabaseAwayError(UnavailableError):
    """The database is away; try again in a moment."""

    code = "database.away"


class DatabaseBusyError(UnavailableError):
    """The database did not get to this in time; try again in a moment."""

    code = "database.busy"


class NotCommittedError(AfterglowError):
    """The database rolled the transaction back, because a statement in it had failed before."""

    code = "database.not-committed"


@contextlib.contextmanager
def driver_errors(connection: Connection | None = None) -> Iterator[None]:
    """Turn what the driver raises when the database is away or too slow into our own errors.

    Put around calls of the driver and nothing else: an `OSError` of a disk is not the database's.

    Raises:
        DatabaseAwayError: The database went away, or is out of connections, memory or disk.
        DatabaseBusyError: A time limit has passed.
    """
    try:
        yield
    except (*_TOO_SLOW, *_AWAY) as error:
        # The limit of a whole transaction ends the session: then it is only the cause.
        if isinstance(error, _TOO_SLOW) or isinstance(error.__cause__, _TOO_SLOW):
            raise DatabaseBusyError from error
        raise DatabaseAwayError from error
    except asyncpg.InterfaceError as error:
        # On an open connection it is the call that is wrong: the type or the number of its arguments.
        if connection is not None and not is_gone(connection):
            raise
        raise DatabaseAwayError from error


def is_gone(connection: Connection) -> bool:
    """Return whether the connection is closed, or was taken back by its pool because the server closed it."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True
