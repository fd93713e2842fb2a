"""Receipts that a client keeps: signed by the server, and never ahead of what is proven."""

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from afterglow.infra.crypto.access_tokens import AccessTokenVerifier, BadAccessTokenError
from afterglow.infra.storage import files
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.clock import utc_now
from factories import pictures
from factories.product import Person, Product
from factories.sending import complete, filled, originals, parts, send

pytestmark = pytest.mark.req("ING-9", "P-2")

CONTENT = pictures.jpeg(1)
CHECKSUM = str(Checksum.of(CONTENT))
PAGE = Path(__file__).resolve().parents[3] / "docs" / "formats" / "receipt.md"


class BadReceiptError(Exception):
    """Not signed by that server, or not a receipt."""


def verify_receipt(receipt: str, key: Ed25519PublicKey) -> dict[str, Any]:
    """Return what a receipt states, by the word of a library that did not make it."""
    try:
        found = jws.deserialize_compact(receipt, OKPKey.import_key(key), algorithms=["Ed25519"])
    except (JoseError, ValueError) as error:
        raise BadReceiptError from error
    if found.headers().get("typ") != "afterglow-receipt+jws":
        raise BadReceiptError
    claims: dict[str, Any] = json.loads(found.payload)
    return claims


async def ask(person: Person, *checksums: str, signed: bool = True) -> dict[str, Any]:
    answer = await person.http.post(
        "/api/receipts", params={"signed": "1"} if signed else {}, json={"checksums": checksums}
    )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_every_answer_to_an_upload_holds_a_receipt_that_can_be_verified(ana: Person, product: Product) -> None:
    key = product.node.keys.public_key
    server_id = (await ana.http.get("/api/servers/info")).json()["serverId"]
    sent = (await send(ana, CONTENT)).json()
    completed = (await complete(ana, await filled(ana, CONTENT))).json()
    (listed,) = (await ask(ana, CHECKSUM))["items"]
    for receipt in (sent["receipt"], completed["receipt"], listed):
        assert verify_receipt(receipt["signature"], key) == {
            "serverId": server_id,
            "ownerId": str(ana.account.id),
            "photoId": sent["photoId"],
            "checksum": CHECKSUM,
            "size": len(CONTENT),
            "state": "stored",
            "at": receipt["at"],
        }


async def test_signatures_come_in_bulk_only_when_asked_for(ana: Person) -> None:
    await send(ana, CONTENT)
    (item,) = (await ask(ana, CHECKSUM, signed=False))["items"]
    assert item["signature"] is None


async def test_the_keys_are_there_for_everybody(product: Product, ana: Person) -> None:
    async with product.client() as nobody:
        (key,) = (await nobody.get("/api/servers/keys")).json()["keys"]
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("OKP", "Ed25519", "sig", "Ed25519")
    assert "d" not in key
    raw = base64.urlsafe_b64decode(key["x"] + "=")
    assert raw == product.node.keys.public_key.public_bytes_raw()
    signature = (await send(ana, CONTENT)).json()["receipt"]["signature"]
    header = json.loads(base64.urlsafe_b64decode(signature.split(".")[0] + "=="))
    assert header == {"alg": "Ed25519", "kid": key["kid"], "typ": "afterglow-receipt+jws"}


async def test_a_changed_receipt_is_no_receipt(ana: Person, product: Product) -> None:
    key = product.node.keys.public_key
    signature = (await send(ana, CONTENT)).json()["receipt"]["signature"]
    head, body, end = signature.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(claims | {"size": 1}).encode()).rstrip(b"=").decode()
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"afterglow-receipt+jws"}').rstrip(b"=").decode()
    for bad in (f"{head}.{forged}.{end}", f"{none}.{body}.", f"{head}.{body}.{end[:-4]}AAAA", "a.b.c", ""):
        with pytest.raises(BadReceiptError):
            verify_receipt(bad, key)


async def test_neither_a_receipt_nor_an_access_token_passes_for_the_other(ana: Person, product: Product) -> None:
    signature = (await send(ana, CONTENT)).json()["receipt"]["signature"]
    server_id = (await ana.http.get("/api/servers/info")).json()["serverId"]
    with pytest.raises(BadAccessTokenError):
        AccessTokenVerifier(product.node.keys.public_key, server_id).verify(signature, utc_now())
    with pytest.raises(BadReceiptError):
        verify_receipt(ana.http.headers["Authorization"].removeprefix("Bearer "), product.node.keys.public_key)
    ana.http.headers["Authorization"] = f"Bearer {signature}"
    assert (await ana.http.get("/api/auth/me")).status_code == 401


@pytest.mark.req("SYN-4", "P-5")
async def test_the_bulk_answer_says_what_need_not_be_sent(ana: Person, ben: Person, as_owner: Any) -> None:
    trashed, purged, bens = pictures.jpeg(2), pictures.jpeg(3), pictures.jpeg(4)
    await send(ana, CONTENT)
    await send(ana, trashed)
    await send(ben, bens)
    await as_owner.execute(
        "UPDATE photos SET deleted_at = now() WHERE id = (SELECT photo_id FROM photo_files WHERE checksum = $1)",
        bytes(Checksum.of(trashed)),
    )
    for owner, content in ((ana, purged), (ben, CONTENT)):
        await as_owner.execute(
            "INSERT INTO tombstones VALUES ($1, $2, 'a.jpg', now())", owner.account.id, bytes(Checksum.of(content))
        )
    asked = [str(Checksum.of(content)) for content in (purged, bens, trashed, CONTENT)]
    answer = await ask(ana, *asked)
    assert [(item["checksum"], item["inTrash"]) for item in answer["items"]] == [(asked[2], True), (asked[3], False)]
    assert answer["tombstoned"] == [asked[0]]
    # Allowed again: it is wanted.
    await as_owner.execute("DELETE FROM tombstones")
    assert (await ask(ana, *asked))["tombstoned"] == []


async def test_ten_thousand_known_checksums_are_answered_and_signed(
    ana: Person, product: Product, as_owner: Any
) -> None:
    await as_owner.execute(FILL, ana.account.id, 10_000)
    rows = await as_owner.fetch("SELECT encode(checksum, 'hex') FROM photo_files ORDER BY size_bytes")
    checksums = [row[0] for row in rows]
    answer = await ask(ana, *checksums)
    assert [item["checksum"] for item in answer["items"]] == checksums
    claims = verify_receipt(answer["items"][9_999]["signature"], product.node.keys.public_key)
    assert (claims["checksum"], claims["size"]) == (checksums[9_999], 10_000)


FILL = """
    WITH made AS (SELECT gen_random_uuid() AS id, n, sha256(n::text::bytea) AS checksum FROM generate_series(1, $2) n),
    photo AS (
        INSERT INTO photos (id, owner_id, status, kind, mime, filename, taken_local, taken_at, taken_source, created_at,
                            updated_at)
        SELECT id, $1, 'STORED', 'photo', 'image/jpeg', 'a.jpg', '2024-06-15', now(), 'exif', now(), now() FROM made),
    original AS (INSERT INTO originals (checksum, size_bytes, created_at) SELECT checksum, n, now() FROM made),
    place AS (
        INSERT INTO original_locations (checksum, store, key, state, verified_at)
        SELECT checksum, 'home', n::text, 'present', now() FROM made)
    INSERT INTO photo_files (id, photo_id, owner_id, role, checksum, size_bytes, mime, name, source, created_at)
    SELECT id, id, $1, 'primary', checksum, n, 'image/jpeg', 'a.jpg', 'upload', now() FROM made
"""


def lost(descriptor: int) -> None:
    """As a disk that acknowledged the bytes and does not have them: what the cache held is gone."""
    os.fchmod(descriptor, 0o600)
    path = Path(f"/proc/self/fd/{descriptor}").resolve()
    path.write_bytes(bytes(path.stat().st_size))


def short(descriptor: int) -> None:
    """The same with the end missing."""
    os.fchmod(descriptor, 0o600)
    path = Path(f"/proc/self/fd/{descriptor}").resolve()
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.req("P-4")
@pytest.mark.parametrize("lie", [lost, short])
async def test_a_disk_that_acknowledges_and_loses_gets_no_receipt(
    ana: Person, product: Product, as_owner: Any, monkeypatch: pytest.MonkeyPatch, lie: Callable[[int], None]
) -> None:
    session = await filled(ana, CONTENT)
    monkeypatch.setattr(files, "evict", lie)
    form = await send(ana, pictures.jpeg(2))
    assert (form.status_code, "receipt" in form.json()) == (form.json()["status"], False)
    assert form.status_code in {422, 503}
    session_answer = await complete(ana, session)
    assert session_answer.status_code in {409, 422, 503}
    assert (originals(product), await as_owner.fetchval("SELECT count(*) FROM photos")) == ([], 0)
    assert (await ask(ana, CHECKSUM))["items"] == []
    monkeypatch.undo()
    # The client still has the file, and sends it again.
    again = await ana.http.put(f"{session['uploadUrl']}?offset=0", content=CONTENT)
    if again.status_code == 200:
        assert (await complete(ana, session)).json()["receipt"]["state"] == "stored"
    else:
        assert (await send(ana, CONTENT)).json()["receipt"]["state"] == "stored"
    assert [path for path in parts(product) if path.suffix != ".part"] == []


async def test_the_page_about_receipts_shows_how_to_verify_one(ana: Person, tmp_path: Path) -> None:
    (sample,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    receipt = (await send(ana, CONTENT)).json()["receipt"]["signature"]
    (tmp_path / "keys.json").write_text((await ana.http.get("/api/servers/keys")).text)

    def run(text: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "receipt.txt").write_text(text)
        return subprocess.run([sys.executable, "-c", sample], cwd=tmp_path, capture_output=True, text=True, check=False)

    good = run(receipt)
    assert good.returncode == 0, good.stderr
    assert CHECKSUM in good.stdout
    head, body, end = receipt.split(".")
    assert run(f"{head}.{body[:-2]}AA.{end}").returncode != 0
