"""The trash: photos go in and come out as they were, and nobody else's do."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from afterglow.features.photos import service as photos
from afterglow.features.photos.service import trash as trash_module
from afterglow.infra.db.database import Database
from afterglow.kernel.ids import PhotoId, UserId
from afterglow.kernel.principal import ALL_SCOPES, Principal, Role
from factories import pictures
from factories.product import Person, Product
from factories.rows import LONG_AGO, add_file, add_original, add_photo, add_user
from factories.sending import complete, filled, open_session, send, sent
from factories.trashing import act, files_below, list_trash, restore, trash

pytestmark = pytest.mark.req("TML-3")

NOBODYS = UUID(int=7)


async def photo_of(person: Person, photo_id: str) -> dict[str, Any]:
    answer = await person.http.get(f"/api/photos/{photo_id}")
    assert answer.status_code == 200, answer.text
    photo: dict[str, Any] = answer.json()
    return photo


async def months(person: Person) -> dict[str, int]:
    answer = (await person.http.get("/api/timeline")).json()
    return {month["month"]: month["count"] for month in answer["months"] if month["count"]}


async def test_a_trashed_photo_leaves_lists_and_counters_and_is_shown_in_the_trash(
    ana: Person, product: Product
) -> None:
    kept = await sent(ana, pictures.jpeg(1, taken=datetime(2024, 5, 1)))
    photo_id = await sent(ana, pictures.jpeg(2, taken=datetime(2024, 6, 1)))
    await product.work()
    assert (await ana.http.delete(f"/api/photos/{photo_id}")).status_code == 204
    assert [photo["id"] for photo in (await ana.http.get("/api/photos")).json()["items"]] == [kept]
    assert await months(ana) == {"2024-05": 1}
    answer = (await ana.http.get("/api/trash")).json()
    assert (answer["nextCursor"], answer["retentionDays"]) == (None, 30)
    (shown,) = answer["items"]
    assert shown == await photo_of(ana, photo_id)
    assert shown["deletedAt"] is not None
    assert {step["step"] for step in shown["steps"]} >= {"derive", "sidecar"}
    thumbnail = await ana.http.get(f"/api/photos/{photo_id}/thumbnail", params={"v": shown["v"]})
    assert thumbnail.status_code == 200


async def test_a_restored_photo_is_as_it_was(ana: Person, product: Product, as_owner: asyncpg.Connection) -> None:
    photo_id = await sent(ana, pictures.located_jpeg(3))
    await product.work()
    await as_owner.execute("UPDATE photos SET favorite = true, rating = 4, tags = '{a,b}', description = 'mine'")
    before, days = await photo_of(ana, photo_id), await months(ana)
    assert await trash(ana, photo_id) == 1
    assert await restore(ana, photo_id) == 1
    await as_owner.execute("UPDATE steps SET next_try_at = now() WHERE state = 'waiting'")
    await product.work()
    after = await photo_of(ana, photo_id)
    for photo in (before, after):
        # The sidecar was written once more, which is a run like any other.
        photo["steps"] = [step for step in photo["steps"] if step["step"] != "sidecar"]
        del photo["updatedAt"]
    assert after == before
    assert (await months(ana), await list_trash(ana)) == (days, [])


@pytest.mark.req("STO-2", "P-6")
async def test_the_sidecar_tells_whether_the_photo_is_in_the_trash(
    ana: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    photo_id = await sent(ana, pictures.jpeg(4))
    await product.work()
    (sidecar,) = files_below(product, "sidecars")
    for change, is_told in ((trash, True), (restore, False)):
        await change(ana, photo_id)
        # Not at once: who takes it back within a minute costs nothing.
        assert await product.work() == 0
        await as_owner.execute("UPDATE steps SET next_try_at = now() WHERE state = 'waiting'")
        assert await product.work() == 1
        assert ("deletedAt" in sidecar.read_text()) is is_told


async def test_only_what_changes_is_counted_and_unknown_ids_are_passed_over(ana: Person) -> None:
    first, second = await sent(ana, pictures.jpeg(5)), await sent(ana, pictures.jpeg(6))
    assert await trash(ana, first, first, NOBODYS) == 1
    assert await trash(ana, first, second) == 1
    assert await act(ana, "", []) == 0
    assert await restore(ana, second, second, NOBODYS) == 1
    assert await restore(ana, second) == 0
    assert [photo["id"] for photo in await list_trash(ana)] == [first]


async def test_one_photo_is_trashed_over_and_over_as_once(ana: Person) -> None:
    photo_id = await sent(ana, pictures.jpeg(7))
    assert (await ana.http.delete(f"/api/photos/{photo_id}")).status_code == 204
    deleted_at = (await photo_of(ana, photo_id))["deletedAt"]
    assert (await ana.http.delete(f"/api/photos/{photo_id}")).status_code == 204
    assert (await photo_of(ana, photo_id))["deletedAt"] == deleted_at
    unknown = await ana.http.delete(f"/api/photos/{NOBODYS}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "photo.not-found")


@pytest.mark.req("P-5", "ACC-4")
async def test_nobody_trashes_restores_purges_or_sees_what_is_anothers(ana: Person, ben: Person) -> None:
    shown, hidden = await sent(ana, pictures.jpeg(8)), await sent(ana, pictures.jpeg(9))
    await trash(ana, hidden)
    assert (await ben.http.delete(f"/api/photos/{shown}")).json()["code"] == "photo.not-found"
    for path in ("", "/restore", "/purge"):
        assert await act(ben, path, [shown, hidden]) == 0
    assert (await ben.http.post("/api/trash/empty")).json() == {"purged": 0}
    assert await list_trash(ben) == []
    assert (await photo_of(ana, shown))["deletedAt"] is None
    assert [photo["id"] for photo in await list_trash(ana)] == [hidden]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ""), ("POST", "/restore"), ("POST", "/purge"), ("POST", "/empty"), ("GET", "")],
)
async def test_the_trash_is_for_who_is_logged_in(product: Product, method: str, path: str) -> None:
    async with product.client() as stranger:
        body = {"photoIds": []} if method == "POST" else None
        assert (await stranger.request(method, f"/api/trash{path}", json=body)).status_code == 401


async def test_more_photos_than_one_call_takes_are_refused(ana: Person) -> None:
    ids = [str(UUID(int=number)) for number in range(50_001)]
    assert (await ana.http.post("/api/trash", json={"photoIds": ids})).status_code == 422
    assert await act(ana, "", ids[:-1]) == 0


async def test_pages_of_the_trash_go_on_where_they_ended_while_photos_come_and_go(
    ana: Person, as_owner: asyncpg.Connection
) -> None:
    ids = [await add(as_owner, ana.account.id) for _ in range(7)]
    await trash(ana, *ids[:3])
    await trash(ana, *ids[3:])
    expected = [*sorted(map(str, ids[3:]), reverse=True), *sorted(map(str, ids[:3]), reverse=True)]
    assert [photo["id"] for photo in await list_trash(ana)] == expected
    page = (await ana.http.get("/api/trash", params={"limit": 2})).json()
    seen = [photo["id"] for photo in page["items"]]
    await restore(ana, seen[0])
    await trash(ana, await add(as_owner, ana.account.id))
    while page["nextCursor"]:
        page = (await ana.http.get("/api/trash", params={"limit": 2, "cursor": page["nextCursor"]})).json()
        seen += [photo["id"] for photo in page["items"]]
    assert seen == expected


@pytest.mark.parametrize("path", ["/api/trash", "/api/tombstones"])
@pytest.mark.parametrize("cursor", ["x", "WyIyMDI0LTAxLTAxIiwiYSJd", "WzEsMl0"])
async def test_a_cursor_of_another_list_is_refused(ana: Person, path: str, cursor: str) -> None:
    answer = await ana.http.get(path, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "page.bad-cursor")


@pytest.mark.req("ING-8", "SYN-4")
async def test_uploads_of_a_trashed_photo_do_not_bring_it_back_and_are_remembered(
    ana: Person, as_owner: asyncpg.Connection
) -> None:
    content = pictures.jpeg(10)
    photo_id = await sent(ana, content, "first.jpg")
    await trash(ana, photo_id)
    again = await send(ana, content, "second.jpg")
    assert again.status_code == 200
    session = await complete(ana, await filled(ana, content, filename="third.jpg"))
    for answer in (again.json(), session.json()):
        assert (answer["photoId"], answer["duplicate"], answer["inTrash"]) == (photo_id, True, True)
    device = str(UUID(int=9))
    hashed = await open_session(ana, content, checksum=again.json()["checksum"], filename="fourth.jpg", deviceId=device)
    assert (hashed["alreadyExists"], hashed["inTrash"], hashed["photoId"]) == (True, True, photo_id)
    assert (await photo_of(ana, photo_id))["deletedAt"] is not None
    sources = await as_owner.fetch("SELECT name, device_id::text FROM photo_sources ORDER BY created_at")
    assert [tuple(source) for source in sources] == [
        ("first.jpg", None), ("second.jpg", None), ("third.jpg", None), ("fourth.jpg", device),
    ]  # fmt: skip


async def test_steps_of_a_trashed_photo_go_on(ana: Person, product: Product) -> None:
    photo_id = await sent(ana, pictures.jpeg(11))
    await trash(ana, photo_id)
    await product.work()
    assert (await photo_of(ana, photo_id))["status"] == "STORED"
    assert await months(ana) == {}


async def add(as_owner: asyncpg.Connection, owner_id: UserId, **columns: object) -> PhotoId:
    """A photo with its file and its original at home."""
    photo_id = await add_photo(as_owner, owner_id, **columns)
    await add_file(as_owner, owner_id, photo_id, await add_original(as_owner, photo_id))
    return photo_id


@pytest.mark.req("TML-1", "P-9")
async def test_counters_are_right_after_concurrent_trashing_and_restoring(
    eager_database: Database, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash_module, "BATCH", 5)
    owner_id = await add_user(as_owner)
    principal = Principal(owner_id, Role.MEMBER, ALL_SCOPES)
    ids = [
        await add(as_owner, owner_id, taken_local=datetime(2024, 1 + number % 3, 1 + number % 5))
        for number in range(24)
    ]
    orders = [ids, ids[::-1], ids[1::2] + ids[::2], ids[6:18]]
    changes = [
        change(eager_database, principal, order)
        for order in orders
        for change in (photos.trash_photos, photos.restore_photos)
    ]
    counts = await asyncio.gather(*changes)
    assert sum(counts) > 0
    shown = await as_owner.fetch(
        "SELECT taken_local::date AS day, count(*) FROM photos WHERE deleted_at IS NULL GROUP BY 1 ORDER BY 1"
    )
    counted = await as_owner.fetch("SELECT day, count FROM timeline_days WHERE count > 0 ORDER BY 1")
    assert [tuple(row) for row in counted] == [tuple(row) for row in shown]
    await photos.trash_photos(eager_database, principal, ids)
    assert await as_owner.fetchval("SELECT sum(count) FROM timeline_days") == 0


async def test_a_large_call_is_done_in_transactions_of_bounded_length(
    database: Database, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner_id = await add_user(as_owner)
    ids = [await add_photo(as_owner, owner_id, taken_local=LONG_AGO.replace(tzinfo=None)) for _ in range(10)]
    monkeypatch.setattr(trash_module, "BATCH", 4)
    assert await photos.trash_photos(database, Principal(owner_id, Role.MEMBER, ALL_SCOPES), ids) == 10
    xids = await as_owner.fetch("SELECT count(*) FROM changes WHERE type = 'photo' GROUP BY xid ORDER BY 1")
    assert [row["count"] for row in xids][-3:] == [2, 4, 4]
    # One deletion, one moment: the pages of the trash keep it together.
    assert await as_owner.fetchval("SELECT count(DISTINCT deleted_at) FROM photos") == 1
