"""Something dies while an upload is opened, given up, refused, expired or finished by the sweep, or beside a photo."""

import os
import signal
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
from fault_points import DISCARD, EVICT, EXPIRY, OPEN, SIDECARS
from killed import EVICT as EVICT_ALL
from killed import SWEEP, run_until_killed

from factories.node.bare import BareNode, HttpProcess
from factories.node.client import Acknowledged, NodeClient, PhotoFile
from factories.node.invariants import check_invariants, evict_all, query, wait_until_stored
from factories.node.processes import PATIENCE_S, until

pytestmark = pytest.mark.req("P-2", "P-4", "LIFE-4")

LATER = "UPDATE upload_sessions SET expires_at = now() - interval '1 second' WHERE id = '{}' RETURNING id"


@pytest.fixture
def client(bare_node: BareNode, sound_http: HttpProcess) -> Iterator[NodeClient]:
    with bare_node.client(sound_http.url) as client:
        yield client


def check_all(node: BareNode, client: NodeClient, acknowledged: list[Acknowledged]) -> None:
    with node.worker():
        check_invariants(client, node.data_dir, acknowledged)


def fill(client: NodeClient, file: PhotoFile) -> str:
    """Open a session and send all its bytes; return its path."""
    path = f"/api/upload-sessions/{client.open_session(file)['id']}"
    sent = client.ask("PUT", f"{path}/chunks", params={"offset": 0}, content=file.content)
    assert sent.json() == {"offset": len(file.content)}
    return path


def die(node: BareNode, point: str, method: str, path: str, **arguments: object) -> None:
    """Send a request to an http process that dies of it."""
    with node.http(point) as dying, node.client(dying.url) as client:
        with pytest.raises(httpx.TransportError):
            client.send(method, path, **arguments)
        dying.process.wait(PATIENCE_S)


def spooled(node: BareNode) -> list[str]:
    return [path.name for path in (node.data_dir / "spool").iterdir()]


def test_a_session_whose_opening_nobody_heard_of_is_opened_again(
    bare_node: BareNode, client: NodeClient, file: PhotoFile, acknowledged: list[Acknowledged]
) -> None:
    wanted = {"filename": file.name, "size": len(file.content), "checksum": file.checksum}
    die(bare_node, OPEN, "POST", "/api/upload-sessions", json=wanted)
    acknowledged.append(client.upload_in_parts(file))
    (forgotten,) = query(bare_node.data_dir, "SELECT id FROM upload_sessions WHERE state = 'open'")
    assert query(bare_node.data_dir, LATER.format(forgotten))
    check_all(bare_node, client, acknowledged)
    assert not query(bare_node.data_dir, "SELECT id FROM upload_sessions WHERE state = 'open'")


def test_an_abort_that_died_is_done_again_or_the_upload_goes_on_from_the_start(
    bare_node: BareNode, client: NodeClient, files: Iterator[PhotoFile], acknowledged: list[Acknowledged]
) -> None:
    given_up, wanted_after_all = next(files), next(files)
    paths = [fill(client, given_up), fill(client, wanted_after_all)]
    for path in paths:
        die(bare_node, DISCARD, "DELETE", path)
    assert spooled(bare_node) == []
    assert client.send("DELETE", paths[0]).status_code == HTTPStatus.NO_CONTENT
    lost = client.send("POST", f"{paths[1]}/complete")
    assert (lost.status_code, lost.json()["offset"]) == (HTTPStatus.CONFLICT, 0)
    client.ask("PUT", f"{paths[1]}/chunks", params={"offset": 0}, content=wanted_after_all.content)
    completed = client.ask("POST", f"{paths[1]}/complete").json()
    acknowledged.append(Acknowledged(wanted_after_all, completed["photoId"], completed["receipt"]["state"]))
    check_all(bare_node, client, acknowledged)


def test_a_refusal_that_died_is_given_again(
    bare_node: BareNode, client: NodeClient, acknowledged: list[Acknowledged]
) -> None:
    text = PhotoFile("notes.jpg", b"just some text " * 1000)
    path = fill(client, text)
    die(bare_node, DISCARD, "POST", f"{path}/complete")
    assert client.send("POST", f"{path}/complete").json()["code"] == "upload.offset-mismatch"
    client.ask("PUT", f"{path}/chunks", params={"offset": 0}, content=text.content)
    assert client.send("POST", f"{path}/complete").json()["code"] == "ingest.unsupported-type"
    assert client.send("GET", path).status_code == HTTPStatus.NOT_FOUND
    check_all(bare_node, client, acknowledged)


@pytest.mark.req("ING-11")
@pytest.mark.parametrize("point", [EXPIRY, DISCARD])
def test_an_expiry_that_died_is_finished_by_the_next_sweep(
    bare_node: BareNode, client: NodeClient, files: Iterator[PhotoFile], acknowledged: list[Acknowledged], point: str
) -> None:
    paths = [fill(client, next(files)) for _ in range(2)]
    for path in paths:
        assert query(bare_node.data_dir, LATER.format(path.rpartition("/")[2]))
    run_until_killed(SWEEP, bare_node.data_dir, point)
    assert len(spooled(bare_node)) == (2 if point == EXPIRY else 1)
    for path in paths:
        assert client.send("POST", f"{path}/complete").status_code == HTTPStatus.NOT_FOUND
    check_all(bare_node, client, acknowledged)


@pytest.mark.req("ING-11", "P-3")
@pytest.mark.parametrize(
    "point", ["ingest.after-seal", "store.after-link", "ingest.before-commit", "ingest.after-commit"]
)
def test_a_sweep_that_died_while_it_finished_an_upload_loses_nothing(
    bare_node: BareNode, client: NodeClient, file: PhotoFile, acknowledged: list[Acknowledged], point: str
) -> None:
    path = fill(client, file)
    originals, away = bare_node.data_dir / "originals", bare_node.data_dir / "originals.away"
    originals.rename(away)
    assert client.send("POST", f"{path}/complete").json()["code"] == "store.missing"
    away.rename(originals)
    run_until_killed(SWEEP, bare_node.data_dir, point)
    completed = client.ask("POST", f"{path}/complete")
    if completed.status_code == HTTPStatus.CONFLICT:  # its bytes went to the store, and no row names them
        client.ask("PUT", f"{path}/chunks", params={"offset": 0}, content=file.content)
        completed = client.ask("POST", f"{path}/complete")
    body = completed.json()
    acknowledged.append(Acknowledged(file, body["photoId"], body["receipt"]["state"]))
    check_all(bare_node, client, acknowledged)


@pytest.mark.req("LIFE-5")
@pytest.mark.parametrize("point", SIDECARS)
def test_a_sidecar_is_whole_and_alone_whenever_its_writer_dies(
    bare_node: BareNode, client: NodeClient, file: PhotoFile, acknowledged: list[Acknowledged], point: str
) -> None:
    acknowledged.append(client.upload_plain(file))
    with bare_node.worker(point) as dying:
        assert dying.wait(PATIENCE_S) == -signal.SIGKILL
    check_all(bare_node, client, acknowledged)


@pytest.mark.req("DER-3", "STO-5")
def test_an_eviction_that_died_is_finished_by_the_next_and_pictures_are_made_again(
    bare_node: BareNode, client: NodeClient, files: Iterator[PhotoFile], acknowledged: list[Acknowledged]
) -> None:
    acknowledged.extend(client.upload_plain(next(files)) for _ in range(2))
    with bare_node.worker():
        wait_until_stored(client)
    folders = derivatives_of(bare_node)
    for folder in folders:
        os.utime(folder, (0, 0))
    run_until_killed(EVICT_ALL, bare_node.data_dir, EVICT)
    assert len(derivatives_of(bare_node)) == len(folders) - 1
    evict_all(bare_node.data_dir)
    assert derivatives_of(bare_node) == []
    thumbnails = [f"/api/photos/{photo['id']}/thumbnail?size=256" for photo in client.photos()]
    with bare_node.worker():
        until(lambda: all(client.send("GET", url).is_success for url in thumbnails), "the pictures to be back")
    check_all(bare_node, client, acknowledged)


def derivatives_of(node: BareNode) -> list[Path]:
    """Return the folders that hold a photo's derivatives."""
    return [folder for folder in (node.data_dir / "derivatives").rglob("v*") if folder.is_dir()]
