"""Upload sessions over restarts, lost disks, an absent store, and the sweep."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from afterglow.bootstrap import upload_ports
from afterglow.config import Settings
from afterglow.features.uploads import service as uploads
from afterglow.infra.storage.local import LocalStore
from afterglow.infra.storage.part_writer import PartWriter
from afterglow.infra.storage.spool import Spool
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import UploadId, new_id
from factories import pictures
from factories.product import PASSWORD, Person, Product, open_product
from factories.sending import complete, filled, open_session, original_of, originals, parts, put, sent, state_of

CONTENT = pictures.jpeg(1)
CHECKSUM = str(Checksum.of(CONTENT))
NO_AGE = timedelta(0)


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@asynccontextmanager
async def restarted(settings: Settings, person: Person) -> AsyncIterator[tuple[Product, Person]]:
    """Another process on the same data folder: nothing that the first one remembers is there."""
    async with open_product(settings) as product, product.client() as client:
        wanted = {"email": person.account.email, "password": PASSWORD}
        token = (await client.post("/api/auth/login", json=wanted)).json()["accessToken"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield product, Person(person.account, client)


def unmount(product: Product) -> Path:
    """Take the store's disk away."""
    root = product.node.store.root
    away = root.with_name("away")
    root.rename(away)
    root.mkdir()
    return away


def mount(product: Product) -> None:
    """Bring it back."""
    root = product.node.store.root
    root.rmdir()
    root.with_name("away").rename(root)


async def sweep(product: Product, **ages: timedelta) -> int:
    return await uploads.sweep(
        upload_ports(product.node),
        ages.get("stray_age", timedelta(hours=1)),
        ages.get("unfinished_age", NO_AGE),
    )


@pytest.mark.req("ING-1", "P-4")
async def test_an_upload_goes_on_after_a_restart(ana: Person, settings: Settings) -> None:
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:1000])
    async with restarted(settings, ana) as (product, again):
        assert (await state_of(again, session))["offset"] == 1000
        assert (await put(again, session, 1000, CONTENT[1000:])).status_code == 200
        async with restarted(settings, ana) as (_, at_last):
            accepted = (await complete(at_last, session)).json()
        assert accepted["checksum"] == CHECKSUM
        assert original_of(product, CONTENT).read_bytes() == CONTENT


@pytest.mark.req("ING-1", "P-4")
async def test_bytes_that_were_never_promised_are_cut_off(ana: Person, product: Product) -> None:
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:1000])
    # A process that was killed between the write and the promise leaves more than was promised.
    (part,) = parts(product)
    with part.open("ab") as file:
        file.write(b"never promised")
    assert (await state_of(ana, session))["offset"] == 1000
    await put(ana, session, 1000, CONTENT[1000:])
    assert (await complete(ana, session)).status_code == 200
    assert original_of(product, CONTENT).read_bytes() == CONTENT


@pytest.mark.req("ING-1", "P-4")
async def test_the_promise_is_made_after_the_bytes_are_durable(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch, as_owner: Any
) -> None:
    promised: list[int] = []
    sync = PartWriter.sync

    async def watched(writer: PartWriter) -> int:
        promised.append(await as_owner.fetchval("SELECT offset_bytes FROM upload_sessions"))
        return await sync(writer)

    monkeypatch.setattr(PartWriter, "sync", watched)
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:100])
    await put(ana, session, 100, CONTENT[100:200])
    assert promised == [0, 100]
    assert (await state_of(ana, session))["offset"] == 200


@pytest.mark.req("ING-1", "P-4")
@pytest.mark.parametrize("kept_bytes", [None, 500])
async def test_a_spool_that_lost_promised_bytes_starts_over(
    ana: Person, product: Product, settings: Settings, kept_bytes: int | None
) -> None:
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:1000])
    (part,) = parts(product)
    if kept_bytes is None:
        part.unlink()
    else:
        part.write_bytes(CONTENT[:kept_bytes])
    async with restarted(settings, ana) as (_, again):
        answer = await put(again, session, 1000, CONTENT[1000:])
        assert problem(answer) == (409, "upload.offset-mismatch")
        assert answer.json()["offset"] == 0
        assert (await state_of(again, session))["offset"] == 0
        assert (await put(again, session, 0, CONTENT)).status_code == 200
        assert (await complete(again, session)).json()["checksum"] == CHECKSUM


@pytest.mark.req("ING-1", "P-4")
@pytest.mark.parametrize("loss", ["gone", "short", "long"])
async def test_a_complete_file_that_the_spool_lost_is_asked_for_again(
    ana: Person, product: Product, settings: Settings, loss: str
) -> None:
    session = await filled(ana, CONTENT)
    (part,) = parts(product)
    match loss:
        case "gone":
            part.unlink()
        case "short":
            part.write_bytes(CONTENT[:-1])
        case "long":
            part.write_bytes(CONTENT + b"x")
    async with restarted(settings, ana) as (_, again):
        answer = await complete(again, session)
        assert problem(answer) == (409, "upload.offset-mismatch")
        assert answer.json()["offset"] == 0
        await put(again, session, 0, CONTENT)
        assert (await complete(again, session)).json()["checksum"] == CHECKSUM
    assert original_of(product, CONTENT).read_bytes() == CONTENT


@pytest.mark.req("ING-11", "P-3", "P-7")
async def test_a_completed_file_waits_for_the_store_however_long_it_is_away(
    ana: Person, product: Product, as_owner: Any
) -> None:
    session = await filled(ana, CONTENT)
    away = unmount(product)
    assert problem(await complete(ana, session)) == (503, "store.missing")
    (part,) = parts(product)
    for _ in range(2):
        await as_owner.execute("UPDATE upload_sessions SET expires_at = now() - interval '1 hour'")
        assert await sweep(product, stray_age=NO_AGE) == 0
        assert part.read_bytes() == CONTENT
    assert list(product.node.store.root.iterdir()) == []
    assert away.exists()
    mount(product)
    await sweep(product)
    assert parts(product) == []
    assert original_of(product, CONTENT).read_bytes() == CONTENT
    answer = (await complete(ana, session)).json()
    assert (answer["checksum"], answer["duplicate"], answer["receipt"]["state"]) == (CHECKSUM, False, "stored")


@pytest.mark.req("ING-11", "P-4")
async def test_a_client_completes_when_the_store_is_back(ana: Person, product: Product) -> None:
    session = await filled(ana, CONTENT)
    unmount(product)
    assert (await complete(ana, session)).status_code == 503
    mount(product)
    assert (await complete(ana, session)).json()["checksum"] == CHECKSUM
    assert parts(product) == []


@pytest.mark.req("ING-11", "ING-5")
async def test_the_sweep_refuses_what_the_door_refuses(ana: Person, product: Product, as_owner: Any) -> None:
    session = await filled(ana, b"just some text")
    # Killed after the seal, before the look at its type.
    await product.node.spool.seal((await uploads_of(product))[0])
    await sweep(product)
    assert (parts(product), await as_owner.fetchval("SELECT count(*) FROM upload_sessions")) == ([], 0)
    assert problem(await complete(ana, session)) == (404, "upload.not-found")


async def uploads_of(product: Product) -> list[Any]:
    return [part.upload_id for part in await product.node.spool.list_parts()]


@pytest.mark.req("ING-11")
async def test_an_upload_that_nobody_completes_expires_a_day_after_its_last_byte(
    ana: Person, product: Product, as_owner: Any
) -> None:
    session = await filled(ana, CONTENT)
    life = await as_owner.fetchval("SELECT expires_at - updated_at FROM upload_sessions")
    assert life == timedelta(hours=24)
    assert await sweep(product, stray_age=NO_AGE) == 0
    assert (await state_of(ana, session))["offset"] == len(CONTENT)
    await as_owner.execute("UPDATE upload_sessions SET expires_at = now() - interval '1 second'")
    assert await sweep(product) == 1
    assert parts(product) == []
    assert problem(await complete(ana, session)) == (404, "upload.not-found")


@pytest.mark.req("ING-11")
async def test_a_byte_lets_a_session_live_on(ana: Person, product: Product, as_owner: Any) -> None:
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:100])
    await as_owner.execute("UPDATE upload_sessions SET expires_at = now() - interval '1 second'")
    await put(ana, session, 100, CONTENT[100:200])
    assert await sweep(product, stray_age=NO_AGE) == 0
    assert (await state_of(ana, session))["offset"] == 200


@pytest.mark.req("ING-1", "ING-11", "P-4")
@pytest.mark.parametrize(("hours", "is_there"), [(23, True), (25, False)])
async def test_an_upload_goes_on_after_23_hours_and_not_after_25(
    ana: Person, settings: Settings, as_owner: Any, hours: int, is_there: bool
) -> None:
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:1000])
    # Instead of waiting, everything has happened earlier.
    await as_owner.execute(
        "UPDATE upload_sessions SET created_at = created_at - $1::interval, updated_at = updated_at - $1, "
        "expires_at = expires_at - $1",
        timedelta(hours=hours),
    )
    async with restarted(settings, ana) as (product, again):
        (part,) = parts(product)
        earlier = part.stat().st_mtime - hours * 3600
        os.utime(part, (earlier, earlier))
        assert await sweep(product) == (0 if is_there else 1)
        answer = await put(again, session, 1000, CONTENT[1000:])
        if not is_there:
            assert problem(answer) == (404, "upload.not-found")
            return
        assert answer.json() == {"offset": len(CONTENT)}
        assert (await complete(again, session)).json()["checksum"] == CHECKSUM
        assert original_of(product, CONTENT).read_bytes() == CONTENT


@pytest.mark.req("ING-1", "P-4", "ING-8")
async def test_who_completes_while_another_is_about_to_commit_gets_the_same_answer(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch, as_owner: Any
) -> None:
    session = await filled(ana, CONTENT)
    put_object, moved, go_on = LocalStore.put, asyncio.Event(), asyncio.Event()

    async def put_and_wait(*arguments: Any) -> Any:
        result = await put_object(*arguments)
        moved.set()
        await go_on.wait()
        return result

    monkeypatch.setattr(LocalStore, "put", put_and_wait)
    first = asyncio.ensure_future(complete(ana, session))
    await moved.wait()
    # The part is gone from the spool, and the photo is not there yet.
    second = asyncio.ensure_future(complete(ana, session))
    await asyncio.sleep(0.2)
    assert not second.done()
    go_on.set()
    answers = [await first, await second]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert await as_owner.fetchval("SELECT count(*) FROM photos") == 1


@pytest.mark.req("P-4", "ING-11")
async def test_parts_that_nobody_owns_go_and_others_stay(ana: Person, product: Product) -> None:
    spool = product.node.spool
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:100])
    (live,) = parts(product)
    done = await filled(ana, pictures.jpeg(2))
    await complete(ana, done)
    strays = [await stray(spool) for _ in range(3)]
    await spool.seal(strays[0])
    assert await sweep(product) == 0
    async with spool.writer(strays[1], offset_bytes=5) as writer:
        await writer.write(b"still coming")
        assert await sweep(product, stray_age=NO_AGE) == 2
        assert set(parts(product)) == {live, spool.part_path(strays[1])}
    assert await sweep(product, stray_age=NO_AGE) == 1
    assert parts(product) == [live]
    assert len(originals(product)) == 1


async def stray(spool: Spool) -> Any:
    upload_id = UploadId(new_id())
    async with spool.writer(upload_id) as writer:
        await writer.write(b"\xff\xd8\xff\xe0\0")
        await writer.sync()
    return upload_id


@pytest.mark.req("P-4", "ING-1")
async def test_a_crash_between_commit_and_answer_loses_nothing(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch, as_owner: Any
) -> None:
    session = await filled(ana, CONTENT)
    put_object = LocalStore.put

    async def link_but_keep(store: LocalStore, key: str, source: Path, checksum: Checksum) -> Any:
        # As a kill between `link` and `unlink` leaves it: both names are there.
        copy = source.with_name("copy")
        copy.hardlink_to(source)
        result = await put_object(store, key, source, checksum)
        copy.rename(source)
        return result

    monkeypatch.setattr(LocalStore, "put", link_but_keep)
    await complete(ana, session)
    monkeypatch.undo()
    assert len(parts(product)) == 1
    assert (await complete(ana, session)).json()["duplicate"] is False
    assert await sweep(product, stray_age=NO_AGE) == 1
    assert original_of(product, CONTENT).read_bytes() == CONTENT
    assert await as_owner.fetchval("SELECT count(*) FROM photos") == 1


@pytest.mark.req("ING-9")
async def test_receipts_come_in_bulk_in_order_and_of_ones_own_only(ana: Person, ben: Person) -> None:
    contents = [pictures.jpeg(seed) for seed in range(4)]
    checksums = [str(Checksum.of(content)) for content in contents]
    mine = {checksums[seed]: await sent(ana, contents[seed]) for seed in (2, 0)}
    await sent(ben, contents[1])
    asked = [*reversed(checksums), checksums[0]]
    answer = await ana.http.post("/api/receipts", json={"checksums": asked})
    assert answer.status_code == 200
    items = answer.json()["items"]
    assert [item["checksum"] for item in items] == [checksums[2], checksums[0]]
    assert [item["photoId"] for item in items] == [mine[checksums[2]], mine[checksums[0]]]
    assert {item["state"] for item in items} == {"stored"}
    assert all(item["at"] for item in items)


@pytest.mark.req("ING-9", "P-9")
async def test_receipts_are_given_for_at_most_ten_thousand(ana: Person) -> None:
    many = [Checksum.of(str(number).encode()).hex() for number in range(10_001)]
    assert (await ana.http.post("/api/receipts", json={"checksums": many[:-1]})).json()["items"] == []
    assert problem(await ana.http.post("/api/receipts", json={"checksums": many})) == (422, "request.invalid")
    assert problem(await ana.http.post("/api/receipts", json={"checksums": ["xyz"]})) == (422, "request.invalid")


@pytest.mark.req("ING-9", "P-2")
async def test_an_original_that_is_known_to_be_lost_has_no_receipt_as_stored(
    ana: Person, product: Product, as_owner: Any
) -> None:
    await sent(ana, CONTENT)
    await as_owner.execute("UPDATE original_locations SET state = 'missing'")
    original_of(product, CONTENT).unlink()
    (item,) = (await ana.http.post("/api/receipts", json={"checksums": [CHECKSUM]})).json()["items"]
    assert item["state"] == "received"
    session = await open_session(ana, CONTENT, checksum=CHECKSUM)
    assert session["alreadyExists"] is False
    await put(ana, session, 0, CONTENT)
    answer = (await complete(ana, session)).json()
    assert (answer["duplicate"], answer["receipt"]["state"]) == (True, "stored")
    assert original_of(product, CONTENT).read_bytes() == CONTENT
