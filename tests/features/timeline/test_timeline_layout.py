"""GET /api/timeline/layout: one byte for each photo, of one moment, read from the photos once for each version."""

import asyncio
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import httpx
import pytest

from afterglow.features.timeline import repository, service
from afterglow.features.timeline.models import MonthRatios
from afterglow.features.timeline.routes import compress
from afterglow.features.timeline.rules import LAYOUT_HEADER, encode_ratio
from afterglow.infra.db.database import Database
from factories.product import Person, Product
from factories.rows import LONG_AGO, add_photo

pytestmark = pytest.mark.req("TML-1", "P-9")

JUNE = datetime(2024, 6, 15, 12, 30)
PATH = "/api/timeline/layout"
SHAPES = [(400, 300), (300, 400), (1920, 1080), (1, 1), (9000, 300), (None, None), (333, 500)]


async def add(as_owner: asyncpg.Connection, person: Person, *moments: datetime, **columns: object) -> None:
    for moment in moments:
        await add_photo(as_owner, person.account.id, taken_local=moment, **columns)


async def layout_of(person: Person) -> tuple[int, list[int]]:
    """Return the version and the bytes, and look whether the months divide them."""
    answer = await person.http.get(PATH)
    assert answer.status_code == 200
    magic, number, size, count, _, version = LAYOUT_HEADER.unpack_from(answer.content)
    assert (magic, number, size, len(answer.content)) == (b"AGTL", 1, 24, size + count)
    timeline = (await person.http.get("/api/timeline")).json()
    assert (timeline["version"], sum(month["count"] for month in timeline["months"])) == (version, count)
    return version, list(answer.content[size:])


async def shapes_of(as_owner: asyncpg.Connection, person: Person) -> list[int]:
    rows = await as_owner.fetch(
        "SELECT width, height FROM photos WHERE owner_id = $1 AND deleted_at IS NULL AND NOT archived "
        "ORDER BY taken_local DESC, id DESC",
        person.account.id,
    )
    return [encode_ratio(row["width"], row["height"]) for row in rows]


class TestBytes:
    async def test_an_empty_library_has_none(self, ana: Person) -> None:
        assert await layout_of(ana) == (0, [])

    async def test_photos_come_in_the_order_of_the_timeline(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        for number in range(40):
            width, height = SHAPES[number % len(SHAPES)]
            moment = JUNE - timedelta(days=11 * (number * 7 % 20))
            await add(as_owner, ana, moment, width=width, height=height)
        assert (await layout_of(ana))[1] == await shapes_of(as_owner, ana)

    async def test_what_the_timeline_does_not_show_has_no_byte(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        await add(as_owner, ana, JUNE, archived=True)
        await add(as_owner, ana, JUNE, deleted_at=LONG_AGO)
        assert (await layout_of(ana))[1] == []

    async def test_the_database_encodes_as_the_rule_says(self, as_owner: asyncpg.Connection) -> None:
        sides = [1, 2, 3, 7, 100, 299, 300, 400, 1000, 1080, 1920, 4000, 4032, 65500, 2**31 - 1]
        rows = await as_owner.fetch(
            "SELECT w, h, get_byte(ratio_byte(w, h), 0) AS byte FROM unnest($1::int[]) w, unnest($1::int[]) h",
            [*sides, None],
        )
        assert len(rows) == 256
        assert [row["byte"] for row in rows] == [encode_ratio(row["w"], row["h"]) for row in rows]


class TestFreshness:
    @pytest.mark.parametrize(
        "change",
        [
            "width = 1000",
            "archived = true",
            "deleted_at = now()",
            "taken_local = taken_local + interval '2 months'",
            "taken_local = taken_local - interval '20 years'",
        ],
    )
    async def test_a_change_shows_at_once(self, ana: Person, as_owner: asyncpg.Connection, change: str) -> None:
        await add(as_owner, ana, JUNE, JUNE - timedelta(days=1), JUNE - timedelta(days=50), width=300, height=500)
        await add(as_owner, ana, JUNE - timedelta(days=100), width=600, height=500)
        before, _ = await layout_of(ana)
        await as_owner.execute(f"UPDATE photos SET {change} WHERE taken_local = $1", JUNE)
        after, shapes = await layout_of(ana)
        assert after > before
        assert shapes == await shapes_of(as_owner, ana)

    async def test_deleted_photos_leave_it(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        await add(as_owner, ana, JUNE, JUNE - timedelta(days=50))
        await layout_of(ana)
        await as_owner.execute("DELETE FROM photos WHERE taken_local = $1", JUNE)
        assert len((await layout_of(ana))[1]) == 1

    async def test_only_months_that_changed_are_read_again(
        self, ana: Person, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[list[str]] = []
        really = repository.read_ratios

        async def watched(tx: object, owner_id: object, months: Sequence[object]) -> list[MonthRatios]:
            read.append([f"{month.month:%Y-%m}" for month in months])
            return await really(tx, owner_id, months)

        monkeypatch.setattr(repository, "read_ratios", watched)
        await add(as_owner, ana, JUNE, datetime(2024, 5, 1), datetime(2020, 1, 1))
        for _ in range(2):
            await layout_of(ana)
        assert read == [["2024-06", "2024-05", "2020-01"]]
        await add(as_owner, ana, datetime(2024, 5, 2))
        await layout_of(ana)
        assert read[1:] == [["2024-05"]]

    async def test_a_large_library_is_read_in_batches(
        self, ana: Person, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("afterglow.features.timeline.service.layout._BATCH_PHOTOS", 2)
        for number in range(9):
            await add(as_owner, ana, JUNE - timedelta(days=20 * number), width=300 + 50 * number)
        assert (await layout_of(ana))[1] == await shapes_of(as_owner, ana)

    async def test_what_was_read_late_does_not_replace_what_is_newer(
        self, ana: Person, as_owner: asyncpg.Connection, product: Product
    ) -> None:
        await add(as_owner, ana, JUNE)
        _, shapes = await layout_of(ana)
        owner_id, database = ana.account.id, product.node.database
        late = [MonthRatios(JUNE.date().replace(day=1), 0, b"late")]
        await database.run([owner_id], lambda tx: repository.keep_ratios(tx, owner_id, late))
        assert (await layout_of(ana))[1] == shapes

    async def test_while_photos_arrive_every_layout_is_of_one_moment(
        self, ana: Person, as_owner: asyncpg.Connection, product: Product
    ) -> None:
        """As many bytes as the days of the same version count, whatever is committed while it is read."""
        counts: dict[int, int] = {0: 0}
        layouts: list[tuple[int, int]] = []

        async def write() -> None:
            number = 0
            while len(layouts) < 20:
                number += 1
                await add(as_owner, ana, JUNE - timedelta(days=17 * (number % 5)))
                days = await as_owner.fetchrow("SELECT sum(version)::int, sum(count)::int FROM timeline_days")
                counts[days[0]] = days[1]

        async def read() -> None:
            while len(layouts) < 20:
                version, layout = await service.find_layout(product.node.database, ana.principal, lambda _: False)
                assert layout is not None
                layouts.append((version, len(layout.ratios)))

        await asyncio.gather(read(), read(), write())
        assert len({version for version, _ in layouts}) > 3
        assert layouts == [(version, counts[version]) for version, _ in layouts]


class TestAnswer:
    async def test_an_unchanged_layout_is_not_sent_again(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        await add(as_owner, ana, JUNE)
        first = await ana.http.get(PATH)
        again = await ana.http.get(PATH, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        for answer in (first, again):
            assert answer.headers["cache-control"] == "private, no-cache"
            assert answer.headers["etag"] == f'W/"{(await layout_of(ana))[0]}"'
        await add(as_owner, ana, JUNE)
        assert (await ana.http.get(PATH, headers={"If-None-Match": first.headers["etag"]})).status_code == 200

    async def test_it_is_compressed_for_those_who_take_that(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        await add(as_owner, ana, JUNE, JUNE, JUNE)

        async def get(encoding: str) -> httpx.Response:
            answer = await ana.http.send(
                ana.http.build_request("GET", PATH, headers={"Accept-Encoding": encoding}), stream=True
            )
            await answer.aread()
            return answer

        plain, zipped = await get("gzip;q=0, identity"), await get("br, gzip;q=0.5")
        assert "content-encoding" not in plain.headers
        assert zipped.headers["content-encoding"] == "gzip"
        # The client has unpacked it.
        assert plain.content == zipped.content
        for answer in (plain, zipped):
            assert "Accept-Encoding" in answer.headers["vary"]

    def test_its_size_for_a_usual_library(self) -> None:
        """100,000 photos of the shapes that cameras make, in no order: less than half a byte each."""
        shapes = [encode_ratio(*SHAPES[zlib.crc32(str(number).encode()) % 3]) for number in range(100_000)]
        assert len(compress(bytes(shapes))) < 41_000


@pytest.mark.req("P-5")
class TestAccess:
    async def test_another_users_photos_are_absent(
        self, ana: Person, ben: Person, as_owner: asyncpg.Connection
    ) -> None:
        await add(as_owner, ben, JUNE)
        await layout_of(ben)
        assert await layout_of(ana) == (0, [])

    async def test_nobody_gets_nothing(self, product: Product) -> None:
        async with product.client() as nobody:
            assert (await nobody.get(PATH)).status_code == 401


async def test_a_new_epoch_lifts_all_versions(ana: Person, as_owner: asyncpg.Connection, database: Database) -> None:
    """A restore takes the days back to versions that clients know with other content."""
    await add(as_owner, ana, JUNE)
    old = [(await ana.http.get(path)).headers["etag"] for path in ("/api/timeline", "/api/timeline/2024-06", PATH)]
    before, _ = await layout_of(ana)
    epoch = await as_owner.fetchval("INSERT INTO feed_epochs (reason) VALUES ('test') RETURNING epoch")
    try:
        new = [(await ana.http.get(path)).headers["etag"] for path in ("/api/timeline", "/api/timeline/2024-06", PATH)]
        assert not set(old) & set(new)
        assert (await layout_of(ana))[0] >= before + 2**40
    finally:
        await as_owner.execute("DELETE FROM feed_epochs WHERE epoch = $1", epoch)
