"""The counters of days, kept by triggers: whatever is done to photos, they equal a recount; and each change is told."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.ids import UserId, new_id
from factories.rows import LONG_AGO, add_photo, add_user

pytestmark = pytest.mark.req("TML-1")

FIRST = datetime(2024, 1, 30, 22, 0)
INSERT = """
    INSERT INTO photos (id, owner_id, status, kind, mime, filename, taken_local, taken_at, taken_source, archived,
                        deleted_at, created_at, updated_at)
    SELECT n.id, $1, 'STORED', 'photo', 'image/jpeg', 'a.jpg', n.taken_local, n.taken_local AT TIME ZONE 'UTC', 'exif',
           n.archived, n.deleted_at, now(), now()
    FROM unnest($2::uuid[], $3::timestamp[], $4::boolean[], $5::timestamptz[])
         AS n (id, taken_local, archived, deleted_at)
"""
# What a change does to the row, and to the model of it.
CHANGES = {
    "a day later": "taken_local = taken_local + interval '1 day'",
    "a minute later": "taken_local = taken_local + interval '1 minute'",
    "a month earlier": "taken_local = taken_local - interval '31 days'",
    "archived or back": "archived = NOT archived",
    "trashed or restored": "deleted_at = CASE WHEN deleted_at IS NULL THEN now() END",
    "favourite or not": "favorite = NOT favorite",
    "another width": "width = COALESCE(width, 0) + 1",
    "another placeholder": "placeholder = COALESCE(placeholder, '') || '\\x00'",
    "another version": "derive_version = derive_version + 1",
    "another status": "status = CASE status WHEN 'STORED' THEN 'PROCESSED' ELSE 'STORED' END",
    "a video": "kind = CASE kind WHEN 'photo' THEN 'video' ELSE 'photo' END",
    "another duration": "duration_ms = COALESCE(duration_ms, 0) + 1",
    "what no tile shows": "description = description || '!', rating = 3, tags = '{a}', updated_at = now()",
    "nothing": "width = width",
}
TILES = """
    SELECT taken_local::date AS day,
           array_agg(ROW(id, width, height, kind, status, placeholder, taken_local, derive_version, favorite,
                         duration_ms)::text ORDER BY id) AS tiles
    FROM photos WHERE owner_id = $1 AND deleted_at IS NULL AND NOT archived GROUP BY 1
"""


@dataclass
class Days:
    """What is shown of an owner's days, and what the counters say of them."""

    tiles: dict[date, Sequence[str]] = field(default_factory=dict)
    counts: dict[date, int] = field(default_factory=dict)
    versions: dict[date, int] = field(default_factory=dict)

    @classmethod
    async def read(cls, tx: Tx, owner_id: UserId) -> "Days":
        rows = await tx.fetch("SELECT day, count, version FROM timeline_days WHERE owner_id = $1", owner_id)
        return cls(
            tiles={row["day"]: row["tiles"] for row in await tx.fetch(TILES, owner_id)},
            counts={row["day"]: row["count"] for row in rows},
            versions={row["day"]: row["version"] for row in rows},
        )

    def are_right_after(self, before: "Days") -> None:
        """Compare with a recount, and each day's version with whether anything changed that its tiles show."""
        assert {day: count for day, count in self.counts.items() if count} == {
            day: len(tiles) for day, tiles in self.tiles.items()
        }
        for day in self.counts.keys() | before.counts.keys():
            grew = self.versions.get(day, 0) > before.versions.get(day, 0)
            assert self.versions.get(day, 0) >= before.versions.get(day, 0)
            assert grew == (self.tiles.get(day) != before.tiles.get(day)), day


mostly_not = st.sampled_from([False, False, False, True])
numbers = st.integers(0, 30)  # of a photo, modulo how many there are
inserting = st.tuples(
    st.just("insert"),
    st.lists(st.tuples(st.integers(0, 4), mostly_not, mostly_not), min_size=1, max_size=6),  # day, archived, trashed
)
changing = st.tuples(st.sampled_from(sorted(CHANGES)), st.lists(numbers, min_size=1, max_size=8))
deleting = st.tuples(st.just("delete"), st.lists(numbers, min_size=1, max_size=2))
operations = st.tuples(
    inserting,
    st.lists(
        st.sampled_from([changing] * 6 + [inserting, deleting]).flatmap(lambda kind: kind), min_size=5, max_size=15
    ),
).map(lambda parts: [parts[0], *parts[1]])


async def insert(tx: Tx, owner_id: UserId, rows: Sequence[tuple[int, bool, bool]]) -> list[UUID]:
    """Add photos by one statement."""
    ids = [new_id() for _ in rows]
    moments = [FIRST + timedelta(days=days, seconds=number) for number, (days, _, _) in enumerate(rows)]
    archived = [archived for _, archived, _ in rows]
    deleted = [LONG_AGO if trashed else None for _, _, trashed in rows]
    await tx.execute(INSERT, owner_id, ids, moments, archived, deleted)
    return ids


async def apply(tx: Tx, owner_id: UserId, name: str, argument: Sequence[object], known: list[UUID]) -> None:
    if name == "insert":
        known += await insert(tx, owner_id, argument)
        return
    chosen = {known[number % len(known)] for number in argument} if known else set()
    if name == "delete":
        await tx.execute("DELETE FROM photos WHERE owner_id = $1 AND id = ANY ($2)", owner_id, chosen)
        known[:] = [photo_id for photo_id in known if photo_id not in chosen]
    else:
        await tx.execute(f"UPDATE photos SET {CHANGES[name]} WHERE owner_id = $1 AND id = ANY ($2)", owner_id, chosen)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=operations)
async def test_whatever_is_done_to_photos_the_days_equal_a_recount_and_versions_tell_what_changed(
    database: Database, as_owner: asyncpg.Connection, operations: list[tuple[str, list[object]]]
) -> None:
    owner_id, other_id = await add_user(as_owner), await add_user(as_owner, "ben")
    await add_photo(as_owner, other_id, taken_local=FIRST)
    known: list[UUID] = []
    before = Days()
    for name, argument in operations:
        async with database.transaction([owner_id]) as tx:
            await apply(tx, owner_id, name, argument, known)
        async with database.transaction([owner_id], read_only=True) as tx:
            after = await Days.read(tx, owner_id)
        after.are_right_after(before)
        before = after
    async with database.transaction([other_id], read_only=True) as tx:
        assert (await Days.read(tx, other_id)).versions == {FIRST.date(): 1}


@pytest.mark.parametrize("name", sorted(CHANGES))
async def test_each_change_is_counted_and_told_where_the_tiles_show_it_and_nowhere_else(
    database: Database, as_owner: asyncpg.Connection, name: str
) -> None:
    owner_id = await add_user(as_owner)
    rows = [(day, archived, trashed) for day in range(3) for archived in (False, True) for trashed in (False, True)]
    async with database.transaction([owner_id]) as tx:
        known = await insert(tx, owner_id, rows)
        before = await Days.read(tx, owner_id)
    # Days 0 and 1 change, with photos that are shown and ones that are not; day 2 stays as it is.
    async with database.transaction([owner_id]) as tx:
        await apply(tx, owner_id, name, range(8), known)
        after = await Days.read(tx, owner_id)
    after.are_right_after(before)
    changed = {day for day in after.versions if after.versions[day] != before.versions.get(day)}
    assert bool(changed) == (name not in ("nothing", "what no tile shows"))


async def test_a_photo_that_moves_and_comes_back_has_left_its_trace_in_the_version(
    database: Database, as_owner: asyncpg.Connection
) -> None:
    owner_id = await add_user(as_owner)
    await add_photo(as_owner, owner_id, taken_local=FIRST)
    sql, versions = "UPDATE photos SET taken_local = taken_local + $2 WHERE owner_id = $1", []
    for days in (1, -1):
        await database.run([owner_id], lambda tx, days=days: tx.execute(sql, owner_id, timedelta(days=days)))
        async with database.transaction([owner_id]) as tx:
            versions.append((await Days.read(tx, owner_id)).versions)
    first, second = FIRST.date(), FIRST.date() + timedelta(days=1)
    assert versions == [{first: 2, second: 1}, {first: 3, second: 2}]


class TestTogether:
    """Writers that touch the same days at once, in any order."""

    WRITERS = 6
    ROUNDS = 12
    DAYS = 20

    async def is_right(self, database: Database, owner_id: UserId) -> None:
        async with database.transaction([owner_id], read_only=True) as tx:
            days = await Days.read(tx, owner_id)
        shown = {day: len(tiles) for day, tiles in days.tiles.items()}
        assert {day: count for day, count in days.counts.items() if count} == shown

    async def test_writers_of_one_statement_never_deadlock_on_the_days(
        self, eager_database: Database, as_owner: asyncpg.Connection
    ) -> None:
        owner_id = await add_user(as_owner)

        async def write(seed: int) -> None:
            rnd = random.Random(seed)  # noqa: S311 - which days, not a secret
            known: list[UUID] = []
            for _ in range(self.ROUNDS):
                name = rnd.choice(["insert", "a day later", "archived or back", "favourite or not", "delete"])
                rows = [(rnd.randrange(self.DAYS), False, False) for _ in range(20)]
                argument = rows if name == "insert" else [rnd.randrange(100) for _ in range(40)]
                # Without a second try: a deadlock would be an error here.
                async with eager_database.transaction([owner_id]) as tx:
                    await apply(tx, owner_id, name, argument, known)

        await asyncio.gather(*(write(seed) for seed in range(self.WRITERS)))
        await self.is_right(eager_database, owner_id)

    async def test_writers_of_the_same_photos_all_get_through_and_miscount_nothing(
        self, eager_database: Database, as_owner: asyncpg.Connection
    ) -> None:
        owner_id = await add_user(as_owner)
        rows = [(number % self.DAYS, False, False) for number in range(12)]
        ids = await eager_database.run([owner_id], lambda tx: insert(tx, owner_id, rows))
        changes = ["a day later", "archived or back", "trashed or restored", "favourite or not"]

        async def write(seed: int) -> None:
            rnd = random.Random(seed)  # noqa: S311 - which photos, not a secret
            for _ in range(self.ROUNDS):
                chosen = [(rnd.choice(changes), rnd.sample(range(12), 3)) for _ in range(2)]

                async def work(tx: Tx, chosen: Sequence[tuple[str, list[int]]] = chosen) -> None:
                    for name, numbers in chosen:
                        await apply(tx, owner_id, name, numbers, list(ids))

                await eager_database.run([owner_id], work)

        await asyncio.gather(*(write(seed) for seed in range(self.WRITERS)))
        await self.is_right(eager_database, owner_id)


class TestFeed:
    """Every mutation of a photo leaves its change, whatever statement made it."""

    async def list_changes(self, as_owner: asyncpg.Connection, owner_id: UserId) -> list[asyncpg.Record]:
        sql = "SELECT type, entity_id, data, epoch, xid::text FROM changes WHERE owner_id = $1 ORDER BY seq"
        changes = await as_owner.fetch(sql, owner_id)
        await as_owner.execute("DELETE FROM changes")
        return changes

    async def test_each_photo_of_a_statement_is_told(self, database: Database, as_owner: asyncpg.Connection) -> None:
        owner_id = await add_user(as_owner)
        rows = [(number, False, number == 2) for number in range(3)]
        ids = await database.run([owner_id], lambda tx: insert(tx, owner_id, rows))
        told = await self.list_changes(as_owner, owner_id)
        assert sorted(change["entity_id"] for change in told) == sorted(ids)
        assert {change["type"] for change in told} == {"photo"}
        # Readers of the feed order by transaction.
        assert len({change["xid"] for change in told}) == 1

        await database.run([owner_id], lambda tx: apply(tx, owner_id, "what no tile shows", [0, 1], list(ids)))
        told = await self.list_changes(as_owner, owner_id)
        assert sorted(change["entity_id"] for change in told) == sorted(ids[:2])

        await database.run([owner_id], lambda tx: apply(tx, owner_id, "delete", [1, 2], list(ids)))
        told = await self.list_changes(as_owner, owner_id)
        assert sorted((change["type"], change["entity_id"]) for change in told) == sorted(
            ("tombstone", photo_id) for photo_id in ids[1:]
        )

    async def test_a_statement_that_touches_nothing_tells_nothing(
        self, database: Database, as_owner: asyncpg.Connection
    ) -> None:
        owner_id = await add_user(as_owner)
        for name in ("nothing", "delete"):
            await database.run([owner_id], lambda tx, name=name: apply(tx, owner_id, name, [1], []))
        assert await self.list_changes(as_owner, owner_id) == []

    async def test_a_rolled_back_mutation_tells_nothing(self, database: Database, as_owner: asyncpg.Connection) -> None:
        owner_id = await add_user(as_owner)

        async def break_off(tx: Tx) -> None:
            await insert(tx, owner_id, [(0, False, False)])
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await database.run([owner_id], break_off)
        assert await self.list_changes(as_owner, owner_id) == []
        assert await as_owner.fetchval("SELECT count(*) FROM timeline_days") == 0
