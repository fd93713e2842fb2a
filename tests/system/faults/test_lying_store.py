"""Uploads through a store and onto a disk that fail and lie: no answer is untrue, and nothing is left over."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from persevering import Persevering

from afterglow.bootstrap import upload_ports
from afterglow.config import Settings
from afterglow.features.ingest import service as ingest
from afterglow.features.uploads import service as uploads
from afterglow.infra.storage.errors import StoreIoError
from afterglow.infra.storage.local import LocalStore
from factories import pictures
from factories.lying_disk import ON_FLUSH, ON_WRITE, LyingDisk, lose_links, refuse_links_of_parts
from factories.lying_store import FAILURES, UNTRUTHS, Lie, LyingStore, seeded
from factories.product import Person, Product, open_product
from factories.sending import complete, filled, original_of, originals, parts, put, send, sent, state_of
from factories.waiting import until

NO_AGE = timedelta(0)
SEEDS = range(4)
FILES = 6
TAIL_BYTES = 2_500_000  # several batches of the spool

pytestmark = pytest.mark.req("P-2", "P-3", "P-4")


def file_of(seed: int) -> bytes:
    """A picture with bytes behind it that decoders do not read."""
    return pictures.jpeg(seed) + random.Random(seed).randbytes(TAIL_BYTES)  # noqa: S311 - not a secret


@pytest.fixture
async def lying_product(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Product]:
    """The product on a store that is honest until it is told otherwise."""
    monkeypatch.setattr("afterglow.bootstrap.node.LocalStore", lambda name, root: LyingStore(LocalStore(name, root)))
    settings.data_dir.mkdir()
    async with open_product(settings) as opened:
        yield opened


@pytest.fixture
def store(lying_product: Product) -> LyingStore:
    store = lying_product.node.store
    assert isinstance(store, LyingStore)
    return store


@pytest.fixture
async def eve(lying_product: Product) -> AsyncIterator[Person]:
    """Somebody who is logged in where the store lies."""
    person = await lying_product.person("eve")
    yield person
    await person.http.aclose()


async def sweep(product: Product) -> None:
    """Run the sweeps as if all were old."""
    ports = upload_ports(product.node)
    await uploads.sweep(ports, NO_AGE, NO_AGE)
    await ingest.sweep_originals(ports.ingest, NO_AGE)


async def check_at_rest(product: Product, as_owner: Any, contents: Sequence[bytes]) -> None:
    """Check that these files are stored, each once with its row and bytes, and nothing else is anywhere."""
    await sweep(product)
    wanted = {original_of(product, content): content for content in contents}
    assert {path: path.read_bytes() for path in originals(product)} == wanted
    assert parts(product) == []
    named = {path.name for path in wanted}
    for table in ("originals", "original_locations", "photo_files"):
        rows = await as_owner.fetch(f"SELECT encode(checksum, 'hex') AS checksum FROM {table}")
        assert sorted(row["checksum"] for row in rows) == sorted(named), table
    assert await as_owner.fetchval("SELECT count(*) FROM photos") == len(contents)
    assert await as_owner.fetchval("SELECT count(*) FROM original_locations WHERE state <> 'present'") == 0
    assert await as_owner.fetchval("SELECT count(*) FROM upload_sessions WHERE state = 'open'") == 0


async def upload_all(product: Product, person: Person, contents: Sequence[bytes]) -> list[str]:
    """Upload files at once, every other one in parts, the first one twice; return the codes of all refusals."""
    client = Persevering(product, person, [])
    ways = (client.as_form, client.in_parts)
    uploading = [ways[number % 2](content) for number, content in enumerate(contents)]
    photo_ids = await asyncio.gather(*uploading, client.in_parts(contents[0]))
    assert photo_ids[0] == photo_ids[-1]
    assert len(set(photo_ids)) == len(contents)
    return client.refusals


class TestStore:
    @pytest.mark.parametrize("seed", SEEDS)
    async def test_through_a_store_that_fails_again_and_again_every_file_gets_in_once(
        self, lying_product: Product, store: LyingStore, eve: Person, as_owner: Any, seed: int
    ) -> None:
        contents = [file_of(seed * FILES + number) for number in range(FILES)]
        store.follow(seeded(seed, FAILURES))
        refusals = await upload_all(lying_product, eve, contents)
        assert len(refusals) >= sum(lie is not Lie.SLOW for lie in store.told) > 0
        store.get_well()
        await check_at_rest(lying_product, as_owner, contents)

    @pytest.mark.parametrize("lie", [lie for lie in FAILURES if lie is not Lie.SLOW])
    @pytest.mark.parametrize("way", ["form", "parts"])
    async def test_a_failure_is_told_and_the_same_bytes_are_taken_afterwards(
        self, lying_product: Product, store: LyingStore, eve: Person, as_owner: Any, lie: Lie, way: str
    ) -> None:
        content = file_of(1)
        session = await filled(eve, content)
        store.follow(iter([lie]))
        answer = await (send(eve, content) if way == "form" else complete(eve, session))
        expected = (507, "storage-full") if lie is Lie.NO_ROOM else (503, "store.io")
        assert (answer.status_code, answer.json()["code"]) == expected
        assert await as_owner.fetchval("SELECT count(*) FROM photos") == 0
        if way == "parts" and lie is not Lie.LATE_ERROR:
            # All of it waits in the spool: completing again needs no byte.
            assert [part.read_bytes() for part in parts(lying_product)] == [content]
            assert (await complete(eve, session)).status_code == 200
        else:
            assert (await send(eve, content)).status_code == 201
            await eve.http.delete(f"/api/upload-sessions/{session['id']}")
        await check_at_rest(lying_product, as_owner, [content])

    async def test_bytes_that_left_the_spool_with_a_failed_put_are_asked_for_again_and_found(
        self, lying_product: Product, store: LyingStore, eve: Person, as_owner: Any
    ) -> None:
        content = file_of(2)
        session = await filled(eve, content)
        store.follow(iter([Lie.LATE_ERROR]))
        assert (await complete(eve, session)).status_code == 503
        assert parts(lying_product) == []
        again = await complete(eve, session)
        assert (again.status_code, again.json()["code"], again.json()["offset"]) == (409, "upload.offset-mismatch", 0)
        assert (await put(eve, session, 0, content)).status_code == 200
        assert (await complete(eve, session)).json()["duplicate"] is False
        await check_at_rest(lying_product, as_owner, [content])

    async def test_the_sweep_finishes_what_a_failing_store_refused(
        self, lying_product: Product, store: LyingStore, eve: Person, as_owner: Any
    ) -> None:
        content = file_of(3)
        session = await filled(eve, content)
        store.follow(iter([Lie.HALF_WAY, Lie.IO_ERROR]))
        assert (await complete(eve, session)).status_code == 503
        await uploads.sweep(upload_ports(lying_product.node), NO_AGE, NO_AGE)
        assert [part.read_bytes() for part in parts(lying_product)] == [content]
        await uploads.sweep(upload_ports(lying_product.node), NO_AGE, NO_AGE)
        assert (await complete(eve, session)).json()["duplicate"] is False
        await check_at_rest(lying_product, as_owner, [content])

    async def test_a_store_that_hangs_keeps_nobody_else_waiting_and_is_left_when_the_client_goes(
        self, lying_product: Product, store: LyingStore, eve: Person, as_owner: Any
    ) -> None:
        stuck, other = file_of(4), file_of(5)
        session = await filled(eve, stuck)
        store.follow(iter([Lie.HANGS]))
        hanging = asyncio.ensure_future(complete(eve, session))
        await store.is_hanging.wait()
        assert (await send(eve, other)).status_code == 201
        assert (await eve.http.get("/api/photos")).status_code == 200
        assert (await state_of(eve, session))["state"] == "open"
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        assert (await complete(eve, session)).status_code == 200
        await check_at_rest(lying_product, as_owner, [stuck, other])

    @pytest.mark.parametrize("lie", [Lie.IO_ERROR, Lie.LOST_ANSWER])
    async def test_a_sweep_that_a_store_fails_is_finished_by_the_next(
        self, lying_product: Product, store: LyingStore, eve: Person, as_owner: Any, lie: Lie
    ) -> None:
        session = await filled(eve, file_of(6))
        store.follow(iter([Lie.LATE_ERROR]))
        await complete(eve, session)
        await eve.http.delete(f"/api/upload-sessions/{session['id']}")
        (stray,) = originals(lying_product)
        store.follow(iter([lie]))
        with pytest.raises(StoreIoError):
            await sweep(lying_product)
        assert stray.exists() == (lie is Lie.IO_ERROR)
        await check_at_rest(lying_product, as_owner, [])

    @pytest.mark.parametrize("lie", UNTRUTHS)
    async def test_what_a_store_lost_that_broke_its_word_comes_back_with_the_next_upload_of_it(
        self, lying_product: Product, store: LyingStore, eve: Person, lie: Lie
    ) -> None:
        content = file_of(7)
        store.follow(iter([lie]))
        photo_id = await sent(eve, content)
        store.restart()
        original = original_of(lying_product, content)
        assert not original.exists() or original.read_bytes() != content
        answer = (await send(eve, content)).json()
        assert (answer["photoId"], answer["duplicate"], answer["receipt"]["state"]) == (photo_id, True, "stored")
        assert original.read_bytes() == content
        assert (await eve.http.get(f"/api/photos/{photo_id}/original")).content == content


class TestDisk:
    @pytest.mark.parametrize("seed", SEEDS)
    @pytest.mark.parametrize("is_copying", [False, True], ids=["linked", "copied"])
    async def test_on_a_disk_that_lies_again_and_again_every_file_gets_in_once(
        self,
        product: Product,
        ana: Person,
        as_owner: Any,
        monkeypatch: pytest.MonkeyPatch,
        seed: int,
        is_copying: bool,
    ) -> None:
        if is_copying:
            refuse_links_of_parts(monkeypatch)
        disk = LyingDisk(seeded(seed, ON_WRITE, share=0.12), seeded(seed + 1, ON_FLUSH, share=0.12))
        disk.install(monkeypatch)
        contents = [file_of(seed * FILES + number) for number in range(FILES)]
        refusals = await upload_all(product, ana, contents)
        assert disk.told
        assert refusals
        disk.get_well()
        await check_at_rest(product, as_owner, contents)

    @pytest.mark.parametrize("lie", [Lie.LOSES, Lie.TRUNCATES, Lie.FLIPS, Lie.REORDERS])
    async def test_a_copy_that_came_out_wrong_is_told_and_the_bytes_wait_in_the_spool(
        self, product: Product, ana: Person, as_owner: Any, monkeypatch: pytest.MonkeyPatch, lie: Lie
    ) -> None:
        content = file_of(8)
        session = await filled(ana, content)
        refuse_links_of_parts(monkeypatch)
        LyingDisk(iter([None, lie])).install(monkeypatch)
        answer = await complete(ana, session)
        assert (answer.status_code, answer.json()["code"]) == (503, "store.copy-mismatch")
        assert originals(product) == []
        assert [part.read_bytes() for part in parts(product)] == [content]
        assert (await complete(ana, session)).status_code == 200
        await check_at_rest(product, as_owner, [content])

    async def test_a_name_that_was_acknowledged_and_is_not_there_is_found_out_before_the_spool_lets_go(
        self, product: Product, ana: Person, as_owner: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = file_of(9)
        session = await filled(ana, content)
        left = lose_links(monkeypatch)
        answer = await complete(ana, session)
        assert left() == 0
        assert (answer.status_code, answer.json()["code"]) == (503, "store.io")
        assert [part.read_bytes() for part in parts(product)] == [content]
        assert await as_owner.fetchval("SELECT count(*) FROM originals") == 0
        assert (await complete(ana, session)).status_code == 200
        await check_at_rest(product, as_owner, [content])

    async def test_what_rots_between_its_proof_and_a_second_try_is_found_out(
        self, product: Product, ana: Person, as_owner: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = file_of(10)
        session = await filled(ana, content)

        async def fail(*_: object) -> None:
            raise StoreIoError("away")

        with monkeypatch.context() as away:
            away.setattr(LocalStore, "put", fail)
            assert (await complete(ana, session)).status_code == 503
        (part,) = parts(product)
        part.chmod(0o600)
        with part.open("r+b") as file:
            file.seek(1_000_000)
            file.write(b"rot")
        part.chmod(0o440)
        answer = await complete(ana, session)
        assert (answer.status_code, answer.json()["code"]) == (409, "upload.offset-mismatch")
        assert originals(product) == []
        assert (await put(ana, session, 0, content)).status_code == 200
        assert (await complete(ana, session)).json()["duplicate"] is False
        await check_at_rest(product, as_owner, [content])


async def test_uploads_wait_their_turn_while_the_store_is_slow(
    lying_product: Product, store: LyingStore, eve: Person, as_owner: Any
) -> None:
    contents = [file_of(20 + number) for number in range(FILES)]
    store.follow(seeded(0, [Lie.SLOW], share=1))
    assert await upload_all(lying_product, eve, contents) == []

    async def is_told() -> bool:
        return len(store.told) == FILES + 1

    await until(is_told)
    await check_at_rest(lying_product, as_owner, contents)
