"""tus 1.0 at /api/tus, header by header; `tests/system/test_tus_clients.py` has the real clients."""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterglow.config import Settings
from afterglow.features.uploads.errors import TusHeaderError
from afterglow.features.uploads.rules import parse_tus_metadata
from afterglow.kernel.checksums import Checksum
from factories import pictures
from factories.product import Person, Product, open_product
from factories.sending import exchange, original_of, originals, parts, sent

pytestmark = pytest.mark.req("ING-2")

CONTENT = pictures.jpeg(1)
CHECKSUM = str(Checksum.of(CONTENT))
TUS = {"Tus-Resumable": "1.0.0"}
CHUNK = TUS | {"Content-Type": "application/offset+octet-stream"}


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def metadata(**values: str) -> str:
    return ",".join(f"{key} {b64(value)}" for key, value in values.items())


async def create(person: Person, size: int = len(CONTENT), content: bytes = b"", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    base = CHUNK if content else TUS
    return await person.http.post("/api/tus", headers={**base, "Upload-Length": str(size), **named}, content=content)


async def created(person: Person, size: int = len(CONTENT), **headers: str) -> str:
    answer = await create(person, size, **headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"].removeprefix("http://afterglow.test")


async def patch(person: Person, location: str, offset: int | str, content: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await person.http.patch(location, headers={**CHUNK, "Upload-Offset": str(offset), **named}, content=content)


async def head(person: Person, location: str) -> httpx.Response:
    return await person.http.head(location, headers=TUS)


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    return answer.status_code, answer.json()["code"]


async def test_anybody_may_ask_what_is_spoken(product: Product) -> None:
    async with product.client() as nobody:
        for path in ("/api/tus", "/api/tus/anything"):
            answer = await nobody.options(path)
            assert answer.status_code == 204
            assert answer.headers["Tus-Version"] == "1.0.0"
            assert answer.headers["Tus-Extension"].split(",") == [
                "creation", "creation-with-upload", "checksum", "expiration", "termination",
            ]  # fmt: skip
            assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
            assert int(answer.headers["Tus-Max-Size"]) > 0


async def test_a_file_is_created_sent_and_becomes_a_photo(ana: Person, product: Product) -> None:
    said = metadata(filename="Urlaub/eins.jpg", filetype="image/jpeg") + ",is_private"
    location = await created(ana, Upload_Metadata=said)
    half = len(CONTENT) // 2
    first = await patch(ana, location, 0, CONTENT[:half])
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, str(half))
    assert "Afterglow-Photo-Id" not in first.headers
    state = await head(ana, location)
    assert (state.headers["Upload-Offset"], state.headers["Upload-Length"]) == (str(half), str(len(CONTENT)))
    assert (state.headers["Upload-Metadata"], state.headers["Cache-Control"]) == (said, "no-store")
    last = await patch(ana, location, half, CONTENT[half:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(CONTENT)))
    assert (last.headers["Afterglow-Result"], last.headers["Afterglow-Checksum"]) == ("created", CHECKSUM)
    assert last.headers["Afterglow-Receipt"].count(".") == 2
    photo = (await ana.http.get(f"/api/photos/{last.headers['Afterglow-Photo-Id']}")).json()
    assert (photo["filename"], photo["isStored"]) == ("eins.jpg", True)
    assert (original_of(product, CONTENT).read_bytes(), parts(product)) == (CONTENT, [])


async def test_a_finished_upload_tells_the_same_again(ana: Person) -> None:
    location = await created(ana)
    last = await patch(ana, location, 0, CONTENT)
    for again in (await head(ana, location), await patch(ana, location, len(CONTENT), b"")):
        assert again.status_code == 204
        assert again.headers["Upload-Offset"] == str(len(CONTENT))
        assert again.headers["Afterglow-Photo-Id"] == last.headers["Afterglow-Photo-Id"]
        assert again.headers["Afterglow-Result"] == "created"


@pytest.mark.parametrize("share", [0.4, 1.0])
async def test_the_first_bytes_may_come_with_the_creation(ana: Person, share: float) -> None:
    first = CONTENT[: int(len(CONTENT) * share)]
    answer = await create(ana, content=first)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(first)))
    assert ("Afterglow-Photo-Id" in answer.headers) == (share == 1.0)
    if share < 1:
        last = await patch(ana, answer.headers["Location"], len(first), CONTENT[len(first) :])
        assert last.headers["Afterglow-Checksum"] == CHECKSUM


async def test_what_is_refused_with_its_creation_leaves_nothing(ana: Person, product: Product, as_owner: Any) -> None:
    pdf = b"%PDF-1.7\n1 0 obj"
    assert problem(await create(ana, len(pdf), pdf)) == (415, "ingest.unsupported-type")
    wrong = await create(ana, content=CONTENT[:100], Upload_Checksum=f"sha256 {b64(bytes(32))}")
    assert problem(wrong) == (460, "upload.chunk-checksum")
    assert problem(await create(ana, 10, CONTENT)) == (413, "upload.too-many-bytes")
    headers = {"content_length": str(len(CONTENT)), "upload_length": str(len(CONTENT)), "tus_resumable": "1.0.0"}
    broken = exchange(product, ana, "POST", "/api/tus", [CONTENT[:50]], content_type=CHUNK["Content-Type"], **headers)
    broken.breaks_off = True
    assert (await broken.run()).status == 499
    assert (parts(product), await as_owner.fetchval("SELECT count(*) FROM upload_sessions")) == ([], 0)


@pytest.mark.parametrize(
    ("prepare", "result"),
    [(None, "duplicate"), ("UPDATE photos SET deleted_at = now()", "in-trash")],
    ids=["known", "in the trash"],
)
async def test_known_bytes_need_not_be_sent(ana: Person, as_owner: Any, prepare: str | None, result: str) -> None:
    photo_id = await sent(ana, CONTENT)
    if prepare:
        await as_owner.execute(prepare)
    answer = await create(ana, Upload_Metadata=metadata(filename="a.jpg", checksum=CHECKSUM))
    assert (answer.headers["Upload-Offset"], answer.headers["Afterglow-Result"]) == (str(len(CONTENT)), result)
    assert answer.headers["Afterglow-Photo-Id"] == photo_id
    assert (await head(ana, answer.headers["Location"])).headers["Afterglow-Photo-Id"] == photo_id


@pytest.mark.req("SYN-4")
async def test_purged_bytes_are_not_kept_and_said_so(ana: Person, product: Product, as_owner: Any) -> None:
    await as_owner.execute(
        "INSERT INTO tombstones VALUES ($1, $2, 'a.jpg', now())", ana.account.id, bytes.fromhex(CHECKSUM)
    )
    last = await patch(ana, await created(ana), 0, CONTENT)
    assert (last.status_code, last.headers["Afterglow-Result"]) == (204, "tombstoned")
    assert "Afterglow-Receipt" not in last.headers
    assert (parts(product), originals(product)) == ([], [])


async def test_a_wrong_offset_is_told_the_right_one(ana: Person) -> None:
    location = await created(ana)
    await patch(ana, location, 0, CONTENT[:100])
    for offset in (0, 99, 101, 10**17):
        answer = await patch(ana, location, offset, CONTENT[100:])
        assert problem(answer) == (409, "upload.offset-mismatch")
        assert answer.headers["Upload-Offset"] == "100"


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({}, "http://afterglow.test"),
        ({"Host": "photos.example:8443"}, "http://photos.example:8443"),
        # Behind a proxy that ends TLS, and that nobody told the server of.
        ({"Host": "photos.example", "Origin": "https://photos.example"}, "https://photos.example"),
        ({"Host": "photos.example", "Origin": "https://evil.example"}, "http://photos.example"),
        ({"Host": "photos.example", "Origin": "null"}, "http://photos.example"),
    ],
)
async def test_an_uploads_address_is_whole(ana: Person, headers: dict[str, str], address: str) -> None:
    answer = await ana.http.post("/api/tus", headers={**TUS, "Upload-Length": "9", **headers})
    assert answer.headers["Location"].rpartition("/")[0] == f"{address}/api/tus"


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1"])
async def test_another_version_is_not_spoken(ana: Person, version: str | None) -> None:
    location = await created(ana)
    headers = {"Tus-Resumable": version} if version else {}
    for method, path in [("POST", "/api/tus"), ("HEAD", location), ("PATCH", location), ("DELETE", location)]:
        answer = await ana.http.request(method, path, headers=headers)
        assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")
    assert (await head(ana, location)).headers["Upload-Offset"] == "0"


async def test_a_chunk_says_that_it_is_one(ana: Person) -> None:
    location = await created(ana)
    for kind in ("application/octet-stream", "image/jpeg", ""):
        assert problem(await patch(ana, location, 0, CONTENT, Content_Type=kind)) == (415, "tus.content-type")
    assert problem(await create(ana, content=CONTENT, Content_Type="image/jpeg")) == (415, "tus.content-type")


@pytest.mark.parametrize("value", ["", "-1", "1.5", "abc", "0x10", "9" * 40, "١٢"])
async def test_a_number_that_is_none_is_refused(ana: Person, value: str) -> None:
    answer = await ana.http.post("/api/tus", headers={**TUS, "Upload-Length": value.encode()})
    assert problem(answer) == (400, "tus.bad-header")
    location = await created(ana)
    answer = await ana.http.patch(location, headers={**CHUNK, "Upload-Offset": value.encode()}, content=b"x")
    assert problem(answer) == (400, "tus.bad-header")


async def test_a_length_that_comes_later_is_not_offered(ana: Person) -> None:
    answer = await ana.http.post("/api/tus", headers={**TUS, "Upload-Defer-Length": "1"})
    assert problem(answer) == (400, "tus.bad-header")
    assert answer.json()["header"] == "Upload-Length"


async def test_a_file_that_is_too_large_or_empty_is_not_begun(ana: Person, product: Product) -> None:
    limit = int((await ana.http.options("/api/tus")).headers["Tus-Max-Size"])
    assert problem(await create(ana, limit + 1)) == (413, "upload.too-large")
    assert problem(await create(ana, 0)) == (422, "ingest.empty-file")
    assert parts(product) == []


async def test_more_bytes_than_announced_are_not_taken(ana: Person) -> None:
    location = await created(ana)
    assert problem(await patch(ana, location, 0, CONTENT + b"x")) == (413, "upload.too-many-bytes")
    assert (await head(ana, location)).headers["Upload-Offset"] == "0"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "SHA1"])
async def test_a_chunk_is_kept_only_if_its_hash_is_right(ana: Person, algorithm: str) -> None:
    location, half = await created(ana), len(CONTENT) // 2
    right = b64(hashlib.new(algorithm.lower(), CONTENT[:half]).digest())
    wrong = await patch(ana, location, 0, CONTENT[1 : half + 1], Upload_Checksum=f"{algorithm} {right}")
    assert problem(wrong) == (460, "upload.chunk-checksum")
    assert (await head(ana, location)).headers["Upload-Offset"] == "0"
    assert (await patch(ana, location, 0, CONTENT[:half], Upload_Checksum=f"{algorithm} {right}")).status_code == 204
    last = await patch(ana, location, half, CONTENT[half:])
    assert last.headers["Afterglow-Checksum"] == CHECKSUM


@pytest.mark.parametrize("header", ["md5 abcd", "crc32 AAAA", "sha1", "sha1 !!", f"sha1 {b64(b'short')}", "sha256:="])
async def test_a_hash_of_an_unknown_kind_is_refused(ana: Person, header: str) -> None:
    answer = await patch(ana, await created(ana), 0, CONTENT, Upload_Checksum=header)
    assert problem(answer) == (400, "upload.bad-checksum-header")


async def test_an_upload_says_when_it_expires(ana: Person, as_owner: Any) -> None:
    answer = await create(ana)
    expires_at = parsedate_to_datetime(answer.headers["Upload-Expires"])
    assert abs(expires_at - datetime.now(UTC) - timedelta(hours=24)) < timedelta(minutes=5)
    location = answer.headers["Location"]
    await as_owner.execute("UPDATE upload_sessions SET expires_at = now() + interval '1 minute'")
    later = await patch(ana, location, 0, CONTENT[:10])
    assert parsedate_to_datetime(later.headers["Upload-Expires"]) >= expires_at


async def test_a_terminated_upload_is_gone(ana: Person, product: Product) -> None:
    location = await created(ana)
    await patch(ana, location, 0, CONTENT[:100])
    assert (await ana.http.delete(location, headers=TUS)).status_code == 204
    assert parts(product) == []
    assert (await head(ana, location)).status_code == 404
    assert problem(await patch(ana, location, 100, CONTENT[100:])) == (404, "upload.not-found")
    assert problem(await ana.http.delete(location, headers=TUS)) == (404, "upload.not-found")


@pytest.mark.req("P-5")
async def test_another_owners_upload_is_not_there(ana: Person, ben: Person) -> None:
    location = await created(ana)
    assert (await head(ben, location)).status_code == 404
    assert problem(await patch(ben, location, 0, CONTENT)) == (404, "upload.not-found")
    assert problem(await ben.http.delete(location, headers=TUS)) == (404, "upload.not-found")
    assert (await head(ana, location)).headers["Upload-Offset"] == "0"
    assert (await head(ana, "/api/tus/not-an-id")).status_code == 404


@pytest.mark.req("P-5")
async def test_nobody_uploads_without_logging_in(product: Product) -> None:
    async with product.client() as nobody:
        answer = await nobody.post("/api/tus", headers={**TUS, "Upload-Length": "5"})
        assert problem(answer) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.req("P-5")
async def test_a_browser_needs_the_client_header(product: Product, ana: Person) -> None:
    async with product.client() as browser:
        token = ana.http.headers["Authorization"].removeprefix("Bearer ")
        browser.cookies.set("afterglow_access", token)
        headers = {**TUS, "Upload-Length": str(len(CONTENT))}
        assert (await browser.post("/api/tus", headers=headers)).status_code == 403
        answer = await browser.post("/api/tus", headers={**headers, "X-Afterglow-Client": "web"})
        assert answer.status_code == 201


async def test_methods_may_be_wrapped_in_post(ana: Person) -> None:
    location = await created(ana)

    async def post(method: str, content: bytes = b"", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        wrapped = {**CHUNK, "X-HTTP-Method-Override": method, **named}
        return await ana.http.post(location, headers=wrapped, content=content)

    assert (await post("PATCH", CONTENT[:100], Upload_Offset="0")).headers["Upload-Offset"] == "100"
    assert (await post("HEAD")).headers["Upload-Offset"] == "100"
    assert (await post("GET")).status_code == 405
    assert (await post("DELETE")).status_code == 204
    assert (await head(ana, location)).status_code == 404


@pytest.mark.req("ING-5")
async def test_the_last_chunk_tells_why_a_file_is_refused(ana: Person, product: Product) -> None:
    pdf = b"%PDF-1.7\n1 0 obj"
    location = await created(ana, len(pdf), Upload_Metadata=metadata(filename="a.jpg"))
    assert problem(await patch(ana, location, 0, pdf)) == (415, "ingest.unsupported-type")
    assert (await head(ana, location)).status_code == 404
    location = await created(ana, Upload_Metadata=metadata(checksum="0" * 64))
    assert problem(await patch(ana, location, 0, CONTENT)) == (422, "upload.checksum-mismatch")
    assert (parts(product), originals(product)) == ([], [])


@pytest.mark.req("ING-11", "P-2")
async def test_a_whole_file_is_not_called_whole_while_the_store_is_away(ana: Person, product: Product) -> None:
    root = product.node.store.root
    away = root.with_name("away")
    location = await created(ana)
    root.rename(away)
    root.mkdir()
    assert problem(await patch(ana, location, 0, CONTENT)) == (503, "store.missing")
    # A client takes "all bytes are there" for "done", and any other refusal for "gone".
    state = await head(ana, location)
    assert (state.status_code, "Upload-Offset" in state.headers) == (423, False)
    assert problem(await patch(ana, location, len(CONTENT), b"")) == (503, "store.missing")
    root.rmdir()
    away.rename(root)
    done = await head(ana, location)
    assert (done.status_code, done.headers["Upload-Offset"]) == (204, str(len(CONTENT)))
    assert done.headers["Afterglow-Result"] == "created"
    assert original_of(product, CONTENT).read_bytes() == CONTENT


@pytest.mark.req("ING-8")
async def test_the_same_file_by_several_uploads_at_once_is_one_photo(ana: Person, as_owner: Any) -> None:
    locations = [await created(ana) for _ in range(4)]
    answers = await asyncio.gather(*(patch(ana, location, 0, CONTENT) for location in locations))
    assert [answer.status_code for answer in answers] == [204] * 4
    assert len({answer.headers["Afterglow-Photo-Id"] for answer in answers}) == 1
    results = sorted(answer.headers["Afterglow-Result"] for answer in answers)
    assert results == ["created", "duplicate", "duplicate", "duplicate"]
    assert await as_owner.fetchval("SELECT count(*) FROM photos") == 1


@pytest.mark.req("ING-7")
@pytest.mark.parametrize(
    "said", [{"modifiedAt": "2019-03-02T10:00:00+01:00"}, {"lastModified": "1551517200000"}], ids=["ISO", "browser"]
)
async def test_the_modification_time_dates_a_file(ana: Person, said: dict[str, str]) -> None:
    last = await patch(ana, await created(ana, Upload_Metadata=metadata(**said)), 0, CONTENT)
    photo = (await ana.http.get(f"/api/photos/{last.headers['Afterglow-Photo-Id']}")).json()
    assert (photo["takenAt"], photo["takenSource"]) == ("2019-03-02T09:00:00.000Z", "mtime")


@pytest.mark.parametrize(
    "said",
    ["filename %%%", metadata(checksum="abc"), metadata(deviceId="mine"), "x " + "A" * 9000],
    ids=["no base64", "checksum", "device", "too long"],
)
async def test_a_malformed_description_is_refused(ana: Person, said: str) -> None:
    answer = await create(ana, Upload_Metadata=said)
    assert problem(answer) == (400, "tus.bad-header")
    assert answer.json()["header"] == "Upload-Metadata"


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_description_or_refused(text: str) -> None:
    try:
        values = parse_tus_metadata(text)
    except TusHeaderError:
        return
    assert all(isinstance(value, str) for value in values.values())


@given(st.dictionaries(st.from_regex(r"[a-zA-Z_]{1,12}", fullmatch=True), st.text(max_size=40), max_size=5))
@settings(max_examples=100, deadline=None)
def test_what_a_client_says_is_understood(values: dict[str, str]) -> None:
    said = {key: value.encode("utf-8", "replace").decode() for key, value in values.items()}
    assert parse_tus_metadata(metadata(**said)) == said


@given(sizes=st.lists(st.integers(1, len(CONTENT)), max_size=6), breaks=st.lists(st.booleans(), min_size=7, max_size=7))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_chunks_of_any_size_and_breaks_end_in_the_same_bytes(
    ana: Person, product: Product, sizes: list[int], breaks: list[bool]
) -> None:
    location, offset = await created(ana), 0
    for size, is_broken in zip([*sizes, len(CONTENT)], breaks, strict=False):
        chunk = CONTENT[offset : offset + size]
        if is_broken and len(chunk) > 1:
            headers = {"upload_offset": str(offset), "content_length": str(len(chunk)), "tus_resumable": "1.0.0"}
            cut = exchange(product, ana, "PATCH", location, [chunk[:-1]], content_type=CHUNK["Content-Type"], **headers)
            cut.breaks_off = True
            await cut.run()
        elif chunk:
            await patch(ana, location, offset, chunk)
        offset = int((await head(ana, location)).headers["Upload-Offset"])
    last = await patch(ana, location, offset, CONTENT[offset:])
    assert last.headers["Afterglow-Checksum"] == CHECKSUM
    assert original_of(product, CONTENT).read_bytes() == CONTENT


async def test_the_draft_of_the_ietf_is_spoken_too(ana: Person, product: Product) -> None:
    draft = {"Upload-Draft-Interop-Version": "6"}
    half = len(CONTENT) // 2
    opened = await ana.http.post(
        "/api/tus", headers={**draft, "Upload-Complete": "?0", "Upload-Length": str(len(CONTENT))}
    )
    assert (opened.status_code, opened.headers["Upload-Draft-Interop-Version"]) == (201, "6")
    assert opened.headers["Upload-Limit"].startswith("max-size=")
    location = opened.headers["Location"]
    chunk = {**draft, "Content-Type": "application/partial-upload"}
    first = await ana.http.patch(
        location, headers={**chunk, "Upload-Offset": "0", "Upload-Complete": "?0"}, content=CONTENT[:half]
    )
    assert (first.status_code, first.headers["Upload-Complete"]) == (204, "?0")
    state = await ana.http.head(location, headers=draft)
    assert (state.headers["Upload-Offset"], state.headers["Upload-Complete"]) == (str(half), "?0")
    early = await ana.http.patch(
        location, headers={**chunk, "Upload-Offset": str(half), "Upload-Complete": "?1"}, content=CONTENT[half:-1]
    )
    assert (early.status_code, early.headers["Upload-Offset"]) == (400, str(len(CONTENT) - 1))
    last = await ana.http.patch(
        location,
        headers={**chunk, "Upload-Offset": str(len(CONTENT) - 1), "Upload-Complete": "?1"},
        content=CONTENT[-1:],
    )
    assert (last.status_code, last.headers["Upload-Complete"]) == (204, "?1")
    assert last.headers["Afterglow-Checksum"] == CHECKSUM
    assert "Tus-Resumable" not in last.headers
    assert original_of(product, CONTENT).read_bytes() == CONTENT


async def test_the_draft_takes_a_whole_file_in_one_request(ana: Person) -> None:
    draft = {"Upload-Draft-Interop-Version": "6", "Upload-Complete": "?1"}
    digest = f"sha-256=:{b64(bytes.fromhex(CHECKSUM))}:"
    answer = await ana.http.post("/api/tus", headers={**draft, "Repr-Digest": digest}, content=CONTENT)
    assert (answer.status_code, answer.headers["Upload-Complete"]) == (201, "?1")
    assert answer.headers["Afterglow-Checksum"] == CHECKSUM
    wrong = f"sha-256=:{b64(bytes(32))}:"
    answer = await ana.http.post("/api/tus", headers={**draft, "Repr-Digest": wrong}, content=pictures.jpeg(9))
    assert (answer.status_code, answer.json()["code"]) == (422, "upload.checksum-mismatch")


@pytest.fixture
def with_limit(settings: Settings) -> Callable[..., Any]:
    settings.data_dir.mkdir()
    return lambda **changed: open_product(settings.model_copy(update=changed))


async def test_too_many_unfinished_uploads_are_refused(with_limit: Callable[..., Any]) -> None:
    async with with_limit(upload_max_sessions=2) as product:
        ana = await product.person("ana")
        await created(ana)
        location = await created(ana)
        answer = await create(ana)
        assert problem(answer) == (429, "upload.too-many-sessions")
        assert (answer.json()["limit"], "Retry-After" in answer.headers) == (2, True)
        await ana.http.delete(location, headers=TUS)
        await created(ana)
        await ana.http.aclose()
