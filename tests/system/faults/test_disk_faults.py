"""Disks that are full, read-only or not there: uploads are refused, nothing is lost, and it goes on afterwards."""

import contextlib
import random
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import asyncpg
import httpx
import pytest
from disks import disk_under, fill, mounted_disk, read_only

from afterglow.infra.db.embedded import SUPERUSER
from factories.node.bare import BareNode, HttpProcess
from factories.node.client import Acknowledged, NodeClient, PhotoFile, photo_files
from factories.node.data import copy_data, open_folder
from factories.node.invariants import check_invariants, query
from factories.node.processes import until
from factories.node.running import STOP_PATIENCE_S, RunningNode

LARGE_BYTES = 400_000
SMALL_DISK_MIB = 16
NODE_DISK_MIB = 200


def large(file: PhotoFile) -> PhotoFile:
    """Return the file with bytes behind its picture, which decoders do not read."""
    return PhotoFile(file.name, file.content + random.Random(file.name).randbytes(LARGE_BYTES))  # noqa: S311


def send_form(client: NodeClient, file: PhotoFile) -> httpx.Response:
    return client.send("POST", "/api/upload", files={"file": (file.name, file.content)})


def send_form_of_unknown_size(client: NodeClient, file: PhotoFile) -> httpx.Response:
    """Send a form in chunks, so that the server learns its size only at the end."""

    def chunks() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        for start in range(0, len(file.content), 64 * 1024):
            yield file.content[start : start + 64 * 1024]
        yield b"\r\n--x--\r\n"

    return client.send(
        "POST", "/api/upload", content=chunks(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="module", autouse=True)
def _sound_worker(bare_node: BareNode) -> Iterator[None]:
    with bare_node.worker():
        yield


@pytest.fixture
def client(bare_node: BareNode, sound_http: HttpProcess) -> Iterator[NodeClient]:
    with bare_node.client(sound_http.url) as client:
        yield client


@pytest.fixture
def disk(bare_node: BareNode) -> Iterator[Path]:
    """A small disk that holds spool and originals of the node for one test."""
    with disk_under(bare_node.data_dir, ("spool", "originals"), SMALL_DISK_MIB) as mounted:
        yield mounted


@pytest.mark.root
@pytest.mark.req("STO-5", "P-2")
def test_on_a_full_disk_uploads_are_refused_and_go_on_when_there_is_room(
    client: NodeClient, bare_node: BareNode, disk: Path, files: Iterator[PhotoFile], acknowledged: list[Acknowledged]
) -> None:
    acknowledged.append(client.upload_plain(next(files)))
    form, unknown, parts = large(next(files)), large(next(files)), large(next(files))
    session = client.open_session(parts)
    path = f"/api/upload-sessions/{session['id']}/chunks"
    assert client.send("PUT", path, params={"offset": 0}, content=parts.content[:1000]).json() == {"offset": 1000}

    ballast = fill(disk, leave_bytes=LARGE_BYTES // 2)
    full = (HTTPStatus.INSUFFICIENT_STORAGE, "storage-full")
    assert problem(send_form(client, form)) == full
    assert problem(send_form_of_unknown_size(client, unknown)) == full
    assert problem(client.send("PUT", path, params={"offset": 1000}, content=parts.content[1000:])) == full
    assert client.get(f"/api/upload-sessions/{session['id']}")["offset"] == 1000
    assert [part.name for part in files_in(disk / "spool")] == [f"{session['id']}.part"]
    assert (
        client.ask("GET", f"/api/photos/{acknowledged[-1].photo_id}/original").content == acknowledged[-1].file.content
    )

    ballast.unlink()
    acknowledged.extend(map(client.upload_plain, (form, unknown)))
    assert client.send("PUT", path, params={"offset": 1000}, content=parts.content[1000:]).is_success
    completed = client.ask("POST", f"/api/upload-sessions/{session['id']}/complete").json()
    acknowledged.append(Acknowledged(parts, completed["photoId"], completed["receipt"]["state"]))
    check_invariants(client, bare_node.data_dir, acknowledged)


@pytest.mark.root
@pytest.mark.req("P-2", "P-4")
def test_on_a_read_only_disk_uploads_are_refused_and_photos_still_shown(
    client: NodeClient, bare_node: BareNode, disk: Path, files: Iterator[PhotoFile], acknowledged: list[Acknowledged]
) -> None:
    acknowledged.append(client.upload_plain(next(files)))
    file, parts = next(files), next(files)
    session = client.open_session(parts)
    with read_only(disk):
        assert problem(send_form(client, file)) == (HTTPStatus.SERVICE_UNAVAILABLE, "store.io")
        path = f"/api/upload-sessions/{session['id']}/chunks"
        refused = client.send("PUT", path, params={"offset": 0}, content=parts.content)
        assert problem(refused) == (HTTPStatus.SERVICE_UNAVAILABLE, "store.io")
        shown = client.ask("GET", f"/api/photos/{acknowledged[-1].photo_id}/original")
        assert shown.content == acknowledged[-1].file.content
    acknowledged.append(client.upload_plain(file))
    acknowledged.append(client.upload_in_parts(parts))
    check_invariants(client, bare_node.data_dir, acknowledged)


@pytest.mark.req("P-1", "P-2", "STO-1")
def test_an_absent_originals_disk_is_not_taken_for_an_empty_one(
    client: NodeClient, bare_node: BareNode, files: Iterator[PhotoFile], acknowledged: list[Acknowledged]
) -> None:
    acknowledged.append(client.upload_plain(next(files)))
    file, parts = next(files), next(files)
    session = client.open_session(parts)
    path = f"/api/upload-sessions/{session['id']}"
    client.send("PUT", f"{path}/chunks", params={"offset": 0}, content=parts.content)

    originals, away = bare_node.data_dir / "originals", bare_node.data_dir / "originals.away"
    originals.rename(away)
    originals.mkdir()  # the mount point
    missing = (HTTPStatus.SERVICE_UNAVAILABLE, "store.missing")
    assert problem(send_form(client, file)) == missing
    assert problem(client.send("POST", f"{path}/complete")) == missing
    assert problem(client.send("GET", f"/api/photos/{acknowledged[-1].photo_id}/original")) == missing
    assert client.send("GET", "/api/health/ready").status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert not list(originals.iterdir())

    originals.rmdir()
    away.rename(originals)
    assert client.send("GET", "/api/health/ready").is_success
    completed = client.ask("POST", f"{path}/complete").json()
    acknowledged.append(Acknowledged(parts, completed["photoId"], completed["receipt"]["state"]))
    acknowledged.append(client.upload_plain(file))
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


@pytest.mark.root
@pytest.mark.req("P-2", "P-4", "STO-5")
def test_a_node_whose_disk_is_full_to_the_last_block_loses_nothing_and_recovers(
    node_on_small_disk: RunningNode, files: Iterator[PhotoFile]
) -> None:
    node = node_on_small_disk
    node.start()
    with node.client() as client:
        acknowledged = [client.upload_plain(next(files)), client.upload_in_parts(next(files))]
        ballast = fill(node.data_dir)
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            while True:  # until the database finds no room for its log, which ends it
                query(node.data_dir, "SELECT pg_switch_wal() FROM pg_logical_emit_message(true, '', 'x')", SUPERUSER)
        refusals = {HTTPStatus.INSUFFICIENT_STORAGE, HTTPStatus.SERVICE_UNAVAILABLE}
        for file in (next(files), next(files)):
            assert send_form(client, file).status_code in refusals
        ballast.unlink()
        until(node.is_ready, node.health)
        acknowledged.append(client.upload_plain(next(files)))
        check_invariants(client, node.data_dir, acknowledged)


@pytest.mark.root
def test_a_read_only_data_folder_is_named_at_the_start(node_on_small_disk: RunningNode) -> None:
    node = node_on_small_disk
    with read_only(node.data_dir):
        assert node.spawn().wait(STOP_PATIENCE_S) == 1
    assert "AFTERGLOW_DATA_DIR" in node.log
    assert "Traceback" not in node.log
    node.start()


@pytest.mark.req("P-1", "STO-1")
def test_a_node_does_not_start_on_an_absent_originals_disk(node: RunningNode) -> None:
    with node.client() as client:
        client.upload_plain(photo_files(1)[0])
        assert node.stop() == 0
        originals, away = node.data_dir / "originals", node.data_dir / "originals.away"
        originals.rename(away)
        originals.mkdir()  # the mount point
        assert node.spawn().wait(STOP_PATIENCE_S) == 1
        assert "is the disk mounted?" in node.log
        assert not list(originals.iterdir())
        originals.rmdir()
        away.rename(originals)
        node.start()
        assert len(list(client.photos())) == 1
