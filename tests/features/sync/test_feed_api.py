"""GET /api/feed: everything once, then every change; tombstones; cursors that can't be gone on from."""

from datetime import datetime, timedelta

import asyncpg
import httpx
import pytest
from feed_kit import add_whole_photo, settle

from afterglow.features.changes import service as changes
from afterglow.features.changes.models import Position
from afterglow.features.sync.models import FeedCursor
from afterglow.features.sync.rules import format_cursor
from afterglow.kernel.ids import PhotoId
from factories.pictures import jpeg
from factories.product import Person, Product
from factories.rows import LONG_AGO

pytestmark = pytest.mark.req("SYN-1")

NOON = datetime(2024, 6, 15, 12)


async def get(person: Person, cursor: str | None = None, limit: int = 100) -> dict[str, object]:
    params = {"limit": limit} | ({"cursor": cursor} if cursor else {})
    answer = await person.http.get("/api/feed", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def news(person: Person, as_owner: asyncpg.Connection, cursor: str, limit: int = 100) -> dict[str, object]:
    await settle(as_owner)
    return await get(person, cursor, limit)


async def follow(person: Person, as_owner: asyncpg.Connection) -> str:
    """The cursor of somebody who has read everything."""
    await settle(as_owner)
    page = await get(person)
    while page["hasMore"]:
        page = await get(person, page["cursor"])
    return page["cursor"]


def told(page: dict[str, object]) -> list[tuple[str, str]]:
    return [(item["type"], item["id"]) for item in page["items"]]


async def add(as_owner: asyncpg.Connection, person: Person, count: int = 1, **columns: object) -> list[PhotoId]:
    moments = [NOON - timedelta(days=number) for number in range(count)]
    return [await add_whole_photo(as_owner, person.account.id, taken_local=moment, **columns) for moment in moments]


class TestFirstSync:
    async def test_an_empty_library_is_read_at_once(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        await settle(as_owner)
        page = await get(ana)
        assert (page["items"], page["hasMore"]) == ([], False)
        assert (await news(ana, as_owner, page["cursor"]))["items"] == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
    async def test_every_photo_comes_once_whatever_its_state(
        self, ana: Person, as_owner: asyncpg.Connection, limit: int
    ) -> None:
        ids = [*await add(as_owner, ana, 3), *await add(as_owner, ana, archived=True)]
        ids += await add(as_owner, ana, deleted_at=LONG_AGO)
        await settle(as_owner)
        page = await get(ana, limit=limit)
        items = told(page)
        while page["hasMore"]:
            page = await get(ana, page["cursor"], limit)
            items += told(page)
        assert items == [("photo", str(photo_id)) for photo_id in sorted(ids)]

    async def test_what_happens_during_the_walk_follows_it(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        # Ids of one millisecond are in any order.
        first, second, third = sorted(await add(as_owner, ana, 3))
        await settle(as_owner)
        page = await get(ana, limit=2)
        assert told(page) == [("photo", str(first)), ("photo", str(second))]
        (early,) = await add(as_owner, ana, id=PhotoId(type(first)(int=7)))
        await as_owner.execute("UPDATE photos SET favorite = true WHERE id = $1", first)
        await as_owner.execute("DELETE FROM photos WHERE id = $1", second)
        page = await news(ana, as_owner, page["cursor"])
        assert (told(page), page["hasMore"]) == ([("photo", str(third))], True)
        page = await news(ana, as_owner, page["cursor"])
        assert told(page) == [("photo", str(early)), ("photo", str(first)), ("tombstone", str(second))]
        assert page["hasMore"] is False

    async def test_a_page_that_ends_with_the_last_photo_is_followed_by_none(
        self, ana: Person, as_owner: asyncpg.Connection
    ) -> None:
        await add(as_owner, ana, 2)
        await settle(as_owner)
        page = await get(ana, limit=2)
        assert (len(page["items"]), page["hasMore"]) == (2, True)
        page = await get(ana, page["cursor"], 2)
        assert (page["items"], page["hasMore"]) == ([], False)


class TestChanges:
    async def test_a_photo_comes_as_its_own_route_shows_it(
        self, ana: Person, product: Product, as_owner: asyncpg.Connection
    ) -> None:
        cursor = await follow(ana, as_owner)
        sent = await ana.http.post("/api/upload", files={"file": ("a.jpg", jpeg(1), "image/jpeg")})
        photo_id = sent.json()["photoId"]
        await product.work()
        page = await news(ana, as_owner, cursor)
        assert told(page) == [("photo", photo_id)]
        (item,) = page["items"]
        photo = (await ana.http.get(f"/api/photos/{photo_id}")).json()
        assert item["data"] == photo
        assert item["updatedAt"] == photo["updatedAt"]

    async def test_many_changes_of_one_photo_are_one_item(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        first, second = await add(as_owner, ana, 2)
        cursor = await follow(ana, as_owner)
        for rating in range(5):
            await as_owner.execute("UPDATE photos SET rating = $1 WHERE id = $2", rating, first)
        await as_owner.execute("UPDATE photos SET rating = 3 WHERE id = $1", second)
        await as_owner.execute("UPDATE photos SET rating = 5 WHERE id = $1", first)
        page = await news(ana, as_owner, cursor)
        assert [(item["id"], item["data"]["rating"]) for item in page["items"]] == [(str(second), 3), (str(first), 5)]
        assert page["hasMore"] is False
        assert (await news(ana, as_owner, page["cursor"]))["items"] == []

    async def test_pages_have_no_more_than_was_asked_for_and_lose_nothing(
        self, ana: Person, as_owner: asyncpg.Connection
    ) -> None:
        cursor = await follow(ana, as_owner)
        ids = await add(as_owner, ana, 7)
        items, more = [], True
        while more:
            page = await news(ana, as_owner, cursor, limit=3)
            assert len(page["items"]) <= 3
            items += [item["id"] for item in page["items"]]
            cursor, more = page["cursor"], page["hasMore"]
        assert items == [str(photo_id) for photo_id in ids]

    async def test_a_page_can_be_read_again(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        """A client that dies before it has kept the page asks for it once more."""
        cursor = await follow(ana, as_owner)
        await add(as_owner, ana, 2)
        assert await news(ana, as_owner, cursor) == await news(ana, as_owner, cursor)

    async def test_the_trash_is_a_state_of_the_photo_and_the_purge_a_tombstone(
        self, ana: Person, as_owner: asyncpg.Connection
    ) -> None:
        (photo_id,) = await add(as_owner, ana)
        cursor = await follow(ana, as_owner)
        assert (await ana.http.delete(f"/api/photos/{photo_id}")).is_success
        page = await news(ana, as_owner, cursor)
        assert told(page) == [("photo", str(photo_id))]
        assert page["items"][0]["data"]["deletedAt"] is not None
        await as_owner.execute("UPDATE photos SET purging_at = now() WHERE id = $1", photo_id)
        page = await news(ana, as_owner, page["cursor"])
        (item,) = page["items"]
        assert item["type"] == "tombstone"
        assert item["data"] == {"type": "photo", "id": str(photo_id), "reason": "purged"}
        await as_owner.execute("DELETE FROM photos WHERE id = $1", photo_id)
        assert (await news(ana, as_owner, page["cursor"]))["items"] == []

    async def test_what_is_not_committed_is_not_told_and_holds_back_what_came_later(
        self, ana: Person, as_owner: asyncpg.Connection, owner_dsn: str
    ) -> None:
        (held, free) = await add(as_owner, ana, 2)
        cursor = await follow(ana, as_owner)
        other = await asyncpg.connect(owner_dsn, server_settings={"search_path": "afterglow, public"})
        async with other.transaction():
            await other.execute("UPDATE photos SET rating = 1 WHERE id = $1", held)
            await as_owner.execute("UPDATE photos SET rating = 2 WHERE id = $1", free)
            page = await get(ana, cursor)
            assert (page["items"], page["hasMore"], page["cursor"]) == ([], False, cursor)
        await other.close()
        assert told(await news(ana, as_owner, cursor)) == [("photo", str(held)), ("photo", str(free))]

    async def test_a_deletion_that_waited_for_a_later_writer_is_told(
        self, ana: Person, as_owner: asyncpg.Connection, owner_dsn: str
    ) -> None:
        """Its transaction began first and was the last: its tombstone stands before the change that it came after."""
        (photo_id,) = await add(as_owner, ana)
        cursor = await follow(ana, as_owner)
        earlier = await asyncpg.connect(owner_dsn, server_settings={"search_path": "afterglow, public"})
        async with earlier.transaction():
            await earlier.fetchval("SELECT pg_current_xact_id()::text")
            await as_owner.execute("UPDATE photos SET rating = 2 WHERE id = $1", photo_id)
            await earlier.execute("DELETE FROM photos WHERE id = $1", photo_id)
        await earlier.close()
        for limit in (1, 100):
            page = await news(ana, as_owner, cursor, limit)
            assert told(page) == [("tombstone", str(photo_id))]
            if page["hasMore"]:
                assert (await news(ana, as_owner, page["cursor"]))["items"] == []


class TestRefusals:
    async def refused(self, person: Person, cursor: str) -> tuple[int, str]:
        answer = await person.http.get("/api/feed", params={"cursor": cursor})
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code, answer.json()["code"]

    async def test_a_cursor_of_a_stranger(self, ana: Person) -> None:
        for cursor in ("x", "bm8", "=", "e30", "W10"):
            assert await self.refused(ana, cursor) == (422, "page.bad-cursor")

    @pytest.mark.parametrize("limit", [0, 501, -1])
    async def test_a_limit_out_of_range(self, ana: Person, limit: int) -> None:
        assert (await ana.http.get("/api/feed", params={"limit": limit})).status_code == 422

    @pytest.mark.parametrize("walked", [False, True])
    async def test_a_cursor_of_another_epoch(self, ana: Person, as_owner: asyncpg.Connection, walked: bool) -> None:
        await add(as_owner, ana, 2)
        await settle(as_owner)
        cursor = await follow(ana, as_owner) if walked else (await get(ana, limit=1))["cursor"]
        epoch = await as_owner.fetchval("INSERT INTO feed_epochs (reason) VALUES ('test') RETURNING epoch")
        try:
            assert await self.refused(ana, cursor) == (410, "feed.resync")
            assert len((await get(ana))["items"]) == 2
        finally:
            await as_owner.execute("DELETE FROM feed_epochs WHERE epoch = $1", epoch)

    async def test_a_cursor_from_the_future(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        """The data folder was put back to what it was before."""
        epoch = await as_owner.fetchval("SELECT current_epoch()")
        cursor = format_cursor(FeedCursor(Position(epoch, 2**50, 1)))
        assert await self.refused(ana, cursor) == (410, "feed.resync")

    async def test_a_cursor_whose_changes_were_pruned(
        self, ana: Person, product: Product, as_owner: asyncpg.Connection
    ) -> None:
        first, second = await add(as_owner, ana, 2)
        behind = await follow(ana, as_owner)
        await as_owner.execute("DELETE FROM photos WHERE id = $1", first)
        abreast = (await news(ana, as_owner, behind))["cursor"]
        await as_owner.execute("UPDATE changes SET created_at = now() - interval '91 days'")
        await as_owner.execute("UPDATE photos SET rating = 1 WHERE id = $1", second)
        await settle(as_owner)
        assert await changes.prune(product.node.database, timedelta(days=90)) > 0
        assert await self.refused(ana, behind) == (410, "feed.cursor-expired")
        assert told(await get(ana, abreast)) == [("photo", str(second))]
        assert told(await get(ana)) == [("photo", str(second))]

    async def test_nobody_gets_nothing(self, product: Product) -> None:
        async with product.client() as nobody:
            assert (await nobody.get("/api/feed")).status_code == 401


@pytest.mark.req("P-5")
async def test_another_owner_hears_nothing_of_it(ana: Person, ben: Person, as_owner: asyncpg.Connection) -> None:
    (photo_id,) = await add(as_owner, ana)
    cursor = await follow(ben, as_owner)
    anas = await follow(ana, as_owner)
    await as_owner.execute("UPDATE photos SET rating = 1 WHERE id = $1", photo_id)
    assert (await news(ben, as_owner, cursor))["items"] == []
    assert (await get(ben))["items"] == []
    # A cursor is a place, not a right.
    assert (await news(ben, as_owner, anas))["items"] == []
    assert told(await news(ana, as_owner, anas)) == [("photo", str(photo_id))]


async def test_it_is_never_kept_by_a_cache(ana: Person) -> None:
    answer: httpx.Response = await ana.http.get("/api/feed")
    assert answer.headers["cache-control"] == "private, no-store"
