"""Which revision a database has, and which one this program needs; told without loading Alembic.

Every process asks, and Alembic with what it stands on is half of a process's start and 30 MB of its memory.
"""

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from afterglow.infra.db.errors import DatabaseAwayError, driver_errors
from afterglow.kernel.errors import UnavailableError

SCHEMA = "afterglow"
MIGRATIONS_DIR = Path(__file__).resolve().parents[4] / "migrations"


@dataclass(frozen=True, slots=True)
class MigrationState:
    """Which revision a database has, and which one this program needs."""

    current: str | None
    head: str

    @property
    def up_to_date(self) -> bool:
        """Whether nothing is left to run."""
        return self.current == self.head


async def migration_state(dsn: str) -> MigrationState:
    """Return the revision of a database beside the one this program needs.

    Raises:
        DatabaseAwayError: Nothing answers at the address, or it does not let us in.
    """
    head = find_head(MIGRATIONS_DIR)
    connection = await connect_once(dsn)
    try:
        known = await connection.fetchval("SELECT to_regclass('afterglow.alembic_version') IS NOT NULL")
        current = await connection.fetchval(f"SELECT version_num FROM {SCHEMA}.alembic_version") if known else None
    finally:
        await connection.close()
    return MigrationState(current=current, head=head)


def find_head(folder: Path) -> str:
    """Return the revision that no other one follows.

    Raises:
        UnavailableError: There is none, or more than one.
    """
    scripts = [_assignments(script) for script in folder.glob("versions/*.py")]
    heads = {script["revision"] for script in scripts} - {script["down_revision"] for script in scripts}
    if len(heads) != 1:
        raise UnavailableError(f"{len(heads)} heads of migrations in {folder}")
    return str(heads.pop())


async def connect_once(dsn: str) -> asyncpg.Connection:
    """Return a connection of its own, outside of any pool.

    Raises:
        DatabaseAwayError: Nothing answers at the address, or it does not let us in.
    """
    try:
        with driver_errors():
            return await asyncpg.connect(dsn)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise DatabaseAwayError(f"the database does not let us in: {error}") from error


def _assignments(script: Path) -> dict[str, Any]:
    """Return the constants that a module assigns to single names."""
    return {
        target.id: statement.value.value
        for statement in ast.parse(script.read_text(encoding="utf-8")).body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
