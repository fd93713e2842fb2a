"""Changes in their order, and forgetting them: only what is old, with a floor above it."""

from datetime import timedelta

import asyncpg
import pytest

from afterglow.features.changes import service
from afterglow.features.changes.models import Horizon, Position
from afterglow.infra.db.database import Database
from afterglow.kernel.ids import UserId
from factories.rows import add_photo, add_user

pytestmark = pytest.mark.req("SYN-1")

RETENTION = timedelta(days=90)
AGE = "UPDATE changes SET created_at = now() - $1::interval WHERE owner_id = $2"


async def horizon_of(database: Database, owner_id: UserId) -> Horizon:
    async with database.transaction([owner_id], read_only=True) as tx:
        return await service.look_from_here(tx, owner_id)


async def positions(as_owner: asyncpg.Connection, owner_id: UserId) -> list[tuple[int, int, int]]:
    rows = await as_owner.fetch(
        "SELECT epoch, xid::text::bigint AS xid, seq FROM changes WHERE owner_id = $1 ORDER BY epoch, xid, seq",
        owner_id,
    )
    return [tuple(row) for row in rows]


async def test_transactions_are_ordered_by_number_and_not_as_text(
    database: Database, as_owner: asyncpg.Connection
) -> None:
    owner_id = await add_user(as_owner)
    for xid in ("100", "9", "10", "99"):
        await as_owner.execute(
            "INSERT INTO changes (owner_id, type, entity_id, xid) VALUES ($1, 'photo', $1, $2::text::xid8)",
            owner_id,
            xid,
        )
    async with database.transaction([owner_id], read_only=True) as tx:
        start = Position(1, 9, 0)
        told = await service.list_changes(tx, owner_id, start, 10)
        assert [change.position.xid for change in told] == [9, 10, 99, 100]
        after = [await service.list_changes(tx, owner_id, change.position, 1) for change in told]
    assert after == [[told[1]], [told[2]], [told[3]], []]


async def test_what_is_young_stays(database: Database, as_owner: asyncpg.Connection) -> None:
    owner_id = await add_user(as_owner)
    await add_photo(as_owner, owner_id)
    await as_owner.execute(AGE, timedelta(days=89), owner_id)
    assert await service.prune(database, RETENTION) == 0
    assert len(await positions(as_owner, owner_id)) == 1
    assert (await horizon_of(database, owner_id)).floor is None


async def test_what_is_old_goes_and_the_floor_is_its_last(
    database: Database, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PRUNE_BATCH", 2)
    owner_id, other_id = await add_user(as_owner), await add_user(as_owner, "ben")
    for _ in range(5):
        await add_photo(as_owner, owner_id)
    old = await positions(as_owner, owner_id)
    await as_owner.execute(AGE, timedelta(days=91), owner_id)
    for user_id in (owner_id, other_id):
        await add_photo(as_owner, user_id)
    assert await service.prune(database, RETENTION) == 5
    assert (await horizon_of(database, owner_id)).floor == old[-1]
    assert (await horizon_of(database, other_id)).floor is None
    assert [len(await positions(as_owner, user_id)) for user_id in (owner_id, other_id)] == [1, 1]


async def test_the_floor_is_never_lowered(database: Database, as_owner: asyncpg.Connection) -> None:
    owner_id = await add_user(as_owner)
    await as_owner.execute("INSERT INTO feed_floors VALUES ($1, 1, '9000000', 5)", owner_id)
    await add_photo(as_owner, owner_id)
    await as_owner.execute(AGE, timedelta(days=91), owner_id)
    assert await service.prune(database, RETENTION) == 1
    assert (await horizon_of(database, owner_id)).floor == (1, 9000000, 5)


async def test_changes_of_former_epochs_go_whatever_their_age(database: Database, as_owner: asyncpg.Connection) -> None:
    """Nobody can read them. Their transaction ids mean nothing any more, so they may be beyond all of this epoch."""
    owner_id = await add_user(as_owner)
    await add_photo(as_owner, owner_id)
    await as_owner.execute("UPDATE changes SET epoch = 0, xid = '9000000000'")
    await add_photo(as_owner, owner_id)
    assert await service.prune(database, RETENTION) == 1
    assert [epoch for epoch, _, _ in await positions(as_owner, owner_id)] == [1]
