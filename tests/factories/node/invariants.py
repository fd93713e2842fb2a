"""What holds of every node once it has come to rest, whatever was killed on the way."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import asyncpg

from afterglow import bootstrap
from afterglow.features.derivatives import service as derivatives
from afterglow.features.ingest import service as ingest
from afterglow.features.uploads import service as uploads
from afterglow.infra.db.embedded import OWNER_ROLE, EmbeddedPostgres
from factories.node.client import Acknowledged, NodeClient
from factories.node.data import run_apart, settings_of
from factories.node.processes import until

OVER = {"done", "skipped"}
AT_ONCE = timedelta()
ENDLESS = 1 << 60
MARKER = ".afterglow-store"


def wait_until_stored(client: NodeClient) -> list[dict[str, Any]]:
    """Return all photos once each is STORED and no step of any is left."""
    photos: list[dict[str, Any]] = []

    def all_stored() -> bool:
        photos[:] = client.photos()
        return all(_is_at_rest(photo) for photo in photos)

    try:
        until(all_stored, "all photos to be stored")
    except AssertionError as error:
        stuck = [(photo["filename"], photo["status"], photo["steps"]) for photo in photos if not _is_at_rest(photo)]
        raise AssertionError(f"{error}: {json.dumps(stuck, indent=1)}") from None
    return photos


def _is_at_rest(photo: dict[str, Any]) -> bool:
    return photo["status"] == "STORED" and all(step["state"] in OVER for step in photo["steps"])


def sweep(data_dir: Path) -> None:
    """Run the sweeps as of a day later: nothing is too young for them. Nobody may be uploading."""

    async def work() -> None:
        async with bootstrap.open_node(settings_of(data_dir), "test", max_connections=2) as node:
            ports = bootstrap.upload_ports(node)
            await uploads.sweep(ports, AT_ONCE, AT_ONCE)
            await ingest.sweep_originals(ports.ingest, AT_ONCE)

    run_apart(work())


def evict_all(data_dir: Path) -> None:
    """Run the eviction of derivatives as on a disk that is in great need: all go that are not too young."""

    async def work() -> None:
        async with bootstrap.open_node(
            settings_of(data_dir, cache_reserve_bytes=ENDLESS), "test", max_connections=2
        ) as node:
            await derivatives.evict(bootstrap.eviction_ports(node))

    run_apart(work())


def check_invariants(client: NodeClient, data_dir: Path, acknowledged: Sequence[Acknowledged]) -> None:
    """Wait until the node is at rest, sweep, and check it whole.

    Every acknowledged photo is there exactly once with its bytes, and nothing else is; nothing half-made is left.
    """
    photos = wait_until_stored(client)
    _check_photos(client, photos, acknowledged)
    _check_timeline(client, photos)
    sweep(data_dir)
    _check_disk(data_dir, photos)
    checksums = {photo["checksum"] for photo in photos}
    assert query(data_dir, "SELECT encode(checksum, 'hex') FROM originals") == checksums
    assert (
        query(data_dir, "SELECT encode(checksum, 'hex') FROM original_locations WHERE state = 'present'") == checksums
    )
    assert not query(data_dir, "SELECT id FROM upload_sessions WHERE state = 'open' AND offset_bytes > 0")


def query(data_dir: Path, statement: str, role: str = OWNER_ROLE) -> set[Any]:
    """Return the first column of what a role sees in a node's database: by default the owner of the tables."""
    dsn = EmbeddedPostgres(data_dir).endpoint().dsn(role)

    async def fetch() -> set[Any]:
        connection = await asyncpg.connect(dsn, server_settings={"search_path": "afterglow, public"})
        try:
            return {row[0] for row in await connection.fetch(statement)}
        finally:
            await connection.close()

    return run_apart(fetch())


def _check_photos(client: NodeClient, photos: Sequence[dict[str, Any]], acknowledged: Sequence[Acknowledged]) -> None:
    promised = {entry.file.checksum: entry.photo_id for entry in acknowledged}
    assert len(promised) == len(acknowledged)
    assert Counter(photo["checksum"] for photo in photos) == Counter(list(promised))
    assert {photo["checksum"]: photo["id"] for photo in photos} == promised
    assert {entry.receipt for entry in acknowledged} <= {"stored"}
    for photo in photos:
        original = client.ask("GET", f"/api/photos/{photo['id']}/original")
        assert hashlib.sha256(original.content).hexdigest() == photo["checksum"]
        thumbnail = client.ask("GET", f"/api/photos/{photo['id']}/thumbnail", params={"size": 256, "v": photo["v"]})
        assert thumbnail.status_code == HTTPStatus.OK, thumbnail.text


def _check_timeline(client: NodeClient, photos: Sequence[dict[str, Any]]) -> None:
    counts = {month["month"]: month["count"] for month in client.get("/api/timeline")["months"] if month["count"]}
    assert counts == Counter(photo["takenLocal"][:7] for photo in photos)
    for month, count in counts.items():
        columns = client.get(f"/api/timeline/{month}")
        assert len(columns["ids"]) == count == sum(day[1] for day in columns["days"])


def _check_disk(data_dir: Path, photos: Sequence[dict[str, Any]]) -> None:
    originals = {path.name: path for path in _files(data_dir / "originals") if path.name != MARKER}
    assert originals.keys() == {photo["checksum"] for photo in photos}
    for name, path in originals.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == name
    assert not _files(data_dir / "spool")
    sidecars = {path: json.loads(path.read_bytes()) for path in _files(data_dir / "sidecars")}
    assert sorted(sidecar["checksum"] for sidecar in sidecars.values()) == sorted(originals)
    assert not [path for path in _files(data_dir / "derivatives") if path.suffix not in {".jpg", ".png"}]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []
