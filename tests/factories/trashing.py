"""Ways into the trash and out of it, and looks behind the product at what a purge left."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from afterglow import bootstrap
from afterglow.features.ingest import service as ingest
from factories.product import Person, Product

# As if the runs that were under way had long ended.
DUE = "UPDATE purges SET not_before = now()"


async def act(person: Person, path: str, photo_ids: Sequence[object]) -> int:
    """Trash, restore or purge photos; return how many the server counts."""
    answer = await person.http.post(f"/api/trash{path}", json={"photoIds": [str(photo_id) for photo_id in photo_ids]})
    assert answer.status_code == 200, answer.text
    (count,) = answer.json().values()
    return int(count)


async def trash(person: Person, *photo_ids: object) -> int:
    """Put photos into the trash."""
    return await act(person, "", photo_ids)


async def restore(person: Person, *photo_ids: object) -> int:
    """Take photos out of the trash."""
    return await act(person, "/restore", photo_ids)


async def purge(person: Person, *photo_ids: object) -> int:
    """Begin to purge photos."""
    return await act(person, "/purge", photo_ids)


async def discard(person: Person, *photo_ids: object) -> None:
    """Trash photos and begin to purge them."""
    assert await trash(person, *photo_ids) == len(photo_ids)
    assert await purge(person, *photo_ids) == len(photo_ids)


async def finish_purges(product: Product) -> int:
    """Do what the worker does every minute."""
    return await ingest.finish_purges(bootstrap.purge_ports(product.node))


async def list_trash(person: Person) -> list[dict[str, Any]]:
    """Return the whole trash."""
    answer = await person.http.get("/api/trash", params={"limit": 500})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def list_tombstones(person: Person) -> list[dict[str, Any]]:
    """Return all tombstones."""
    answer = await person.http.get("/api/tombstones", params={"limit": 500})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def files_below(product: Product, folder: str) -> list[Path]:
    """Return the files in a folder of the node's data."""
    return [path for path in (product.node.settings.data_dir / folder).rglob("*") if path.is_file()]
