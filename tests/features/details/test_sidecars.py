"""Sidecars: what is known of a photo, beside its original."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from afterglow.features.details import service as details
from factories import pictures
from factories.product import Person, Product
from factories.sending import sent


def sidecars(product: Product) -> list[Path]:
    return [path for path in (product.node.settings.data_dir / "sidecars").rglob("*") if path.is_file()]


@pytest.mark.req("STO-2", "P-6")
async def test_each_owner_has_a_readable_sidecar(ana: Person, ben: Person, product: Product) -> None:
    content = pictures.located_jpeg(1)
    photo_id = await sent(ana, content, "Strand.jpg")
    await sent(ben, content, "Playa.jpg")
    await product.work()
    mine, others = sorted(sidecars(product), key=lambda path: str(ben.account.id) in str(path))
    photo = (await ana.http.get(f"/api/photos/{photo_id}")).json()
    checksum = photo["checksum"]
    root = product.node.settings.data_dir / "sidecars"
    assert mine == root / str(ana.account.id) / checksum[:2] / checksum[2:4] / f"{checksum}.json"
    told = json.loads(mine.read_text())
    assert (told["photoId"], told["ownerId"], told["checksum"]) == (photo_id, str(ana.account.id), checksum)
    assert (told["filename"], told["width"], told["height"]) == ("Strand.jpg", 320, 240)
    assert told["position"]["latitude"] == pytest.approx(41.15)
    assert told["camera"] == {"make": "Makers", "model": "Model 1"}
    assert "Strand" not in others.read_text()
    assert str(ana.account.id) not in others.read_text()


@pytest.mark.req("STO-2", "LIFE-4")
async def test_a_sidecar_is_replaced_whole(ana: Person, product: Product, as_owner: Any) -> None:
    await sent(ana, pictures.jpeg(2))
    await product.work()
    (sidecar,) = sidecars(product)
    # What a killed run leaves.
    sidecar.with_name(f"{sidecar.name}.0123abcd.part").write_text("{")
    await as_owner.execute("UPDATE photos SET favorite = true")
    await as_owner.execute(
        "UPDATE steps SET state = 'waiting', attempts = 0, next_try_at = now() WHERE step = 'sidecar'"
    )
    await product.work()
    assert sidecars(product) == [sidecar]
    assert json.loads(sidecar.read_text())["favorite"] is True


@pytest.mark.req("STO-2", "LIFE-3", "P-4")
async def test_a_disk_that_takes_no_sidecar_is_waited_for_and_the_old_one_stays(
    ana: Person, product: Product, as_owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = await sent(ana, pictures.jpeg(3))
    await product.work()
    (sidecar,) = sidecars(product)
    before = sidecar.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(details.files, "sync_file", full)
    await as_owner.execute("UPDATE photos SET favorite = true")
    await as_owner.execute(
        "UPDATE steps SET state = 'waiting', attempts = 0, next_try_at = now() WHERE step = 'sidecar'"
    )
    await product.work()
    assert [path.read_bytes() for path in sidecars(product)] == [before]
    photo = (await ana.http.get(f"/api/photos/{photo_id}")).json()
    (step,) = [step for step in photo["steps"] if step["step"] == "sidecar"]
    assert (step["state"], step["attempts"], step["errorCode"]) == ("waiting", 0, "sidecar.unwritable")
    assert photo["status"] == "STORED"


@pytest.mark.req("STO-2", "P-2")
async def test_a_sidecar_and_its_new_folders_are_flushed(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    sync_folder_of = details.files.sync_folder_of

    def watched(path: Path) -> None:
        flushed.append(path)
        sync_folder_of(path)

    monkeypatch.setattr(details.files, "sync_folder_of", watched)
    await sent(ana, pictures.jpeg(4))
    await product.work()
    (sidecar,) = sidecars(product)
    root = product.node.settings.data_dir / "sidecars"
    made = [folder for folder in sidecar.parents if folder.is_relative_to(root)]
    assert {sidecar, *made} <= set(flushed)
