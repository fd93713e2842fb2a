"""The nightly recount: mends what went past the triggers, and miscounts nothing while others write."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import pytest
from structlog.testing import capture_logs

from afterglow.features.timeline import repository, service
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.ids import UserId, new_id
from factories.product import Person, Product
from factories.rows import add_photo, add_user

pytestmark = pytest.mark.req("TML-1")

JUNE = datetime(2024, 6, 15, 12, 30)
DAYS = 12
COUNTS = "SELECT day, count FROM timeline_days WHERE owner_id = $1 AND count <> 0"
FOUND = """
    SELECT taken_local::date AS day, count(*) AS count FROM photos
    WHERE owner_id = $1 AND deleted_at IS NULL AND NOT archived GROUP BY 1
"""


async def is_right(as_owner: asyncpg.Connection, owner_id: UserId) -> bool:
    counted, found = [dict(await as_owner.fetch(sql, owner_id)) for sql in (COUNTS, FOUND)]
    return counted == found


async def versions(as_owner: asyncpg.Connection) -> list[int]:
    return [row["version"] for row in await as_owner.fetch("SELECT version FROM timeline_days ORDER BY owner_id, day")]


async def fill(as_owner: asyncpg.Connection, owner_id: UserId) -> None:
    for number in range(DAYS):
        await add_photo(as_owner, owner_id, taken_local=JUNE + timedelta(days=number))
    await add_photo(as_owner, owner_id, taken_local=JUNE, archived=True)
    await add_photo(as_owner, owner_id, taken_local=datetime(9999, 12, 31, 23, 59, 59))


async def test_a_library_that_is_counted_right_is_left_alone(database: Database, as_owner: asyncpg.Connection) -> None:
    for name in ("ana", "ben"):
        await fill(as_owner, await add_user(as_owner, name))
    before = await versions(as_owner)
    assert await service.recount(database) == 0
    assert await versions(as_owner) == before


@pytest.mark.parametrize(
    ("damage", "corrections"),
    [
        ("UPDATE timeline_days SET count = count + 3", DAYS + 1),
        ("UPDATE timeline_days SET count = 0", DAYS + 1),
        ("UPDATE timeline_days SET count = 7 WHERE day = '9999-12-31'", 1),
        ("DELETE FROM timeline_days WHERE day = '2024-06-15'", 1),
        ("DELETE FROM timeline_days", DAYS + 1),
        ("INSERT INTO timeline_days SELECT id, '2001-01-01', 5 FROM users", 1),
    ],
)
async def test_what_is_counted_wrong_is_corrected_told_and_shows_in_the_version(
    database: Database, as_owner: asyncpg.Connection, damage: str, corrections: int
) -> None:
    owner_id = await add_user(as_owner)
    await fill(as_owner, owner_id)
    before = sum(await versions(as_owner))
    await as_owner.execute(damage)
    with capture_logs() as lines:
        assert await service.recount(database) == corrections
    assert await is_right(as_owner, owner_id)
    assert sum(await versions(as_owner)) > before
    assert [line["event"] for line in lines] == ["timeline.miscounted"] * corrections
    assert all(line["counted"] != line["found"] for line in lines)
    assert await service.recount(database) == 0


async def test_clients_hear_of_a_correction(ana: Person, product: Product, as_owner: asyncpg.Connection) -> None:
    await fill(as_owner, ana.account.id)
    paths = ["/api/timeline", "/api/timeline/2024-06", "/api/timeline/layout"]
    await as_owner.execute("UPDATE timeline_days SET count = 5 WHERE day = '2024-06-15'")
    before = [(await ana.http.get(path)).headers["etag"] for path in paths]
    await service.recount(product.node.database)
    assert all([(await ana.http.get(path)).headers["etag"] != etag for path, etag in zip(paths, before, strict=True)])
    assert (await ana.http.get("/api/timeline")).json()["months"][-1] == {"month": "2024-06", "count": DAYS}


async def test_more_wrong_days_than_one_transaction_takes(
    database: Database, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afterglow.features.timeline.service.recounting._DAYS_AT_ONCE", 5)
    owner_id = await add_user(as_owner)
    await fill(as_owner, owner_id)
    await as_owner.execute("UPDATE timeline_days SET count = count + 1")
    assert await service.recount(database) == DAYS + 1
    assert await is_right(as_owner, owner_id)


class TestTogether:
    """Writers that go on while days are mended."""

    WRITERS = 4
    ROUNDS = 15

    async def write(self, database: Database, owner_id: UserId, seed: int) -> None:
        rnd = random.Random(seed)  # noqa: S311 - which photos, not a secret
        for _ in range(self.ROUNDS):
            days = [rnd.randrange(DAYS) for _ in range(8)]

            async def work(tx: Tx, days: Sequence[int] = days, moves: bool = rnd.random() < 0.5) -> None:
                await tx.execute(
                    """
                    INSERT INTO photos (id, owner_id, status, kind, mime, filename, taken_local, taken_at, taken_source,
                                        created_at, updated_at)
                    SELECT n.id, $1, 'STORED', 'photo', 'image/jpeg', 'a.jpg', n.moment, now(), 'exif', now(), now()
                    FROM unnest($2::uuid[], $3::timestamp[]) AS n (id, moment)
                    """,
                    owner_id,
                    [new_id() for _ in days],
                    [JUNE + timedelta(days=day) for day in days],
                )
                if moves:
                    await tx.execute(
                        "UPDATE photos SET taken_local = taken_local + interval '1 day' "
                        "WHERE id IN (SELECT id FROM photos WHERE owner_id = $1 AND taken_local < '9999-01-01' "
                        "ORDER BY random() LIMIT 3)",
                        owner_id,
                    )

            await database.run([owner_id], work)

    async def test_no_count_is_lost_and_none_counts_twice(
        self, eager_database: Database, as_owner: asyncpg.Connection
    ) -> None:
        owner_id = await add_user(as_owner)
        await fill(as_owner, owner_id)
        done = asyncio.Event()

        async def damage_and_mend() -> int:
            corrected = 0
            while not done.is_set():
                # Upwards only: where too little is counted, taking a photo away is refused until it is mended.
                await as_owner.execute(
                    "UPDATE timeline_days SET count = count + 1 WHERE day = $1",
                    (JUNE + timedelta(days=corrected % DAYS)).date(),
                )
                corrected += await service.recount(eager_database)
            return corrected

        async def write_all() -> None:
            await asyncio.gather(*(self.write(eager_database, owner_id, seed) for seed in range(self.WRITERS)))
            done.set()

        corrected, _ = await asyncio.gather(damage_and_mend(), write_all())
        assert corrected > 0
        await service.recount(eager_database)
        assert await is_right(as_owner, owner_id)

    async def test_days_without_a_row_are_made_while_writers_make_them_too(
        self, eager_database: Database, as_owner: asyncpg.Connection
    ) -> None:
        owner_id = await add_user(as_owner)
        days = [(JUNE + timedelta(days=day)).date() for day in range(DAYS)]

        async def mend() -> None:
            for _ in range(20):
                await eager_database.run([owner_id], lambda tx: repository.ensure_days(tx, owner_id, days, 1))
                await eager_database.run([owner_id], self.recount_all(owner_id, days))
                await asyncio.sleep(0)

        await asyncio.gather(mend(), *(self.write(eager_database, owner_id, seed) for seed in range(self.WRITERS)))
        assert await is_right(as_owner, owner_id)

    def recount_all(self, owner_id: UserId, days: Sequence[object]) -> object:
        async def recount(tx: Tx) -> None:
            counted = await repository.lock_days(tx, owner_id, days)
            # Wrong on purpose, so that every day is written: the right count is found again.
            sql = "UPDATE timeline_days SET count = count + 1 WHERE owner_id = $1 AND day = ANY ($2)"
            await tx.execute(sql, owner_id, days)
            await repository.recount_days(tx, owner_id, counted)

        return recount
