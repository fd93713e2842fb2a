"""One plain file by form: what is taken."""

import hashlib
import tracemalloc
from datetime import datetime

import pytest

from afterglow.config import Settings
from afterglow.kernel.units import KIB, MIB
from factories import pictures
from factories.product import Person, Product, open_product
from factories.sending import FORM_TYPE, exchange, form, originals, parts, send, sent


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
    photo_id = await sent(ana, content)
    await product.work()
    photo = (await ana.http.get(f"/api/photos/{photo_id}")).json()
    assert photo["status"] == "STORED"
    assert photo["v"] == 1
    assert (await ana.http.get(f"/api/photos/{photo_id}/original")).content == content


@pytest.mark.req("ING-8", "SYN-4")
async def test_the_same_bytes_again_are_a_duplicate_with_one_more_source(ana: Person, as_owner) -> None:
    content = pictures.jpeg(3)
    first = (await send(ana, content, "first.jpg")).json()
    answer = await send(ana, content, "again.jpg")
    assert answer.status_code == 200
    again = answer.json()
    # The copy in the store has been read back once more.
    assert again["receipt"]["at"] >= first["receipt"]["at"]
    assert again == {**first, "duplicate": True, "receipt": again["receipt"]}
    names = await as_owner.fetch("SELECT name FROM photo_sources ORDER BY name")
    assert [row["name"] for row in names] == ["again.jpg", "first.jpg"]


@pytest.mark.req("ING-8", "SYN-4")
async def test_a_trashed_photo_stays_in_the_trash(ana: Person, as_owner) -> None:
    content = pictures.jpeg(4)
    photo_id = await sent(ana, content)
    await as_owner.execute("UPDATE photos SET deleted_at = now()")
    answer = await send(ana, content)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["photoId"], body["duplicate"], body["inTrash"]) == (photo_id, True, True)
    assert await as_owner.fetchval("SELECT deleted_at IS NOT NULL FROM photos")


@pytest.mark.req("SYN-4")
async def test_purged_bytes_are_not_kept(ana: Person, product: Product, as_owner) -> None:
    content = pictures.jpeg(5)
    checksum = hashlib.sha256(content).hexdigest()
    await as_owner.execute(
        "INSERT INTO tombstones VALUES ($1, $2, 'a.jpg', now())", ana.account.id, bytes.fromhex(checksum)
    )
    answer = await send(ana, content)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["tombstoned"], body["checksum"], body["photoId"], body["receipt"]) == (True, checksum, None, None)
    assert (parts(product), originals(product)) == ([], [])


@pytest.mark.req("ING-8", "P-5")
async def test_another_owners_tombstone_means_nothing(ana: Person, ben: Person, as_owner) -> None:
    content = pictures.jpeg(6)
    await as_owner.execute(
        "INSERT INTO tombstones VALUES ($1, $2, 'a.jpg', now())", ana.account.id, hashlib.sha256(content).digest()
    )
    assert (await send(ben, content)).status_code == 201


@pytest.mark.req("ING-5")
@pytest.mark.parametrize(
    ("content", "mime"),
    [
        (pictures.jpeg(7), "image/jpeg"),
        (pictures.png(7), "image/png"),
        (pictures.webp(7), "image/webp"),
        (pictures.gif(7), "image/gif"),
        (pictures.tiff(7), "image/tiff"),
        (pictures.heic_like(7), "image/heic"),
        (pictures.mp4_like(7), "video/mp4"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_a_file_claims_to_be_is_ignored(ana: Person, content: bytes, mime: str) -> None:
    answer = await ana.http.post("/api/upload", files={"file": ("evil.html", content, "text/html")})
    assert answer.status_code == 201
    photo = (await ana.http.get(f"/api/photos/{answer.json()['photoId']}")).json()
    assert (photo["mime"], photo["filename"]) == (mime, "evil.html")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\fotos\\strand.jpg", "strand.jpg"),
        ("/abs/olute.jpg", "olute.jpg"),
        ("..", "unnamed"),
        ("straße 日本 🚗.jpg", "straße 日本 🚗.jpg"),
        ("re\u202egpj.exe", "regpj.exe"),
        ("with\ttab\x07.jpg", "withtab.jpg"),
        ("  spaces .jpg ", "spaces .jpg"),
    ],
)
@pytest.mark.req("P-1")
async def test_a_name_is_shown_and_never_becomes_a_path(ana: Person, product: Product, name: str, shown: str) -> None:
    body = form(pictures.jpeg(8), name)
    answer = await ana.http.post("/api/upload", content=body, headers={"Content-Type": FORM_TYPE})
    assert answer.status_code == 201, answer.text
    photo = (await ana.http.get(f"/api/photos/{answer.json()['photoId']}")).json()
    assert photo["filename"] == shown
    assert [path.name for path in originals(product)] == [photo["checksum"]]


async def test_a_name_of_ten_thousand_characters_is_cut_or_refused(ana: Person, product: Product) -> None:
    body = form(pictures.jpeg(9), "n" * 10_000 + ".jpg")
    answer = await ana.http.post("/api/upload", content=body, headers={"Content-Type": FORM_TYPE})
    assert (answer.status_code, answer.json()["code"]) == (422, "upload.bad-multipart")
    assert (parts(product), originals(product)) == ([], [])
    long = await send(ana, pictures.jpeg(9), "ü" * 1000 + ".jpg")
    photo = (await ana.http.get(f"/api/photos/{long.json()['photoId']}")).json()
    assert len(photo["filename"].encode()) <= 255
    assert photo["filename"].endswith("ü.jpg")


@pytest.mark.req("ING-7")
@pytest.mark.parametrize("before", [True, False])
async def test_the_modification_time_dates_a_file_that_has_no_date(ana: Person, before: bool) -> None:
    fields = {"modifiedAt": (None, "2019-03-02T10:00:00+01:00")}
    file = {"file": ("a.jpg", pictures.jpeg(10))}
    answer = await ana.http.post("/api/upload", files=fields | file if before else file | fields)
    photo = (await ana.http.get(f"/api/photos/{answer.json()['photoId']}")).json()
    assert (photo["takenAt"], photo["takenSource"]) == ("2019-03-02T09:00:00.000Z", "mtime")
    assert photo["offsetMinutes"] is None


@pytest.mark.req("ING-7")
@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "2019-03-02",
        "2019-03-02T10:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "1601-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
        "2300-01-01T00:00:00Z",
        "1" * 5000,
    ],
)
async def test_an_absurd_modification_time_is_dropped(ana: Person, written: str) -> None:
    answer = await send(ana, pictures.jpeg(11), modifiedAt=written)
    assert answer.status_code == 201, answer.text
    photo = (await ana.http.get(f"/api/photos/{answer.json()['photoId']}")).json()
    assert photo["takenSource"] == "upload"


@pytest.mark.req("ING-7")
async def test_a_date_in_the_file_goes_before_its_modification_time(ana: Person) -> None:
    content = pictures.jpeg(12, taken=datetime(2001, 2, 3, 4, 5, 6))
    answer = await send(ana, content, modifiedAt="2019-03-02T10:00:00Z")
    photo = (await ana.http.get(f"/api/photos/{answer.json()['photoId']}")).json()
    assert (photo["takenLocal"], photo["takenSource"]) == ("2001-02-03T04:05:06.000", "exif")


async def test_bytes_may_come_in_pieces_of_any_size(ana: Person, product: Product) -> None:
    content = pictures.jpeg(13)
    body = form(content)
    chunks = [body[at : at + 1] for at in range(200)] + [body[200:]]
    done = await exchange(product, ana, "POST", "/api/upload", chunks, content_type=FORM_TYPE).run()
    assert done.status == 201
    assert originals(product)[0].read_bytes() == content


@pytest.mark.req("ING-3", "P-8")
async def test_a_large_file_passes_through_in_bounded_memory(settings: Settings) -> None:
    settings.data_dir.mkdir()
    async with open_product(settings) as product:
        person = await product.person("ana")
        head, tail = form(pictures.as_if_large(64)).split(b"\r\n--a-boundary--")
        chunks = [head, *[bytes(64 * KIB)] * 768, b"\r\n--a-boundary--" + tail]
        sending = exchange(product, person, "POST", "/api/upload", chunks, content_type=FORM_TYPE)
        tracemalloc.start()
        try:
            await sending.run()
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await person.http.aclose()
        (original,) = originals(product)
        assert original.stat().st_size == 64 + 48 * MIB
    assert sending.status == 201
    assert peak_bytes < 12 * MIB
