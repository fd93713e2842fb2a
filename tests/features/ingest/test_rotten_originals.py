"""An original that rotted in its store, and a new upload of the same bytes, which takes its place."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from afterglow.bootstrap import ingest_ports
from afterglow.features.ingest.service import lock_key, sweep_originals
from afterglow.features.photos import service as photos
from afterglow.infra.storage import local_place
from afterglow.infra.storage.local import LocalStore
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.errors import StorageFullError
from factories import pictures
from factories.product import Person, Product
from factories.sending import complete, filled, original_of, originals, parts, send, sent, state_of
from factories.trashing import discard, finish_purges

pytestmark = pytest.mark.req("P-1", "P-3", "STO-3")

CONTENT = pictures.jpeg(1)
ROTTEN = {"other bytes": CONTENT[:-1] + b"\0", "cut off": CONTENT[:100], "empty": b""}


def rot(product: Product, content: bytes = ROTTEN["other bytes"]) -> Path:
    """Let the original's file have other bytes, as a failing disk does."""
    original = original_of(product, CONTENT)
    original.unlink()
    original.write_bytes(content)
    return original


async def location(as_owner: asyncpg.Connection) -> str:
    return str(await as_owner.fetchval("SELECT state FROM original_locations"))


async def receipt(person: Person) -> str:
    answer = await person.http.post("/api/receipts", json={"checksums": [str(Checksum.of(CONTENT))]})
    (item,) = answer.json()["items"]
    return str(item["state"])


@pytest.mark.parametrize("rotten", ROTTEN.values(), ids=list(ROTTEN))
@pytest.mark.parametrize("by", ["its owner", "another"])
async def test_a_new_upload_takes_the_place_of_a_rotten_original(
    ana: Person, ben: Person, product: Product, as_owner: asyncpg.Connection, rotten: bytes, by: str
) -> None:
    photo_id = await sent(ana, CONTENT)
    original = rot(product, rotten)
    answer = await send(ana if by == "its owner" else ben, CONTENT)
    assert answer.status_code == (200 if by == "its owner" else 201)
    assert answer.json()["receipt"]["state"] == "stored"
    (aside,) = set(originals(product)) - {original}
    assert aside.name.startswith(f"{original.name}.corrupt-")
    assert (original.read_bytes(), aside.read_bytes()) == (CONTENT, rotten)
    assert (original.stat().st_mode & 0o777, original.stat().st_nlink) == (0o440, 1)
    assert (await location(as_owner), parts(product)) == ("present", [])
    assert (await ana.http.get(f"/api/photos/{photo_id}/original")).content == CONTENT


async def test_what_is_set_aside_survives_the_sweep_and_goes_with_the_last_photo_of_it(
    ana: Person, ben: Person, product: Product
) -> None:
    mine, bens = await sent(ana, CONTENT), await sent(ben, CONTENT)
    rot(product)
    await send(ana, CONTENT)
    assert await sweep_originals(ingest_ports(product.node), timedelta(0)) == 0
    await discard(ana, mine)
    await finish_purges(product)
    assert len(originals(product)) == 2
    await discard(ben, bens)
    await finish_purges(product)
    assert originals(product) == []


async def test_a_rotten_original_is_no_proof_from_the_moment_it_is_found(
    ana: Person, product: Product, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(ana, CONTENT)
    original = rot(product)
    assert await receipt(ana) == "stored"

    async def full(*_: object) -> None:
        raise StorageFullError

    monkeypatch.setattr(LocalStore, "replace_corrupt", full)
    session = await filled(ana, CONTENT)
    refused = await complete(ana, session)
    assert refused.status_code == 507
    assert (await location(as_owner), await receipt(ana)) == ("corrupt", "received")
    # Nothing was overwritten, and the good bytes stay where they are.
    assert original.read_bytes() == ROTTEN["other bytes"]
    assert [part.read_bytes() for part in parts(product)] == [CONTENT]
    monkeypatch.undo()
    assert (await state_of(ana, session))["offset"] == len(CONTENT)
    answer = await complete(ana, session)
    assert (answer.status_code, answer.json()["receipt"]["state"]) == (200, "stored")
    assert (await location(as_owner), await receipt(ana)) == ("present", "stored")
    assert original.read_bytes() == CONTENT


@pytest.mark.req("P-4")
@pytest.mark.parametrize("name", ["_set_aside", "_link_temporary"])
async def test_a_replacement_that_is_cut_off_leaves_the_good_bytes_and_is_finished_by_the_next(
    ana: Person, product: Product, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    await sent(ana, CONTENT)
    original = rot(product)
    working = getattr(local_place, name)

    def breaking(folder: int, *args: Any) -> None:
        # Setting aside is done, and then the disk fails; a link fails that would put the new file in place.
        if name == "_set_aside" or args[-1] == original.name:
            if name == "_set_aside":
                working(folder, *args)
            raise OSError(5, "as if the disk failed")
        working(folder, *args)

    session = await filled(ana, CONTENT)
    monkeypatch.setattr(local_place, name, breaking)
    assert (await complete(ana, session)).status_code == 503
    assert not original.exists()
    assert [part.read_bytes() for part in parts(product)] == [CONTENT]
    monkeypatch.undo()
    assert (await complete(ana, session)).status_code == 200
    assert original.read_bytes() == CONTENT
    assert await location(as_owner) == "present"
    assert sorted(path.name.partition(".")[2][:7] for path in originals(product)) == ["", "corrupt"]


async def test_the_replacement_is_made_under_the_lock_of_the_checksum(
    ana: Person, product: Product, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sent(ana, CONTENT)
    rot(product)
    replace, doubt = LocalStore.replace_corrupt, photos.doubt_original
    held: list[int] = []

    async def looking(*args: Any) -> Any:
        key = lock_key(Checksum.of(CONTENT)) & (2**64 - 1)
        held.append(
            await as_owner.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND classid = $1::bigint::oid AND objid = $2::bigint::oid",
                key >> 32,
                key & (2**32 - 1),
            )
        )
        return await (doubt if len(held) == 1 else replace)(*args)

    monkeypatch.setattr(photos, "doubt_original", looking)
    monkeypatch.setattr(LocalStore, "replace_corrupt", looking)
    assert (await send(ana, CONTENT)).status_code == 200
    assert held == [1, 1]
