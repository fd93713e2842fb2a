"""Purges: a photo is gone at once, and its bytes as soon as nobody uses them; never those of another."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from afterglow.bootstrap import ingest_ports
from afterglow.features.ingest import service as ingest
from afterglow.features.photos import service as photos
from afterglow.features.photos.service import purging as purging_module
from afterglow.features.photos.service import trash as trash_module
from afterglow.features.photos.tasks import PurgeTrash
from afterglow.features.pipeline.rules import DERIVE, SIDECAR
from afterglow.infra.db import database as db
from afterglow.infra.storage.local import LocalStore
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.principal import ALL_SCOPES, Principal, Role
from factories import pictures
from factories.product import Person, Product
from factories.rows import add_photo, add_user
from factories.sending import original_of, originals, parts, send, sent
from factories.trashing import (
    DUE,
    discard,
    files_below,
    finish_purges,
    list_tombstones,
    list_trash,
    purge,
    restore,
    trash,
)

pytestmark = pytest.mark.req("TML-3", "P-3", "P-4")

CONTENT = pictures.jpeg(1)
ROWS = (
    "photos",
    "photo_files",
    "photo_metadata",
    "photo_sources",
    "steps",
    "originals",
    "original_locations",
    "purges",
)


async def counts(as_owner: asyncpg.Connection) -> dict[str, int]:
    found = {table: await as_owner.fetchval(f"SELECT count(*) FROM {table}") for table in ROWS}
    return {table: count for table, count in found.items() if count}


def is_bare(product: Product) -> bool:
    """Whether no file of any photo is left."""
    left = originals(product) + parts(product) + files_below(product, "derivatives") + files_below(product, "sidecars")
    return left == []


async def test_a_purged_photo_is_gone_at_once_and_its_files_soon(
    ana: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    photo_id = await sent(ana, CONTENT)
    await product.work()
    assert len(files_below(product, "derivatives")) > 3
    await discard(ana, photo_id)
    for path in ("", "/metadata", "/thumbnail", "/preview", "/original", "/download"):
        assert (await ana.http.get(f"/api/photos/{photo_id}{path}")).status_code == 404, path
    assert (await ana.http.delete(f"/api/photos/{photo_id}")).status_code == 404
    assert (await ana.http.post(f"/api/photos/{photo_id}/steps/derive/retry")).status_code == 404
    assert (await list_trash(ana), await restore(ana, photo_id), await purge(ana, photo_id)) == ([], 0, 0)
    assert await finish_purges(product) == 1
    assert (await counts(as_owner), is_bare(product)) == ({}, True)
    assert await finish_purges(product) == 0


async def test_only_what_lies_in_the_trash_is_purged(ana: Person, product: Product) -> None:
    kept, gone = await sent(ana, CONTENT), await sent(ana, pictures.jpeg(2))
    await trash(ana, gone)
    assert await purge(ana, kept, gone, gone) == 1
    await finish_purges(product)
    assert [photo["id"] for photo in (await ana.http.get("/api/photos")).json()["items"]] == [kept]
    assert originals(product) == [original_of(product, CONTENT)]


async def test_emptying_the_trash_purges_all_of_it_and_nothing_else(
    ana: Person, ben: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash_module, "BATCH", 2)
    monkeypatch.setattr(purging_module, "BATCH", 2)
    ids = [await sent(ana, pictures.jpeg(seed)) for seed in range(6)]
    bens = await sent(ben, CONTENT)
    await trash(ben, bens)
    await trash(ana, *ids[:5])
    assert (await ana.http.post("/api/trash/empty")).json() == {"purged": 5}
    assert await list_trash(ana) == []
    assert (await ana.http.post("/api/trash/empty")).json() == {"purged": 0}
    assert await finish_purges(product) == 5
    assert [photo["id"] for photo in (await ana.http.get("/api/photos")).json()["items"]] == [ids[5]]
    assert [photo["id"] for photo in await list_trash(ben)] == [bens]
    assert len(originals(product)) == 2


@pytest.mark.req("ADM-4")
async def test_retention_purges_what_has_been_in_the_trash_for_too_long(
    ana: Person, ben: Person, product: Product, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging_module, "BATCH", 2)
    age = "UPDATE photos SET deleted_at = deleted_at - $1::interval WHERE id = $2"
    old = [await sent(person, pictures.jpeg(seed)) for seed, person in enumerate((ana, ana, ben))]
    young, shown = await sent(ana, pictures.jpeg(4)), await sent(ana, pictures.jpeg(5))
    await trash(ana, *old[:2], young)
    await trash(ben, old[2])
    for photo_id in old:
        await as_owner.execute(age, timedelta(days=30, minutes=1), photo_id)
    await as_owner.execute(age, timedelta(days=29, hours=23), young)
    await PurgeTrash(product.node.database, timedelta(days=30))()
    assert await finish_purges(product) == 3
    assert [photo["id"] for photo in await list_trash(ana)] == [young]
    assert [photo["id"] for photo in (await ana.http.get("/api/photos")).json()["items"]] == [shown]
    assert [len(await list_tombstones(person)) for person in (ana, ben)] == [2, 1]


@pytest.mark.req("P-5", "ING-8")
async def test_bytes_go_when_the_last_owner_has_purged_them(
    ana: Person, ben: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    mine, bens = await sent(ana, CONTENT), await sent(ben, CONTENT)
    await product.work()
    await discard(ana, mine)
    await finish_purges(product)
    assert (await ben.http.get(f"/api/photos/{bens}/original")).content == CONTENT
    assert (await ben.http.get(f"/api/photos/{bens}/thumbnail")).status_code == 200
    assert [str(ben.account.id) in str(path) for path in files_below(product, "sidecars")] == [True]
    assert {str(path).count(str(ben.account.id)) for path in files_below(product, "derivatives")} == {1}
    # In the trash they are used too.
    await trash(ben, bens)
    await finish_purges(product)
    assert originals(product) == [original_of(product, CONTENT)]
    assert await purge(ben, bens) == 1
    await finish_purges(product)
    assert (await counts(as_owner), is_bare(product)) == ({}, True)


@pytest.mark.req("SYN-1")
async def test_the_feed_tells_of_a_purge_when_it_begins_and_once(
    ana: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    photo_id = await sent(ana, CONTENT)
    await trash(ana, photo_id)
    await as_owner.execute("DELETE FROM changes")
    await purge(ana, photo_id)
    await finish_purges(product)
    (change,) = await as_owner.fetch("SELECT type, entity_id::text, data FROM changes")
    assert (change["type"], change["entity_id"]) == ("tombstone", photo_id)
    assert f'"id": "{photo_id}"' in change["data"]
    assert '"reason": "purged"' in change["data"]


class Held:
    """A place in an async method where it stands until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool = False) -> None:
        self.is_reached, self._may_go_on = asyncio.Event(), asyncio.Event()
        self._original, self._after = getattr(owner, name), after

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            if after:
                result = await self._original(*args, **kwargs)
            self.is_reached.set()
            await self._may_go_on.wait()
            return result if after else await self._original(*args, **kwargs)

        monkeypatch.setattr(owner, name, wrapped)

    async def wait(self) -> None:
        await asyncio.wait_for(self.is_reached.wait(), 30)

    def go_on(self) -> None:
        self._may_go_on.set()


async def still_waits(task: asyncio.Future[Any]) -> bool:
    done, _ = await asyncio.wait([task], timeout=0.3)
    return not done


@pytest.mark.req("P-5")
@pytest.mark.parametrize(
    ("owner", "name", "after"),
    [(photos, "forget_original", True), (LocalStore, "delete", False), (LocalStore, "delete", True)],
    ids=["decided", "before the delete", "after the delete"],
)
async def test_an_upload_by_another_during_the_end_of_a_purge_has_its_bytes(
    ana: Person, ben: Person, product: Product, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch,
    owner: Any, name: str, after: bool,
) -> None:  # fmt: skip
    await discard(ana, await sent(ana, CONTENT))
    held = Held(monkeypatch, owner, name, after=after)
    purging = asyncio.ensure_future(finish_purges(product))
    await held.wait()
    sending = asyncio.ensure_future(send(ben, CONTENT))
    assert await still_waits(sending)
    held.go_on()
    assert await purging == 1
    answer = await sending
    assert answer.status_code == 201
    await check_only_photo(ben, product, as_owner, answer.json()["photoId"])


@pytest.mark.req("P-5")
@pytest.mark.parametrize("name", ["put", "record"])
async def test_a_purge_during_an_upload_by_another_takes_nothing_of_it(
    ana: Person, ben: Person, product: Product, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    await discard(ana, await sent(ana, CONTENT))
    held = Held(monkeypatch, LocalStore, "put", after=True) if name == "put" else Held(
        monkeypatch, photos, "create_photo", after=True)  # fmt: skip
    sending = asyncio.ensure_future(send(ben, CONTENT))
    await held.wait()
    purging = asyncio.ensure_future(finish_purges(product))
    assert await still_waits(purging)
    held.go_on()
    answer = await sending
    assert await purging == 1
    assert answer.status_code == 201
    await check_only_photo(ben, product, as_owner, answer.json()["photoId"])


async def check_only_photo(person: Person, product: Product, as_owner: asyncpg.Connection, photo_id: str) -> None:
    assert (await person.http.get(f"/api/photos/{photo_id}/original")).content == CONTENT
    assert originals(product) == [original_of(product, CONTENT)]
    assert await ingest.sweep_originals(ingest_ports(product.node), timedelta(0)) == 0
    left = await counts(as_owner)
    assert (left["photos"], left["originals"], left["original_locations"]) == (1, 1, 1)
    assert "purges" not in left


@pytest.mark.req("P-5")
async def test_uploads_and_purges_of_the_same_bytes_by_two_owners_at_once_lose_nothing(
    ana: Person, ben: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    for _ in range(6):
        mine = await sent(ana, CONTENT)
        await trash(ana, mine)
        _, answer, *_ = await asyncio.gather(
            purge(ana, mine), send(ben, CONTENT), *(finish_purges(product) for _ in range(3))
        )
        await finish_purges(product)
        assert answer.status_code == 201
        bens = answer.json()["photoId"]
        await check_only_photo(ben, product, as_owner, bens)
        await discard(ben, bens)
        await asyncio.gather(finish_purges(product), ingest.sweep_originals(ingest_ports(product.node), timedelta(0)))
        assert originals(product) == []
        await as_owner.execute("DELETE FROM tombstones")


@pytest.mark.req("LIFE-5", "P-5")
@pytest.mark.parametrize("step", [DERIVE, SIDECAR], ids=lambda step: step.name)
async def test_a_run_that_is_at_work_defers_the_purge_and_its_result_is_dropped(
    ana: Person, product: Product, as_owner: asyncpg.Connection, step: Any
) -> None:
    photo_id = await sent(ana, CONTENT)
    if step is SIDECAR:
        await product.work()
        await trash(ana, photo_id)
        await restore(ana, photo_id)
        await as_owner.execute("UPDATE steps SET next_try_at = now() WHERE state = 'waiting'")
    work, is_done, may_end = product.steps[step], asyncio.Event(), asyncio.Event()

    async def held(run: Any) -> Any:
        completion = await work(run)
        is_done.set()
        await may_end.wait()
        return completion

    product.steps[step] = held
    running = asyncio.ensure_future(product.work())
    await asyncio.wait_for(is_done.wait(), 30)
    assert len(files_below(product, "derivatives" if step is DERIVE else "sidecars")) > 0
    await discard(ana, photo_id)
    # Nothing is taken from under the run.
    assert await finish_purges(product) == 0
    assert original_of(product, CONTENT).exists()
    may_end.set()
    await running
    assert await counts(as_owner) == {
        "photos": 1, "photo_files": 1, "photo_metadata": 1, "photo_sources": 1, "originals": 1,
        "original_locations": 1, "purges": 1,
    }  # fmt: skip
    lease = await as_owner.fetchval("SELECT not_before > now() + interval '1 minute' FROM purges")
    assert lease
    await as_owner.execute(DUE)
    assert await finish_purges(product) == 1
    assert (await counts(as_owner), is_bare(product)) == ({}, True)


async def test_steps_of_a_purged_photo_are_over(ana: Person, product: Product, as_owner: asyncpg.Connection) -> None:
    await discard(ana, await sent(ana, CONTENT))
    assert await product.work() == 0
    assert "steps" not in await counts(as_owner)


@pytest.mark.req("STO-1")
async def test_an_absent_disk_loses_nothing_and_the_purge_goes_on_when_it_is_back(
    ana: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    await discard(ana, await sent(ana, CONTENT))
    before = await counts(as_owner)
    store = product.node.store.root
    store.rename(store.with_name("away"))
    store.mkdir()
    with pytest.raises(Exception, match="mounted"):
        await finish_purges(product)
    assert await counts(as_owner) == before
    store.rmdir()
    store.with_name("away").rename(store)
    assert await finish_purges(product) == 1
    assert (await counts(as_owner), is_bare(product)) == ({}, True)


async def test_a_file_that_can_not_be_removed_keeps_up_no_other_purge(
    ana: Person, product: Product, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [await sent(ana, pictures.jpeg(seed)) for seed in range(3)]
    stuck = original_of(product, pictures.jpeg(1))
    delete = LocalStore.delete

    async def failing(self: LocalStore, key: str) -> bool:
        if key.endswith(stuck.name):
            raise db.DatabaseAwayError("as if the disk failed")
        return await delete(self, key)

    monkeypatch.setattr(LocalStore, "delete", failing)
    await discard(ana, *ids)
    assert await finish_purges(product) == 2
    assert originals(product) == [stuck]
    assert await counts(as_owner) == {"purges": 1}
    monkeypatch.undo()
    assert await finish_purges(product) == 0
    await as_owner.execute(DUE)
    assert await finish_purges(product) == 1
    assert (await counts(as_owner), is_bare(product)) == ({}, True)


BREAKS: dict[str, tuple[Any, str]] = {
    "rows": (photos, "delete_purging"),
    "decision": (photos, "forget_original"),
    "bytes": (LocalStore, "delete"),
    "end": (photos, "finish_purge"),
}


@pytest.mark.parametrize("place", BREAKS)
async def test_a_purge_that_is_cut_off_anywhere_is_carried_out_later(
    ana: Person, product: Product, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    await discard(ana, await sent(ana, CONTENT))
    owner, name = BREAKS[place]
    held = Held(monkeypatch, owner, name)
    purging = asyncio.ensure_future(finish_purges(product))
    await held.wait()
    purging.cancel()
    await asyncio.gather(purging, return_exceptions=True)
    monkeypatch.undo()
    left = await counts(as_owner)
    assert left["purges"] == 1
    # A row without its bytes never is; bytes without a row may be, for whoever carries the order out.
    assert "originals" not in left or originals(product)
    # The sweep comes in between.
    await ingest.sweep_originals(ingest_ports(product.node), timedelta(0))
    assert await finish_purges(product) == 1
    assert (await counts(as_owner), is_bare(product)) == ({}, True)


async def test_a_mark_that_does_not_commit_changes_nothing(
    ana: Person, product: Product, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = await sent(ana, CONTENT)
    await trash(ana, photo_id)
    before = await counts(as_owner)
    monkeypatch.setattr(db, "_commit", away)
    answer = await ana.http.post("/api/trash/purge", json={"photoIds": [photo_id]})
    assert answer.status_code == 503
    monkeypatch.undo()
    assert (await counts(as_owner), await list_tombstones(ana)) == (before, [])
    assert await restore(ana, photo_id) == 1
    assert await finish_purges(product) == 0
    await product.work()
    assert (await ana.http.get(f"/api/photos/{photo_id}")).json()["status"] == "STORED"


async def away(*_: object) -> None:
    raise db.DatabaseAwayError


async def test_calls_that_overlap_end_in_one_state_of_each_photo(
    eager_database: db.Database, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash_module, "BATCH", 5)
    owner_id = await add_user(as_owner)
    principal = Principal(owner_id, Role.MEMBER, ALL_SCOPES)
    ids = [await add_photo(as_owner, owner_id) for _ in range(20)]
    calls: list[Callable[..., Awaitable[int]]] = [photos.trash_photos, photos.restore_photos, photos.purge_photos]
    await asyncio.gather(*(call(eager_database, principal, ids[::way]) for call in calls for way in (1, -1, 1)))
    rows = await as_owner.fetch("SELECT id, deleted_at, purging_at FROM photos")
    ordered = {row["photo_id"] for row in await as_owner.fetch("SELECT photo_id FROM purges")}
    assert {row["id"] for row in rows if row["purging_at"]} == ordered
    shown = sum(row["deleted_at"] is None for row in rows)
    assert await as_owner.fetchval("SELECT sum(count) FROM timeline_days") == shown
    assert len(rows) == 20


async def test_an_order_that_somebody_else_carried_out_is_left_alone(
    ana: Person, product: Product, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await discard(ana, await sent(ana, CONTENT))
    held = Held(monkeypatch, LocalStore, "check")
    first = asyncio.ensure_future(finish_purges(product))
    await held.wait()
    monkeypatch.undo()
    assert await finish_purges(product) == 1
    # Allowed and sent again: these bytes are a photo's now.
    await ana.http.delete(f"/api/tombstones/{Checksum.of(CONTENT)}")
    photo_id = await sent(ana, CONTENT)
    await product.work()
    held.go_on()
    await first
    await check_only_photo(ana, product, as_owner, photo_id)
    assert len(files_below(product, "sidecars")) == 1
