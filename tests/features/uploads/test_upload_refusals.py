"""One plain file by form: what is refused, and that nothing of it stays."""

import errno
import zipfile
from io import BytesIO
from typing import Any

import pytest

from afterglow.config import Settings
from afterglow.infra.storage import files
from afterglow.infra.storage import room as storage_room
from afterglow.infra.storage import spool as storage_spool
from afterglow.infra.storage.errors import StoreMissingError
from afterglow.infra.storage.local import LocalStore
from afterglow.infra.storage.room import DiskUsage
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.units import GIB
from factories import pictures
from factories.product import Person, Product, open_product
from factories.sending import FORM_TYPE, exchange, form, originals, parts, send


def archive() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("a.jpg", pictures.jpeg())
    return file.getvalue()


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.req("ING-5", "P-1")
@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        pytest.param(b"", 422, "ingest.empty-file", id="empty"),
        pytest.param(SVG, 415, "ingest.unsupported-type", id="svg"),
        pytest.param(b"<!doctype html><script>1</script>", 415, "ingest.unsupported-type", id="html"),
        pytest.param(b"%PDF-1.7\n1 0 obj", 415, "ingest.unsupported-type", id="pdf"),
        pytest.param(archive(), 415, "ingest.unsupported-type", id="zip"),
        pytest.param(b"just some text", 415, "ingest.unsupported-type", id="text"),
        pytest.param(b"\xff", 415, "ingest.unsupported-type", id="one byte"),
    ],
)
async def test_what_is_not_a_photo_is_refused_and_leaves_nothing(
    ana: Person, product: Product, as_owner: Any, content: bytes, status: int, code: str
) -> None:
    answer = await ana.http.post("/api/upload", files={"file": ("holiday.jpg", content, "image/jpeg")})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (parts(product), originals(product)) == ([], [])
    assert await as_owner.fetchval("SELECT count(*) FROM photos") == 0
    assert await as_owner.fetchval("SELECT count(*) FROM originals") == 0


@pytest.mark.req("ING-3")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"picture": ("a.jpg", pictures.jpeg())}, "upload.field-not-supported", id="another field"),
        pytest.param({"modifiedAt": (None, "2019-03-02T10:00:00Z")}, "upload.missing-file", id="no file"),
        pytest.param({"file": (None, "text")}, "upload.missing-file", id="text instead of a file"),
    ],
)
async def test_a_form_without_its_file_is_refused(
    ana: Person, product: Product, fields: dict[str, Any], code: str
) -> None:
    answer = await ana.http.post("/api/upload", files=fields)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (parts(product), originals(product)) == ([], [])


@pytest.mark.req("ING-3")
@pytest.mark.parametrize("second", [("file", ("b.jpg", pictures.jpeg(2))), ("sidecar", ("b.xmp", b"<x/>"))])
async def test_what_follows_the_file_may_spoil_the_form(ana: Person, product: Product, second: Any) -> None:
    answer = await ana.http.post("/api/upload", files=[("file", ("a.jpg", pictures.jpeg(1))), second])
    assert answer.status_code == 422
    assert answer.json()["code"] in {"upload.second-file", "upload.field-not-supported"}
    assert (parts(product), originals(product)) == ([], [])


@pytest.mark.req("ING-3", "P-4")
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(form(pictures.jpeg())[:-20], FORM_TYPE, id="cut off"),
        pytest.param(form(pictures.jpeg()), "multipart/form-data", id="no boundary"),
        pytest.param(form(pictures.jpeg()), "multipart/form-data; boundary=other", id="another boundary"),
        pytest.param(b"file=abc", "application/x-www-form-urlencoded", id="another kind of form"),
        pytest.param(b"{}", "application/json", id="json"),
        pytest.param(b"", FORM_TYPE, id="nothing"),
        pytest.param(b"\0" * 5000, FORM_TYPE, id="zeros"),
    ],
)
async def test_a_broken_body_is_refused_and_leaves_nothing(
    ana: Person, product: Product, body: bytes, content_type: str
) -> None:
    answer = await ana.http.post("/api/upload", content=body, headers={"Content-Type": content_type})
    assert answer.status_code in {415, 422}
    assert answer.json()["code"]
    assert (parts(product), originals(product)) == ([], [])


@pytest.mark.req("P-4", "ING-3")
async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(ana: Person, product: Product) -> None:
    body = form(pictures.as_if_large(3_000_000))
    chunks = [body[:100], body[100:2_000_000]]
    sending = exchange(product, ana, "POST", "/api/upload", chunks, content_type=FORM_TYPE)
    sending.breaks_off = True
    await sending.run()
    assert sending.status == 499
    assert (parts(product), originals(product)) == ([], [])


@pytest.mark.req("P-5")
async def test_nobody_uploads_without_logging_in(product: Product) -> None:
    async with product.client() as nobody:
        answer = await nobody.post("/api/upload", files={"file": ("a.jpg", pictures.jpeg())})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert parts(product) == []


@pytest.mark.req("ING-5")
async def test_a_file_of_the_largest_size_is_taken_and_one_byte_more_is_not(settings: Settings) -> None:
    settings.data_dir.mkdir()
    limit = 1_500_000
    async with open_product(settings.model_copy(update={"upload_max_bytes": limit})) as product:
        ana = await product.person("ana")
        assert (await send(ana, pictures.as_if_large(limit))).status_code == 201
        answer = await send(ana, pictures.as_if_large(limit + 1))
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["limit"]) == (413, "upload.too-large", limit)
        assert parts(product) == []
        assert len(originals(product)) == 1
        await ana.http.aclose()


@pytest.mark.req("ING-5", "STO-5")
async def test_a_form_announced_too_large_is_refused_before_its_first_byte(settings: Settings) -> None:
    settings.data_dir.mkdir()
    async with open_product(settings.model_copy(update={"upload_max_bytes": 1_000_000})) as product:
        ana = await product.person("ana")
        headers = {"content_type": FORM_TYPE, "content_length": str(2_000_000), "expect": "100-continue"}
        sending = await exchange(product, ana, "POST", "/api/upload", [b"--a-b"], **headers).run()
        assert (sending.status, sending.taken) == (413, 0)
        await ana.http.aclose()


@pytest.mark.req("STO-5")
async def test_a_full_disk_refuses_before_the_first_byte(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = DiskUsage(total_bytes=100 * GIB, free_bytes=GIB)
    monkeypatch.setattr(storage_spool, "disk_usage", lambda _: usage)
    headers = {"content_type": FORM_TYPE, "expect": "100-continue", "transfer_encoding": "chunked"}
    sending = await exchange(product, ana, "POST", "/api/upload", [form(pictures.jpeg())], **headers).run()
    assert (sending.status, sending.taken) == (507, 0)
    assert b'"code":"storage-full"' in sending.body
    assert parts(product) == []
    assert storage_room.disk_usage(product.node.spool.root) != usage


@pytest.mark.req("STO-5", "P-7")
async def test_a_full_disk_of_originals_refuses_before_the_first_byte_and_one_that_is_away_does_not(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: LocalStore) -> DiskUsage:
        return DiskUsage(total_bytes=100 * GIB, free_bytes=GIB)

    async def away(_: LocalStore) -> DiskUsage:
        raise StoreMissingError

    monkeypatch.setattr(LocalStore, "usage", full)
    headers = {"content_type": FORM_TYPE, "expect": "100-continue", "transfer_encoding": "chunked"}
    sending = await exchange(product, ana, "POST", "/api/upload", [form(pictures.jpeg())], **headers).run()
    assert (sending.status, sending.taken) == (507, 0)
    monkeypatch.setattr(LocalStore, "usage", away)
    assert (await send(ana, pictures.jpeg())).status_code == 201


@pytest.mark.req("STO-5", "P-4")
async def test_a_disk_that_fills_while_a_file_arrives_keeps_nothing(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, chunk: bytes, offset: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_all", full)
    answer = await send(ana, pictures.as_if_large(3_000_000))
    assert (answer.status_code, answer.json()["code"]) == (507, "storage-full")
    assert (parts(product), originals(product)) == ([], [])


@pytest.mark.req("P-2")
async def test_a_disk_that_gives_back_other_bytes_is_found_out(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "read_back", lambda _: Checksum.of(b"other bytes"))
    answer = await send(ana, pictures.jpeg())
    assert (answer.status_code, answer.json()["code"]) == (503, "upload.bytes-lost")
    assert (parts(product), originals(product)) == ([], [])
