"""Migrations: Alembic in front, plain SQL behind, as the role that owns the tables.

Alembic is loaded only where something is left to run: it would be a fifth of every start.
"""
# ruff: noqa: PLC0415

from typing import TYPE_CHECKING, Any

from afterglow.infra.db.revisions import MIGRATIONS_DIR, SCHEMA, MigrationState, connect_once, migration_state
from afterglow.kernel.errors import UnavailableError

if TYPE_CHECKING:
    from sqlalchemy import Connection

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
    if not (await migration_state(owner_dsn)).up_to_date:
        await _upgrade(owner_dsn)
    await _give_rights(owner_dsn, app_role)
    return await migration_state(app_dsn)


def run_script(sql: str) -> None:
    """Run a script of several statements inside the migration's transaction."""
    from alembic import op

    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda connection: connection.execute(sql))


async def _upgrade(owner_dsn: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine(
        "postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: connect_once(owner_dsn)
    )
    try:
        async with engine.connect() as connection:
            for statement in _SESSION:
                await connection.exec_driver_sql(statement)
            await connection.commit()
            await connection.run_sync(_run_revisions)
            await connection.commit()
    finally:
        await engine.dispose()


def _run_revisions(connection: "Connection") -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS_DIR))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _give_rights(owner_dsn: str, app_role: str) -> None:
    """Let the app role do what it has to, and no more; also where the role is another one than at the last start."""
    connection = await connect_once(owner_dsn)
    try:
        for statement in _SESSION:
            await connection.execute(statement)
        async with connection.transaction():
            # The app role may be the owner itself, or act as it: then the policies have to bind the owner too.
            await connection.execute("CALL fence(pg_has_role($1::text::name, current_user, 'MEMBER'))", app_role)
            await connection.execute("CALL grant_app($1::text::name)", app_role)
    finally:
        await connection.close()


async def _check_app_role(app_dsn: str) -> str:
    connection = await connect_once(app_dsn)
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
