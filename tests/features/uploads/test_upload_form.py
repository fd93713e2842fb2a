"""One plain file by form."""

import hashlib
from datetime import datetime

import pytest

from factories import pictures
from factories.product import Person, Product


async def send(person: Person, content: bytes, name: str = "a.jpg"):
    return await person.http.post("/api/upload", files={"file": (name, content)})


@pytest.mark.req("ING-3", "ING-4", "ING-9", "P-2")
async def test_a_file_becomes_a_photo_with_a_receipt(ana: Person) -> None:
    content = pictures.jpeg(1, taken=datetime(2020, 5, 17, 12, 30), offset="+02:00")
    answer = await send(ana, content)
    assert answer.status_code == 201
    body = answer.json()
    assert body["checksum"] == hashlib.sha256(content).hexdigest()
    assert body["receipt"]["state"] == "stored"
    assert body["duplicate"] is False
    photo = (await ana.http.get(f"/api/photos/{body['photoId']}")).json()
    assert photo["status"] == "INGESTED"
    assert photo["takenLocal"] == "2020-05-17T12:30:00.000"
    assert photo["takenAt"] == "2020-05-17T10:30:00.000Z"
    assert photo["offsetMinutes"] == 120


@pytest.mark.req("P-1", "LIFE-1", "DER-1")
async def test_a_photo_is_processed_and_its_original_comes_back_byte_for_byte(ana: Person, product: Product) -> None:
    content = pictures.jpeg(2)
    photo_id = (await send(ana, content)).json()["photoId"]
    await product.work()
    photo = (await ana.http.get(f"/api/photos/{photo_id}")).json()
    assert photo["status"] == "STORED"
    assert photo["v"] == 1
    assert (await ana.http.get(f"/api/photos/{photo_id}/original")).content == content
    for size in (64, 128, 256, 512, 400):
        thumbnail = await ana.http.get(f"/api/photos/{photo_id}/thumbnail", params={"size": size, "v": 1})
        assert thumbnail.status_code == 200, size
        assert thumbnail.headers["content-type"] == "image/jpeg"
        assert "immutable" in thumbnail.headers["cache-control"]
