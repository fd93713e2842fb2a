"""Ordering and reading archives in tests."""

import io
import json
import zipfile
from typing import Any

import httpx

from factories.product import Person, Product


async def order(person: Person, *photo_ids: str) -> dict[str, Any]:
    """Order an archive of these photos."""
    answer = await person.http.post("/api/downloads", json={"photoIds": photo_ids})
    assert answer.status_code == 201, answer.text
    ordered: dict[str, Any] = answer.json()
    return ordered


async def fetch(product: Product, ordered: dict[str, Any], **headers: str) -> httpx.Response:
    """Fetch an archive, or a range of it, as somebody who has nothing but its URL."""
    async with product.client() as nobody:
        return await nobody.get(
            ordered["url"], headers={name.replace("_", "-"): text for name, text in headers.items()}
        )


def unpacked(content: bytes) -> dict[str, bytes]:
    """Return the files of an archive in order, its manifest aside, every CRC checked."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"}


def manifest_of(content: bytes) -> dict[str, Any]:
    """Return the manifest of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
        return manifest
