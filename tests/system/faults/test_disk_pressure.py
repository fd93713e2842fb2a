"""A disk that runs out of room: uploads are refused before their bytes, all else goes on, room brings all back."""

import contextlib
import io
import json
import os
import random
import signal
import socket
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from disks import disk_under, fill, free_bytes, mounted_disk
from PIL import Image

from afterglow.infra.db.embedded import SUPERUSER
from afterglow.kernel.units import MIB
from factories.node.bare import BareNode, HttpProcess
from factories.node.client import Acknowledged, NodeClient, PhotoFile
from factories.node.data import copy_data, open_folder
from factories.node.invariants import check_invariants, query, wait_until_stored
from factories.node.processes import until
from factories.node.running import STOP_PATIENCE_S, RunningNode

DISK_MIB = 64
NODE_DISK_MIB = 200
FULL_BYTES, LOW_BYTES = 8 * MIB, 16 * MIB
SETTINGS = {"AFTERGLOW_DISK_RESERVE_BYTES": str(FULL_BYTES), "AFTERGLOW_CACHE_RESERVE_BYTES": str(LOW_BYTES)}
FOLDERS = ("spool", "originals", "derivatives", "sidecars")
NO_ROOM = (HTTPStatus.INSUFFICIENT_STORAGE, "storage-full")
PART_BYTES = 3 * MIB
BOUNDARY = "a-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
EVICT_NOW = "UPDATE pgqueuer_schedules SET next_run = now() WHERE entrypoint = 'evict-derivatives' RETURNING id"
TRY_NOW = "UPDATE steps SET state = 'waiting', next_try_at = now() WHERE step = '{}' RETURNING photo_id"
ERRORS = "SELECT error_code FROM steps WHERE step = '{}' AND state = 'waiting' AND error_code IS NOT NULL"

pytestmark = [pytest.mark.root, pytest.mark.req("STO-5", "P-4")]


def noise(seed: int) -> PhotoFile:
    """A picture of noise, whose derivatives are large."""
    pixels = random.Random(seed).randbytes(1600 * 1200 * 3)  # noqa: S311 - not a secret
    file = io.BytesIO()
    Image.frombytes("RGB", (1600, 1200), pixels).save(file, "JPEG", quality=80)
    return PhotoFile(f"noise-{seed}.jpg", file.getvalue())


def large(file: PhotoFile) -> PhotoFile:
    """Return the file with bytes behind its picture, which decoders do not read."""
    return PhotoFile(file.name, file.content + random.Random(file.name).randbytes(PART_BYTES))  # noqa: S311


def answer_before_the_body(client: NodeClient, method: str, path: str, **headers: str) -> tuple[int, str]:
    """Send the head of a request alone, as `curl` does with a large file; return the status and code of the answer."""
    where = urlsplit(str(client.http.base_url))
    lines = {
        "Host": where.netloc,
        "Authorization": client.http.headers["Authorization"],
        "Expect": "100-continue",
        "Connection": "close",
        **headers,
    }
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    body = answer.partition(b"\r\n\r\n")[2]
    return int(answer.split()[1]), json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])["code"]


def fill_session(client: NodeClient, file: PhotoFile) -> str:
    """Open a session and send all its bytes; return its path."""
    path = f"/api/upload-sessions/{client.open_session(file)['id']}"
    assert client.ask("PUT", f"{path}/chunks", params={"offset": 0}, content=file.content).is_success
    return path


def complete(client: NodeClient, path: str, file: PhotoFile) -> Acknowledged:
    completed = client.ask("POST", f"{path}/complete").json()
    return Acknowledged(file, completed["photoId"], completed["receipt"]["state"])


def cached(node: BareNode) -> list[Path]:
    """Return the folders that hold a photo's derivatives."""
    return [folder for folder in (node.data_dir / "derivatives").resolve().rglob("v*") if folder.is_dir()]


def wait_for_pictures(client: NodeClient) -> None:
    """Ask for each photo's thumbnail until it is there again."""
    for photo in client.photos():
        url = f"/api/photos/{photo['id']}/thumbnail?size=256"
        until(lambda url=url: client.send("GET", url).is_success, url)


@pytest.fixture
def disk(bare_node: BareNode) -> Iterator[Path]:
    """A small disk that holds all of the node but its database, for one test."""
    with disk_under(bare_node.data_dir, FOLDERS, DISK_MIB) as mounted:
        yield mounted


@pytest.fixture
def client(bare_node: BareNode, sound_http: HttpProcess, disk: Path) -> Iterator[NodeClient]:
    """A client of an http process that keeps a reserve on the small disk."""
    del sound_http, disk
    with bare_node.http(**SETTINGS) as http, bare_node.client(http.url) as client:
        yield client


def test_in_the_reserve_uploads_are_refused_before_their_first_byte_and_all_else_goes_on(
    client: NodeClient, bare_node: BareNode, disk: Path, files: Iterator[PhotoFile], acknowledged: list[Acknowledged]
) -> None:
    acknowledged.extend(client.upload_plain(noise(number)) for number in range(2))
    doomed = client.upload_plain(next(files))
    with bare_node.worker(**SETTINGS):
        wait_until_stored(client)
    whole, given_up, parts = next(files), next(files), next(files)
    whole_path, given_up_path = fill_session(client, whole), fill_session(client, given_up)
    parts_path = f"/api/upload-sessions/{client.open_session(parts)['id']}"
    assert client.send("PUT", f"{parts_path}/chunks", params={"offset": 0}, content=parts.content[:1000]).is_success

    ballast = fill(disk, leave_bytes=FULL_BYTES - MIB)
    chunks = f"{parts_path}/chunks?offset=1000"
    for length in ({"Content-Length": "500"}, {"Transfer-Encoding": "chunked"}):
        assert answer_before_the_body(client, "POST", "/api/upload", **FORM, **length) == NO_ROOM
        assert answer_before_the_body(client, "PUT", chunks, **length) == NO_ROOM
    wanted = {"filename": "new.jpg", "size": 5000}
    refused = client.send("POST", "/api/upload-sessions", json=wanted)
    assert (refused.status_code, refused.json()["code"]) == NO_ROOM
    assert refused.json()["available"] == 0
    assert len(list((disk / "spool").iterdir())) == 3

    # What has arrived becomes a photo, what is known needs no room, and what is stored is shown.
    acknowledged.append(complete(client, whole_path, whole))
    assert client.open_session(acknowledged[0].file)["alreadyExists"]
    shown = client.send("GET", f"/api/photos/{acknowledged[0].photo_id}/original")
    assert shown.content == acknowledged[0].file.content

    # Deleting works, and derivatives give way.
    free = free_bytes(disk)
    assert client.send("DELETE", given_up_path).status_code == HTTPStatus.NO_CONTENT
    for path, counted in (("/api/trash", "updated"), ("/api/trash/purge", "purged")):
        assert client.send("POST", path, json={"photoIds": [doomed.photo_id]}).json()[counted] == 1
    evictable = cached(bare_node)
    for folder in evictable:
        os.utime(folder, (0, 0))
    assert query(bare_node.data_dir, EVICT_NOW)
    with bare_node.worker(**SETTINGS):
        until(lambda: not list((disk / "originals").rglob(doomed.file.checksum)), "the purge")
        until(lambda: not any(folder.exists() for folder in evictable), "the eviction")
        assert free_bytes(disk) > free + MIB
        ballast.unlink()
        sent = client.send("PUT", f"{parts_path}/chunks", params={"offset": 1000}, content=parts.content[1000:])
        assert sent.json() == {"offset": len(parts.content)}
        acknowledged.append(complete(client, parts_path, parts))
        wait_until_stored(client)
        wait_for_pictures(client)
        check_invariants(client, bare_node.data_dir, acknowledged)


def test_an_upload_under_which_the_disk_fills_up_gives_its_room_back_and_goes_on_later(
    bare_node: BareNode,
    sound_http: HttpProcess,
    disk: Path,
    files: Iterator[PhotoFile],
    acknowledged: list[Acknowledged],
) -> None:
    ballast: list[Path] = []

    def filling(content: bytes) -> Iterator[bytes]:
        """Send the first half, and the second when there is no room any more."""
        yield content[: PART_BYTES // 2]
        ballast.append(fill(disk, leave_bytes=PART_BYTES // 4))
        yield content[PART_BYTES // 2 :]

    form, parts = large(next(files)), large(next(files))
    with bare_node.client(sound_http.url) as client:
        path = f"/api/upload-sessions/{client.open_session(parts)['id']}"
        assert client.send("PUT", f"{path}/chunks", params={"offset": 0}, content=parts.content[:1000]).is_success
        refused = client.send("PUT", f"{path}/chunks", params={"offset": 1000}, content=filling(parts.content[1000:]))
        assert (refused.status_code, refused.json()["code"]) == NO_ROOM
        assert client.get(path)["offset"] == 1000
        (part,) = (disk / "spool").iterdir()
        assert part.stat().st_size == 1000
        ballast.pop().unlink()

        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'.encode()
        body = head + form.content + f"\r\n--{BOUNDARY}--\r\n".encode()
        refused = client.send("POST", "/api/upload", content=filling(body), headers=FORM)
        assert (refused.status_code, refused.json()["code"]) == NO_ROOM
        assert list((disk / "spool").iterdir()) == [part]
        ballast.pop().unlink()

        assert client.send("PUT", f"{path}/chunks", params={"offset": 1000}, content=parts.content[1000:]).is_success
        acknowledged.extend([complete(client, path, parts), client.upload_plain(form)])
        with bare_node.worker():
            check_invariants(client, bare_node.data_dir, acknowledged)


@pytest.mark.req("LIFE-3", "LIFE-5")
def test_steps_wait_for_room_and_an_old_sidecar_outlives_a_new_one_that_found_none(
    bare_node: BareNode,
    sound_http: HttpProcess,
    disk: Path,
    files: Iterator[PhotoFile],
    acknowledged: list[Acknowledged],
) -> None:
    with bare_node.client(sound_http.url) as client, bare_node.worker():
        acknowledged.append(client.upload_plain(next(files)))
        wait_until_stored(client)
        sidecars = {path: path.read_bytes() for path in (disk / "sidecars").rglob("*.json")}
        assert sidecars
        waiting = fill_session(client, file := next(files))
        ballast = fill(disk)
        acknowledged.append(complete(client, waiting, file))
        until(lambda: query(bare_node.data_dir, ERRORS.format("derive")), "derivatives to find no room")
        assert query(bare_node.data_dir, TRY_NOW.format("sidecar"))
        until(lambda: query(bare_node.data_dir, ERRORS.format("sidecar")), "a sidecar to find no room")
        assert query(bare_node.data_dir, ERRORS.format("sidecar")) == {"sidecar.unwritable"}
        assert {path: path.read_bytes() for path in (disk / "sidecars").rglob("*") if path.is_file()} == sidecars
        assert not query(bare_node.data_dir, "SELECT photo_id FROM steps WHERE state = 'failed'")
        ballast.unlink()
        check_invariants(client, bare_node.data_dir, acknowledged)


@pytest.fixture
def node_on_small_disk(made_data: Path) -> Iterator[RunningNode]:
    """A whole node, its database too, on a small disk."""
    with open_folder() as folder, mounted_disk(folder / "data", NODE_DISK_MIB) as mounted:
        copy_data(made_data, mounted)
        node = RunningNode(mounted)
        try:
            yield node
        finally:
            node.close()


@pytest.mark.req("P-2", "LIFE-4")
def test_a_node_that_is_stopped_killed_and_started_on_a_full_disk_loses_nothing_and_recovers(
    node_on_small_disk: RunningNode, files: Iterator[PhotoFile]
) -> None:
    node = node_on_small_disk
    node.start(SETTINGS)
    with node.client() as client:
        acknowledged = [client.upload_plain(next(files)), client.upload_in_parts(next(files))]
        wait_until_stored(client)
        for leave_bytes, state in ((LOW_BYTES - MIB, "low"), (FULL_BYTES - MIB, "full")):
            ballast = fill(node.data_dir, leave_bytes)
            assert client.get("/api/admin/status")["disk"]["state"] == state
            ready = client.send("GET", "/api/health/ready")
            assert ready.status_code == HTTPStatus.OK
            ill = [part["name"] for part in ready.json()["parts"] if not part["ok"]]
            assert ill == (["disk"] if state == "full" else [])
            ballast.unlink()
        ballast = fill(node.data_dir)
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            while True:  # until the database finds no room for its log, which ends it
                query(node.data_dir, "SELECT pg_switch_wal() FROM pg_logical_emit_message(true, '', 'x')", SUPERUSER)
        answer = client.send("POST", "/api/upload", files={"file": ("new.jpg", next(files).content)})
        assert answer.status_code in {HTTPStatus.INSUFFICIENT_STORAGE, HTTPStatus.SERVICE_UNAVAILABLE}
        live = client.send("GET", "/api/health/live")
        assert live.is_success
        assert node.stop(signal.SIGTERM) in {0, -signal.SIGTERM}

        started = node.spawn()
        until(lambda: started.poll() is not None or node.is_ready(), node.health)
        if started.poll() is not None:
            assert started.wait(STOP_PATIENCE_S) == 1
        assert "Traceback" not in node.log
        ballast.unlink()
        if started.poll() is not None:
            node.spawn()
        node.wait_until_ready()
        client.log_in()
        acknowledged.append(client.upload_plain(next(files)))
        check_invariants(client, node.data_dir, acknowledged)
