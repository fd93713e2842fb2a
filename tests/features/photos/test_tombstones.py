"""Deletions are remembered: purged bytes stay away, whoever brings them, until a person allows them again."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from afterglow.features.photos import repository
from afterglow.kernel.checksums import Checksum
from factories import pictures
from factories.product import Person, Product
from factories.rows import insert
from factories.sending import complete, filled, open_session, originals, parts, send, sent
from factories.trashing import discard, finish_purges, list_tombstones, purge, trash

pytestmark = pytest.mark.req("SYN-4", "TML-3")

CONTENT = pictures.jpeg(1)
CHECKSUM = str(Checksum.of(CONTENT))
DEVICE = str(UUID(int=5))


@pytest.fixture(params=[False, True], ids=["purge begun", "purge over"])
async def purged(request: pytest.FixtureRequest, ana: Person, product: Product) -> Person:
    """Somebody who has purged a photo, whether or not its files are gone already."""
    await discard(ana, await sent(ana, CONTENT, "beach.jpg"))
    if request.param:
        assert await finish_purges(product) == 1
    return ana


async def by_form(person: Person) -> dict[str, Any]:
    answer = await send(person, CONTENT, "again.jpg")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


async def by_session(person: Person) -> dict[str, Any]:
    answer = await complete(person, await filled(person, CONTENT, filename="again.jpg"))
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


async def by_checksum(person: Person) -> dict[str, Any]:
    opened = await open_session(person, CONTENT, checksum=CHECKSUM, filename="again.jpg")
    assert (opened["alreadyExists"], opened["photoId"]) == (False, None)
    completed = await complete(person, opened)
    assert completed.status_code == 200
    assert completed.json()["tombstoned"]
    return {**opened, "checksum": CHECKSUM}


DOORS = {"form": by_form, "session": by_session, "checksum": by_checksum}


@pytest.mark.parametrize("door", DOORS)
async def test_purged_bytes_are_refused_by_every_door_and_who_brought_them_is_told(
    purged: Person, product: Product, as_owner: asyncpg.Connection, door: str
) -> None:
    (before,) = await list_tombstones(purged)
    assert (before["checksum"], before["filename"]) == (CHECKSUM, "beach.jpg")
    assert (before["refusals"], before["refusedCount"], before["lastRefusedAt"]) == ([], 0, None)
    left = originals(product)
    for _ in range(2):
        told = await DOORS[door](purged)
        assert (told["tombstoned"], told["checksum"]) == (True, CHECKSUM)
        assert told.get("photoId") is None
    assert (originals(product), parts(product)) == (left, [])
    (after,) = await list_tombstones(purged)
    (refusal,) = after["refusals"]
    assert (refusal["name"], refusal["kind"], refusal["count"], refusal["deviceId"]) == ("again.jpg", "upload", 2, None)
    assert after["refusedCount"] == 2
    assert refusal["lastAt"] == after["lastRefusedAt"] > before["createdAt"]
    await finish_purges(product)
    assert await as_owner.fetchval("SELECT count(*) FROM photos") == 0
    assert originals(product) == []


async def test_sources_are_told_apart_and_only_the_latest_are_kept(
    purged: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afterglow.features.photos.repository.tombstones.KEPT_REFUSALS", 3)
    for number in range(4):
        await send(purged, CONTENT, f"{number}.jpg")
    await open_session(purged, CONTENT, checksum=CHECKSUM, filename="3.jpg", deviceId=DEVICE)
    (tombstone,) = await list_tombstones(purged)
    assert tombstone["refusedCount"] == 5
    assert [(refusal["name"], refusal["deviceId"]) for refusal in tombstone["refusals"]] == [
        ("3.jpg", DEVICE), ("3.jpg", None), ("2.jpg", None),
    ]  # fmt: skip


async def test_asking_what_became_of_an_upload_is_no_attempt(purged: Person) -> None:
    opened = await open_session(purged, CONTENT, checksum=CHECKSUM)
    for _ in range(3):
        await complete(purged, opened)
    (tombstone,) = await list_tombstones(purged)
    assert tombstone["refusedCount"] == 1
    assert (await purged.http.post("/api/receipts", json={"checksums": [CHECKSUM]})).json()["items"] == []


@pytest.mark.parametrize("door", [by_form, by_session])
async def test_what_a_person_allows_is_taken_once_and_a_new_purge_is_remembered_anew(
    purged: Person, product: Product, door: Any
) -> None:
    await by_form(purged)
    allow = f"/api/tombstones/{CHECKSUM}"
    for _ in range(2):
        assert (await purged.http.delete(allow)).status_code == 204
    (tombstone,) = await list_tombstones(purged)
    assert tombstone["allowedAt"] is not None
    opened = await open_session(purged, CONTENT, checksum=CHECKSUM)
    assert (opened["tombstoned"], opened["alreadyExists"]) == (False, False)

    answer = await (send(purged, CONTENT) if door is by_form else complete(purged, await filled(purged, CONTENT)))
    photo_id = answer.json()["photoId"]
    assert (answer.json()["duplicate"], answer.json()["tombstoned"]) == (False, False)
    assert await list_tombstones(purged) == []
    gone = await purged.http.delete(allow)
    assert (gone.status_code, gone.json()["code"]) == (404, "tombstone.not-found")
    # The end of the first purge takes nothing of the new photo.
    await product.work()
    await finish_purges(product)
    assert (await purged.http.get(f"/api/photos/{photo_id}/original")).content == CONTENT
    assert (await purged.http.get(f"/api/photos/{photo_id}/thumbnail")).status_code == 200

    await discard(purged, photo_id)
    assert (await by_form(purged))["tombstoned"]
    (anew,) = await list_tombstones(purged)
    assert (anew["allowedAt"], anew["refusedCount"], anew["filename"]) == (None, 1, "a.jpg")


@pytest.mark.req("P-5", "ACC-4")
async def test_a_tombstone_is_its_owners_alone(purged: Person, ben: Person) -> None:
    assert await list_tombstones(ben) == []
    assert (await ben.http.delete(f"/api/tombstones/{CHECKSUM}")).json()["code"] == "tombstone.not-found"
    assert (await send(ben, CONTENT)).status_code == 201
    assert (await by_form(purged))["tombstoned"]
    (tombstone,) = await list_tombstones(purged)
    assert (tombstone["allowedAt"], tombstone["refusedCount"]) == (None, 1)


@pytest.mark.parametrize("checksum", ["0" * 63, "g" * 64, "0" * 65])
async def test_what_is_no_checksum_is_refused(ana: Person, checksum: str) -> None:
    assert (await ana.http.delete(f"/api/tombstones/{checksum}")).status_code == 422


async def test_each_file_of_a_photo_is_remembered(ana: Person, product: Product, as_owner: asyncpg.Connection) -> None:
    photo_id = await sent(ana, CONTENT, "live.jpg")
    other = await sent(ana, pictures.jpeg(2), "live.mov")
    # As if they had come as one live photo.
    await as_owner.execute("UPDATE photo_files SET photo_id = $1, role = 'motion' WHERE photo_id = $2", photo_id, other)
    await as_owner.execute("DELETE FROM photos WHERE id = $1", other)
    await discard(ana, photo_id)
    assert {tombstone["filename"] for tombstone in await list_tombstones(ana)} == {"live.jpg", "live.mov"}
    assert (await send(ana, pictures.jpeg(2))).json()["tombstoned"]
    await finish_purges(product)
    assert originals(product) == []


async def test_pages_of_tombstones_go_on_where_they_ended(ana: Person, as_owner: asyncpg.Connection) -> None:
    moments = [await as_owner.fetchval("SELECT now() - $1 * interval '1 h'", age) for age in (1, 1, 2, 2, 2, 3)]
    checksums = [Checksum.of(bytes([number])) for number in range(len(moments))]
    for checksum, moment in zip(checksums, moments, strict=True):
        await insert(
            as_owner, "tombstones", owner_id=ana.account.id, checksum=checksum, filename="a.jpg", created_at=moment
        )
    newest = sorted(zip(moments, checksums, strict=True), reverse=True)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await ana.http.get("/api/tombstones", params=params)).json()
        seen += [tombstone["checksum"] for tombstone in page["items"]]
        if page["nextCursor"] is None:
            break
        params["cursor"] = page["nextCursor"]
    assert seen == [str(checksum) for _, checksum in newest]


async def test_bytes_that_are_purged_while_they_arrive_are_refused(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = await sent(ana, CONTENT)
    await trash(ana, photo_id)
    find_known = repository.find_known
    looks: list[int] = []

    async def purged_between(*args: Any) -> Any:
        # The door has looked, has put the bytes, and is about to record them.
        looks.append(1)
        assert await purge(ana, photo_id) == 1
        return await find_known(*args)

    monkeypatch.setattr(repository, "find_known", purged_between)
    assert (await by_form(ana))["tombstoned"]
    assert len(looks) == 1
    (tombstone,) = await list_tombstones(ana)
    assert tombstone["refusedCount"] == 1
    await finish_purges(product)
    assert (originals(product), parts(product)) == ([], [])
