"""Hashes of chunks: a chunk that arrives damaged leaves no trace."""

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.config import Settings
from afterglow.features.uploads.errors import BadChecksumHeaderError
from afterglow.features.uploads.rules import parse_digest_field, parse_repr_digest, parse_upload_checksum
from afterglow.features.uploads.service import appending
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.units import MIB
from factories import pictures
from factories.product import Person, Product, open_product
from factories.sending import complete, exchange, open_session, original_of, parts, state_of

pytestmark = pytest.mark.req("ING-1", "ING-2", "P-1")

CONTENT = pictures.jpeg(1)
HALF = len(CONTENT) // 2


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def tus(algorithm: str, content: bytes) -> dict[str, str]:
    return {"Upload-Checksum": f"{algorithm} {b64(hashlib.new(algorithm, content).digest())}"}


def digest(algorithm: str, content: bytes) -> dict[str, str]:
    encoded = b64(hashlib.new(algorithm.replace("-", ""), content).digest())
    return {"Content-Digest": f"unknown=:AA==:, {algorithm}=:{encoded}:"}


HEADERS = [
    pytest.param(lambda content: tus("sha1", content), id="tus sha1"),
    pytest.param(lambda content: tus("sha256", content), id="tus sha256"),
    pytest.param(lambda content: digest("sha-256", content), id="RFC 9530 sha-256"),
    pytest.param(lambda content: digest("sha-512", content), id="RFC 9530 sha-512"),
]


async def put(person: Person, session: dict[str, Any], offset: int, chunk: bytes, headers: dict[str, str]) -> Any:
    return await person.http.put(f"{session['uploadUrl']}?offset={offset}", content=chunk, headers=headers)


@pytest.mark.parametrize("header_for", HEADERS)
async def test_a_damaged_chunk_leaves_the_offset_as_it_was(ana: Person, product: Product, header_for: Any) -> None:
    session = await open_session(ana, CONTENT)
    assert (await put(ana, session, 0, CONTENT[:HALF], header_for(CONTENT[:HALF]))).json() == {"offset": HALF}
    rest, damaged = CONTENT[HALF:], CONTENT[HALF:-1] + b"x"
    answer = await put(ana, session, HALF, damaged, header_for(rest))
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["offset"]) == (460, "upload.chunk-checksum", HALF)
    assert (problem["title"], (await state_of(ana, session))["offset"]) == ("Checksum Mismatch", HALF)
    assert parts(product)[0].stat().st_size == HALF
    assert (await put(ana, session, HALF, rest, header_for(rest))).json() == {"offset": len(CONTENT)}
    assert (await complete(ana, session)).json()["checksum"] == str(Checksum.of(CONTENT))


async def test_a_damaged_chunk_costs_no_second_look_at_the_rest(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:HALF], {})
    await put(ana, session, HALF, CONTENT[: len(CONTENT) - HALF], tus("sha256", CONTENT[HALF:]))
    await put(ana, session, HALF, CONTENT[HALF:], {})
    # The running hash went back with the bytes: sealing needs none but the one of the read-back.
    monkeypatch.setattr("afterglow.infra.storage.part._hash_part", lambda _: pytest.fail("hashed once more"))
    assert (await complete(ana, session)).status_code == 200
    assert original_of(product, CONTENT).read_bytes() == CONTENT


async def test_of_a_chunk_that_breaks_off_nothing_is_kept_if_its_hash_was_announced(
    ana: Person, product: Product
) -> None:
    session = await open_session(ana, CONTENT)
    target, (header,) = f"{session['uploadUrl']}?offset=0", tus("sha1", CONTENT).items()
    broken = exchange(product, ana, "PUT", target, [CONTENT[:HALF]], content_length=str(len(CONTENT)))
    broken.headers[header[0].lower()] = header[1]
    broken.breaks_off = True
    assert (await broken.run()).status == 499
    assert (await state_of(ana, session))["offset"] == 0


async def test_a_long_chunk_is_promised_only_when_its_hash_is_right(
    ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending, "PROMISE_EVERY_BYTES", MIB)
    content = pictures.as_if_large(3 * MIB)
    session = await open_session(ana, content)
    answer = await put(ana, session, 0, content[:-1], tus("sha256", content))
    assert (answer.status_code, (await state_of(ana, session))["offset"]) == (460, 0)


async def test_a_damaged_chunk_after_a_restart_is_cut_off_too(ana: Person, settings: Settings) -> None:
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:HALF], {})
    async with open_product(settings) as again, again.client() as client:
        client.headers["Authorization"] = ana.http.headers["Authorization"]
        ana = Person(ana.account, client)
        assert (await put(ana, session, HALF, CONTENT[HALF:-1], tus("sha1", CONTENT[HALF:]))).status_code == 460
        assert (await put(ana, session, HALF, CONTENT[HALF:], tus("sha1", CONTENT[HALF:]))).status_code == 200
        assert (await complete(ana, session)).json()["checksum"] == str(Checksum.of(CONTENT))


@pytest.mark.parametrize(
    "headers",
    [
        {"Upload-Checksum": "md5 rL0Y20zC+Fzt72VPzMSk2A=="},
        {"Upload-Checksum": "sha1"},
        {"Upload-Checksum": "sha1 %%%"},
        {"Upload-Checksum": f"sha256 {b64(b'too short')}"},
        {"Content-Digest": "sha-256=abc"},
        {"Content-Digest": "sha-256=:%%%:"},
        {"Content-Digest": "sha-256=:"},
    ],
)
async def test_a_malformed_hash_is_refused_before_the_first_byte(ana: Person, headers: dict[str, str]) -> None:
    session = await open_session(ana, CONTENT)
    answer = await put(ana, session, 0, CONTENT, headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "upload.bad-checksum-header")
    assert (await state_of(ana, session))["offset"] == 0


async def test_a_digest_of_an_unknown_kind_is_ignored(ana: Person) -> None:
    """RFC 9530, section 2: unknown algorithms may be ignored."""
    session = await open_session(ana, CONTENT)
    assert (await put(ana, session, 0, CONTENT, {"Content-Digest": "md5=:AAAA:, crc32=:AA==:"})).status_code == 200


@given(st.text(max_size=120))
def test_any_text_is_a_hash_or_refused(text: str) -> None:
    for parse in (parse_upload_checksum, parse_digest_field, parse_repr_digest):
        try:
            found = parse(text)
        except BadChecksumHeaderError:
            continue
        assert found is None or found


@given(st.binary(min_size=32, max_size=32))
def test_a_checksum_is_found_in_a_representations_digest(checksum: bytes) -> None:
    header = f"sha-512=:{b64(checksum * 2)}:, SHA-256=:{b64(checksum)}:;q=1"
    assert parse_repr_digest(header) == Checksum(checksum)
    found = parse_digest_field(header)
    assert found is not None
    assert found.digest == checksum * 2
