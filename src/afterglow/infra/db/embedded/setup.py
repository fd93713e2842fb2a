"""What is said to the server by SQL: is it ready, and which roles, database and extension it has to have."""

import asyncio
import json
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import asyncpg

from afterglow.infra.db.embedded.credentials import APP_ROLE, DATABASE, OWNER_ROLE, SUPERUSER, fingerprint
from afterglow.infra.db.embedded.endpoint import Endpoint
from afterglow.infra.db.embedded.errors import ServerStartError
from afterglow.infra.storage.whole_files import write_durably
from afterglow.kernel.faults import fault_point

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SETUP_VERSION = 1
"""Raise it with every change of the statements below: they then run once more on existing clusters."""
PROBE_TIMEOUT_S = 30.0
ROLE_RIGHTS = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"


class Readiness(Enum):
    """What a server says to the superuser."""

    READY = auto()
    NOT_YET = auto()
    """It recovers, shuts down, or does not listen (yet)."""
    REFUSED = auto()
    """The password on file is not the superuser's."""


def probe(endpoint: Endpoint) -> Readiness:
    """Return what the server says now.

    Raises:
        ServerStartError: It says something else than these.
    """
    try:
        return _run(_probe(endpoint))
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise ServerStartError(f"the database does not let us in: {error}") from error


def is_set_up(endpoint: Endpoint, release: str, record: Path) -> bool:
    """Return whether set-up is complete for these passwords and programs."""
    try:
        return bool(json.loads(record.read_bytes()) == _expected_record(endpoint, release))
    except (FileNotFoundError, ValueError):
        return False


def set_up(endpoint: Endpoint, release: str, record: Path) -> None:
    """Bring roles, database and extension into the state that we need, then record it; idempotent, in any half state.

    Raises:
        ServerStartError: The server refused a statement.
    """
    try:
        _run(_set_up(endpoint))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise ServerStartError(f"setting up the database failed: {error}") from error
    fault_point("postgres.before-record")
    write_durably(record, json.dumps(_expected_record(endpoint, release)).encode())


def _expected_record(endpoint: Endpoint, release: str) -> dict[str, Any]:
    return {"version": SETUP_VERSION, "release": release, "credentials": fingerprint(endpoint.passwords)}


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine, run in a thread: the caller may itself be inside an event loop."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(asyncio.run, coroutine).result()


async def _connect(endpoint: Endpoint, database: str) -> Connection:
    return await asyncpg.connect(
        host=str(endpoint.socket_dir),
        port=endpoint.port,
        user=SUPERUSER,
        password=endpoint.passwords[SUPERUSER],
        database=database,
        ssl=False,
        timeout=PROBE_TIMEOUT_S,
        server_settings={"log_min_error_statement": "panic"},  # statements with passwords stay out of the log
    )


async def _probe(endpoint: Endpoint) -> Readiness:
    try:
        connection = await _connect(endpoint, "postgres")
    except asyncpg.TooManyConnectionsError:
        return Readiness.READY
    except asyncpg.InvalidAuthorizationSpecificationError:  # includes the wrong password
        return Readiness.REFUSED
    except (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
        return Readiness.NOT_YET
    await connection.close()
    return Readiness.READY


async def _set_up(endpoint: Endpoint) -> None:
    connection = await _connect(endpoint, "postgres")
    try:
        for role in (OWNER_ROLE, APP_ROLE):
            await _ensure_role(connection, role, endpoint.passwords[role])
            fault_point("postgres.after-role")
        await _ensure_database(connection)
        fault_point("postgres.after-database")
    finally:
        await connection.close()
    connection = await _connect(endpoint, DATABASE)
    try:
        await _ensure_contents(connection)
    finally:
        await connection.close()


async def _ensure_role(connection: Connection, role: str, password: str) -> None:
    exists = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role)
    verb = "ALTER" if exists else "CREATE"
    # Role statements take no parameters; the server itself quotes the literal.
    literal = await connection.fetchval("SELECT quote_literal($1::text)", password)
    await connection.execute(f"{verb} ROLE {role} {ROLE_RIGHTS} PASSWORD {literal}")


async def _ensure_database(connection: Connection) -> None:
    if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
        await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")
    await connection.execute(f"ALTER DATABASE {DATABASE} OWNER TO {OWNER_ROLE}")
    await connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
    await connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {DATABASE} TO {APP_ROLE}")


async def _ensure_contents(connection: Connection) -> None:
    await connection.execute(f"ALTER SCHEMA public OWNER TO {OWNER_ROLE}")
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    await connection.execute("ALTER EXTENSION vector UPDATE")
