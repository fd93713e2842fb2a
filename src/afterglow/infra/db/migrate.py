"""Migrations: Alembic in front, plain SQL behind, as the role that owns the tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from afterglow.infra.db.errors import DatabaseAwayError, driver_errors
from afterglow.kernel.errors import UnavailableError

SCHEMA = "afterglow"
MIGRATIONS_DIR = Path(__file__).resolve().parents[4] / "migrations"
# Serialises migrations of several starting nodes; any constant does, it only has to be ours.
_LOCK_KEY = 0x41667467
_MIN_SERVER_VERSION = 15
_SESSION = (
    # First: what waits for it here must not have begun anything.
    f"SELECT pg_advisory_lock({_LOCK_KEY})",
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"SET search_path = {SCHEMA}, public",
    "SET statement_timeout = 0",
    # A migration sees every row, also where the policies bind the owner.
    "SET afterglow.definer = 'on'",
)


class DatabaseTooOldError(UnavailableError):
    """The database server is older than PostgreSQL 15."""

    code = "database.too-old"


class SuperuserRefusedError(UnavailableError):
    """The database role that Afterglow works as is a superuser or bypasses row-level security; give it a plain role."""

    code = "database.superuser"


@dataclass(frozen=True, slots=True)
class MigrationState:
    """Which revision a database has, and which one this program needs."""

    current: str | None
    head: str

    @property
    def up_to_date(self) -> bool:
        """Whether nothing is left to run."""
        return self.current == self.head


async def migrate(owner_dsn: str, app_dsn: str) -> MigrationState:
    """Bring the schema to this program's revision and give the app role its rights; idempotent.

    Args:
        owner_dsn: The database, as the role that owns (or will own) the schema.
        app_dsn: The same database, as the role that requests and jobs work as.

    Returns:
        The state after the run.

    Raises:
        DatabaseTooOldError: The server is older than PostgreSQL 15.
        SuperuserRefusedError: The app role could look around every policy.
        DatabaseAwayError: Nothing answers at the address, or it does not let us in.
    """
    app_role = await _check_app_role(app_dsn)
    engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: _connect(owner_dsn))
    try:
        async with engine.connect() as connection:
            for statement in _SESSION:
                await connection.exec_driver_sql(statement)
            await connection.commit()
            await connection.run_sync(_upgrade)
            # The app role may be the owner itself, or act as it: then the policies have to bind the owner too.
            await connection.exec_driver_sql(
                "CALL fence(pg_has_role($1::text::name, current_user, 'MEMBER'))", (app_role,)
            )
            await connection.exec_driver_sql("CALL grant_app($1::text::name)", (app_role,))
            await connection.commit()
    finally:
        await engine.dispose()
    return await migration_state(app_dsn)


async def migration_state(dsn: str) -> MigrationState:
    """Return the revision of a database beside the one this program needs."""
    head = ScriptDirectory(str(MIGRATIONS_DIR)).get_current_head()
    if head is None:  # pragma: no cover - the folder always holds a revision
        raise UnavailableError(f"no migrations in {MIGRATIONS_DIR}")
    connection = await _connect(dsn)
    try:
        known = await connection.fetchval("SELECT to_regclass('afterglow.alembic_version') IS NOT NULL")
        current = await connection.fetchval(f"SELECT version_num FROM {SCHEMA}.alembic_version") if known else None
    finally:
        await connection.close()
    return MigrationState(current=current, head=head)


def run_script(sql: str) -> None:
    """Run a script of several statements inside the migration's transaction."""
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda connection: connection.execute(sql))


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_DIR))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _connect(dsn: str) -> asyncpg.Connection:
    try:
        with driver_errors():
            return await asyncpg.connect(dsn)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise DatabaseAwayError(f"the database does not let us in: {error}") from error


async def _check_app_role(app_dsn: str) -> str:
    connection = await _connect(app_dsn)
    try:
        if connection.get_server_version().major < _MIN_SERVER_VERSION:
            raise DatabaseTooOldError
        row = await connection.fetchrow(
            "SELECT rolname, rolsuper OR rolbypassrls AS unfenced FROM pg_roles WHERE rolname = current_user"
        )
    finally:
        await connection.close()
    if row is None or row["unfenced"]:
        raise SuperuserRefusedError
    return str(row["rolname"])
