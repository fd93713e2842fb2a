"""The one door: the order of P-2, what a failure at each place leaves, and the sweep."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from afterglow.bootstrap import ingest_ports
from afterglow.features.ingest import service as ingest
from afterglow.features.ingest.service import door
from afterglow.features.photos import service as photos
from afterglow.features.uploads.service import UploadPorts
from afterglow.infra.db import database as db
from afterglow.infra.storage import files
from afterglow.infra.storage.errors import StoreIoError
from afterglow.infra.storage.local import LocalStore
from afterglow.infra.storage.spool import Spool
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.errors import StorageFullError
from factories import pictures
from factories.product import Person, Product
from factories.sending import complete, filled, original_of, originals, parts, send, sent

CONTENT = pictures.jpeg(1)
NO_AGE = timedelta(0)


async def count(as_owner: Any, table: str) -> int:
    return int(await as_owner.fetchval(f"SELECT count(*) FROM {table}"))


async def sweep(product: Product, min_age: timedelta = NO_AGE) -> int:
    return await ingest.sweep_originals(ingest_ports(product.node), min_age)


def before(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, act: Callable[[], Awaitable[None] | None]) -> None:
    """Have something happen before each call of an async function."""
    original = getattr(owner, name)

    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        if (acting := act()) is not None:
            await acting
        return await original(*args, **kwargs)

    monkeypatch.setattr(owner, name, wrapped)


@pytest.mark.req("P-2")
async def test_bytes_are_flushed_read_back_put_and_committed_before_the_answer(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    for owner, name in [(files, "sync_file"), (files, "sync_folder"), (files, "read_back"), (os, "link")]:
        monkeypatch.setattr(owner, name, noted(events, name, getattr(owner, name)))
    before(monkeypatch, LocalStore, "put", lambda: events.append("put"))
    before(monkeypatch, photos, "keep_original", lambda: events.append("row"))
    before(monkeypatch, db, "_commit", lambda: events.append("commit"))
    assert (await send(ana, CONTENT)).status_code == 201
    # Sealing: the bytes and their name are durable, and then read back. Putting: the same of the new name.
    begin = events.index("read_back")
    assert {"sync_file", "sync_folder"} <= set(events[:begin])
    order = events[begin:]
    assert order.index("put") < order.index("link") < order.index("row")
    assert "sync_folder" in order[order.index("link") : order.index("row")]
    assert order[-1] == "commit"
    assert "commit" not in order[order.index("put") : order.index("row")]


def noted(events: list[str], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        events.append(name)
        return function(*args, **kwargs)

    return wrapped


@pytest.mark.req("P-2", "P-4", "ING-3")
@pytest.mark.parametrize("error", [StoreIoError("broken"), StorageFullError()], ids=lambda error: error.code)
async def test_a_store_that_fails_leaves_nothing_and_a_retry_works(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch, as_owner: Any, error: Exception
) -> None:
    async def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(LocalStore, "put", failing)
    answer = await send(ana, CONTENT)
    assert answer.status_code in {503, 507}
    assert (parts(product), originals(product), await count(as_owner, "photos")) == ([], [], 0)
    monkeypatch.undo()
    assert (await send(ana, CONTENT)).status_code == 201


@pytest.mark.req("P-2", "P-7")
async def test_a_store_that_hangs_does_not_collect_requests(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "_PATIENCE_S", 0.01)
    ports = product.app.state.provided[UploadPorts].ingest
    while not ports.puts.locked():
        await ports.puts.acquire()
    answer = await send(ana, CONTENT)
    assert (answer.status_code, answer.json()["code"]) == (503, "ingest.store-busy")
    assert (parts(product), originals(product)) == ([], [])
    session = await filled(ana, CONTENT)
    assert (await complete(ana, session)).status_code == 503
    ports.puts.release()
    # Its bytes have waited.
    assert (await complete(ana, session)).status_code == 200


@pytest.mark.req("P-2", "P-4")
@pytest.mark.parametrize("place", ["row", "commit"])
async def test_a_commit_that_fails_promises_nothing_and_a_retry_adopts_the_original(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch, as_owner: Any, place: str
) -> None:
    session = await filled(ana, CONTENT)
    owner, name = (photos, "create_photo") if place == "row" else (db, "_commit")
    puts: list[str] = []
    before(monkeypatch, LocalStore, "put", lambda: puts.append("put"))

    def break_down() -> None:
        if puts:
            raise db.DatabaseAwayError

    before(monkeypatch, owner, name, break_down)
    answer = await complete(ana, session)
    assert (answer.status_code, answer.json()["code"]) == (503, "database.away")
    assert originals(product) == [original_of(product, CONTENT)]
    assert (await count(as_owner, "photos"), await count(as_owner, "originals")) == (0, 0)
    monkeypatch.undo()
    # The bytes went with the put, so they are asked for again; the session says so.
    assert (await complete(ana, session)).json()["offset"] == 0
    assert (await send(ana, CONTENT)).status_code == 201
    assert await sweep(product) == 0
    assert original_of(product, CONTENT).read_bytes() == CONTENT


@pytest.mark.req("P-2", "P-4")
@pytest.mark.parametrize("place", ["seal", "put", "commit"])
async def test_a_request_that_is_cancelled_leaves_nothing_that_the_sweep_does_not_take(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch, as_owner: Any, place: str
) -> None:
    reached = asyncio.Event()

    async def hold() -> None:
        reached.set()
        await asyncio.sleep(3600)

    owner, name = {"seal": (Spool, "seal"), "put": (LocalStore, "put"), "commit": (photos, "create_photo")}[place]
    before(monkeypatch, owner, name, hold)
    sending = asyncio.ensure_future(send(ana, CONTENT))
    await reached.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    monkeypatch.undo()
    assert (parts(product), await count(as_owner, "photos"), await count(as_owner, "originals")) == ([], 0, 0)
    assert await sweep(product) == (1 if place == "commit" else 0)
    assert originals(product) == []
    # The checksum's lock went with the request.
    assert (await send(ana, CONTENT)).status_code == 201


@pytest.mark.req("P-4")
async def test_a_crash_between_put_and_commit_is_swept(ana: Person, product: Product) -> None:
    await orphan(product, CONTENT)
    assert await sweep(product, timedelta(hours=24)) == 0
    assert originals(product) == [original_of(product, CONTENT)]
    assert await sweep(product) == 1
    assert originals(product) == []


async def orphan(product: Product, content: bytes) -> None:
    """Leave what a kill between put and commit leaves."""
    source = product.node.spool.root / "killed.part"
    source.write_bytes(content)
    checksum = Checksum.of(content)
    await product.node.store.put(ingest.original_key(checksum), source, checksum)


@pytest.mark.req("P-4", "ING-8")
async def test_a_crash_between_put_and_commit_is_adopted_by_the_next_upload(ana: Person, product: Product) -> None:
    await orphan(product, CONTENT)
    answer = await send(ana, CONTENT)
    assert (answer.status_code, answer.json()["duplicate"]) == (201, False)
    assert await sweep(product) == 0
    assert original_of(product, CONTENT).read_bytes() == CONTENT


@pytest.mark.req("P-3", "P-4")
async def test_the_sweep_takes_only_what_no_row_names(ana: Person, product: Product) -> None:
    photo_id = await sent(ana, CONTENT)
    await orphan(product, pictures.jpeg(2))
    foreign = product.node.store.root / "ab" / "notes.txt"
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("somebody's own")
    assert await sweep(product) == 1
    assert set(originals(product)) == {original_of(product, CONTENT), foreign}
    assert (await ana.http.get(f"/api/photos/{photo_id}/original")).content == CONTENT


@pytest.mark.req("P-3", "P-4")
async def test_the_sweep_waits_for_an_ingest_of_the_same_bytes(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_put, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        is_put.set()
        await may_go_on.wait()

    before(monkeypatch, photos, "keep_original", hold)
    sending = asyncio.ensure_future(send(ana, CONTENT))
    await is_put.wait()
    # The original lies there, and no row names it yet.
    assert originals(product) == [original_of(product, CONTENT)]
    sweeping = asyncio.ensure_future(sweep(product))
    done, _ = await asyncio.wait([sweeping], timeout=0.3)
    assert not done
    may_go_on.set()
    assert (await sending).status_code == 201
    assert await sweeping == 0
    assert original_of(product, CONTENT).read_bytes() == CONTENT


@pytest.mark.req("ING-8")
async def test_the_same_bytes_at_once_by_one_owner_are_one_photo(ana: Person, product: Product, as_owner: Any) -> None:
    answers = await asyncio.gather(*(send(ana, CONTENT, f"{number}.jpg") for number in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [201]
    assert len({answer.json()["photoId"] for answer in answers}) == 1
    assert (await count(as_owner, "photos"), await count(as_owner, "photo_sources")) == (1, 5)
    assert (len(originals(product)), parts(product)) == (1, [])


@pytest.mark.req("ING-8", "P-5")
async def test_the_same_bytes_at_once_by_two_owners_are_one_original_and_two_photos(
    ana: Person, ben: Person, product: Product, as_owner: Any
) -> None:
    answers = await asyncio.gather(*(send(person, CONTENT) for person in (ana, ben) * 2))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 201, 201]
    assert await count(as_owner, "photos") == 2
    assert originals(product) == [original_of(product, CONTENT)]
    for person in (ana, ben):
        (photo,) = (await person.http.get("/api/photos")).json()["items"]
        assert (await person.http.get(f"/api/photos/{photo['id']}/original")).content == CONTENT


@pytest.mark.req("P-1", "P-2")
async def test_originals_are_read_only_and_their_folders_hold_nothing_else(ana: Person, product: Product) -> None:
    await sent(ana, CONTENT)
    original = original_of(product, CONTENT)
    assert original.stat().st_mode & 0o777 == 0o440
    assert original.stat().st_nlink == 1
    assert list(original.parent.iterdir()) == [original]


@pytest.mark.req("LIFE-2")
async def test_the_door_has_read_the_metadata_already(ana: Person) -> None:
    photo_id = await sent(ana, pictures.located_jpeg(3))
    steps = (await ana.http.get(f"/api/photos/{photo_id}")).json()["steps"]
    assert [step["state"] for step in steps if step["step"] == "metadata"] == ["done"]


@pytest.mark.req("LIFE-2", "LIFE-3", "LIFE-4")
async def test_metadata_is_read_again_and_waits_for_an_original_that_is_away(
    ana: Person, product: Product, as_owner: Any
) -> None:
    photo_id = await sent(ana, pictures.located_jpeg(4))
    await product.work()
    before_it = (await ana.http.get(f"/api/photos/{photo_id}")).json()
    redo = "UPDATE steps SET state = 'waiting', next_try_at = now() WHERE step = 'metadata'"
    await as_owner.execute("UPDATE photos SET camera_make = NULL, latitude = NULL, longitude = NULL")
    store = product.node.store.root
    store.rename(store.with_name("away"))
    await as_owner.execute(redo)
    await product.work()
    assert await as_owner.fetchval("SELECT state FROM steps WHERE step = 'metadata'") == "waiting"
    store.with_name("away").rename(store)
    await as_owner.execute(redo)
    await product.work()
    after = (await ana.http.get(f"/api/photos/{photo_id}")).json()
    for name in ("camera", "place", "takenAt", "status", "width", "height"):
        assert after[name] == before_it[name], name
