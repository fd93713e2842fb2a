"""A restored database is noticed when a node starts on it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from afterglow import bootstrap
from afterglow.config import Settings, load_settings

pytestmark = pytest.mark.req("SYN-1")


@pytest.fixture
async def epochs(as_owner: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The epochs, which other tests find as they were."""
    kept = await as_owner.fetch("SELECT epoch, identity FROM feed_epochs")
    yield as_owner
    await as_owner.execute("DELETE FROM feed_epochs WHERE NOT epoch = ANY ($1)", [row["epoch"] for row in kept])
    await as_owner.executemany("UPDATE feed_epochs SET identity = $2 WHERE epoch = $1", kept)


@pytest.fixture
def starting(app_dsn: str, owner_dsn: str, tmp_path: Path) -> Settings:
    """Settings of a node with both roles, as it starts."""
    (tmp_path / "data").mkdir()
    return load_settings(data_dir=tmp_path / "data", database_url=app_dsn, database_owner_url=owner_dsn)


async def minted(epochs: asyncpg.Connection) -> list[tuple[str, bool]]:
    rows = await epochs.fetch("SELECT reason, identity = database_identity() FROM feed_epochs ORDER BY epoch")
    return [(row[0], row[1]) for row in rows]


@pytest.mark.parametrize("identity", ["another/database/than/this", None])
async def test_a_start_on_another_database_begins_an_epoch(
    epochs: asyncpg.Connection, starting: Settings, identity: str | None
) -> None:
    await epochs.execute("UPDATE feed_epochs SET identity = $1", identity)
    for _ in range(2):
        await asyncio.to_thread(bootstrap.migrate, starting)
    assert (await minted(epochs))[1:] == [("restored", True)]


async def test_a_start_on_the_same_database_does_not(epochs: asyncpg.Connection, starting: Settings) -> None:
    await epochs.execute("UPDATE feed_epochs SET identity = database_identity()")
    await asyncio.to_thread(bootstrap.migrate, starting)
    assert await minted(epochs) == [("created", True)]


async def test_the_app_role_makes_no_epoch_by_itself(app_dsn: str) -> None:
    """Only by the function, which waits for writers."""
    connection = await asyncpg.connect(app_dsn, server_settings={"search_path": "afterglow"})
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("INSERT INTO feed_epochs (reason) VALUES ('mine')")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("UPDATE feed_epochs SET identity = 'mine'")
    await connection.close()
