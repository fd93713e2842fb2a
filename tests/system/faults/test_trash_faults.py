"""Something dies while photos are trashed, restored, purged or mended: each ends in one state or the other, whole."""

import hashlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_points import DELETE, MARK, PURGE, REPLACE, TRASH

from factories.node.bare import BareNode, HttpProcess
from factories.node.client import PASSWORD, Acknowledged, NodeClient, PhotoFile
from factories.node.invariants import check_invariants, query, wait_until_stored
from factories.node.processes import PATIENCE_S, until

pytestmark = pytest.mark.req("P-3", "P-4", "TML-3", "LIFE-4")


# Sidecars wait a minute for those who change their mind.
DUE = "UPDATE steps SET next_try_at = now() WHERE state = 'waiting' RETURNING photo_id"


def original_of(node: BareNode, file: PhotoFile) -> Path:
    return node.data_dir / "originals" / file.checksum[:2] / file.checksum[2:4] / file.checksum


def act(client: NodeClient, path: str, *photo_ids: str) -> dict[str, int]:
    answer = client.ask("POST", f"/api/trash{path}", json={"photoIds": photo_ids})
    assert answer.is_success, answer.text
    counted: dict[str, int] = answer.json()
    return counted


def trash(client: NodeClient) -> list[str]:
    return [photo["id"] for photo in client.get("/api/trash", limit=500)["items"]]


def require_no_row_without_bytes(node: BareNode) -> None:
    for checksum in query(node.data_dir, "SELECT encode(checksum, 'hex') FROM originals"):
        original = node.data_dir / "originals" / checksum[:2] / checksum[2:4] / checksum
        assert hashlib.sha256(original.read_bytes()).hexdigest() == checksum


def finish(node: BareNode) -> None:
    """Run a worker until no purge is left to be done."""
    with node.worker():
        until(lambda: not query(node.data_dir, "SELECT photo_id FROM purges"), "purges to be carried out")


def check_all(node: BareNode, client: NodeClient, acknowledged: list[Acknowledged]) -> None:
    with node.worker():
        check_invariants(client, node.data_dir, acknowledged)


@pytest.fixture
def client(bare_node: BareNode, sound_http: HttpProcess) -> Iterator[NodeClient]:
    with bare_node.client(sound_http.url) as client:
        yield client


@pytest.fixture
def stored(bare_node: BareNode, client: NodeClient, file: PhotoFile) -> Acknowledged:
    """A photo whose steps are over; no worker runs any more."""
    uploaded = client.upload_plain(file)
    with bare_node.worker():
        wait_until_stored(client)
    return uploaded


@pytest.mark.parametrize("change", ["", "/restore"], ids=["trash", "restore"])
@pytest.mark.parametrize("point", TRASH)
def test_a_call_that_was_cut_off_is_finished_by_sending_it_again(
    bare_node: BareNode, sound_http: HttpProcess, client: NodeClient, stored: Acknowledged,
    acknowledged: list[Acknowledged], point: str, change: str,
) -> None:  # fmt: skip
    photo_id = stored.photo_id
    if change:
        act(client, "", photo_id)
    before = client.get(f"/api/photos/{photo_id}")
    with bare_node.http(point) as dying, bare_node.client(dying.url, then=sound_http.url) as struck:
        counted = act(struck, change, photo_id)
        dying.process.wait(PATIENCE_S)
    assert counted == {"updated": 1 if point.endswith("before-commit") else 0}
    assert trash(client) == ([] if change else [photo_id])
    after = client.get(f"/api/photos/{photo_id}")
    assert (after["deletedAt"] is None) == bool(change)
    assert {name: after[name] for name in ("checksum", "favorite", "v", "takenAt")} == {
        name: before[name] for name in ("checksum", "favorite", "v", "takenAt")
    }
    act(client, "/restore", photo_id)
    query(bare_node.data_dir, DUE)
    acknowledged.append(stored)
    check_all(bare_node, client, acknowledged)


@pytest.mark.parametrize("point", MARK)
def test_a_purge_that_was_cut_off_while_it_began_has_begun_or_has_not(
    bare_node: BareNode, sound_http: HttpProcess, client: NodeClient, stored: Acknowledged,
    acknowledged: list[Acknowledged], point: str,
) -> None:  # fmt: skip
    act(client, "", stored.photo_id)
    with bare_node.http(point) as dying, bare_node.client(dying.url, then=sound_http.url) as struck:
        counted = act(struck, "/purge", stored.photo_id)
        dying.process.wait(PATIENCE_S)
    assert counted == {"purged": 1 if point == "purge.before-mark" else 0}
    check_gone(client, stored)
    finish(bare_node)
    assert not original_of(bare_node, stored.file).exists()
    check_all(bare_node, client, acknowledged)


@pytest.mark.parametrize("point", PURGE)
def test_a_purge_whose_worker_was_killed_is_carried_out_by_the_next(
    bare_node: BareNode, client: NodeClient, stored: Acknowledged, acknowledged: list[Acknowledged], point: str
) -> None:
    act(client, "", stored.photo_id)
    assert act(client, "/purge", stored.photo_id) == {"purged": 1}
    with bare_node.worker(point) as dying:
        assert dying.wait(PATIENCE_S) == -signal.SIGKILL
    assert query(bare_node.data_dir, "SELECT photo_id FROM purges")
    require_no_row_without_bytes(bare_node)
    check_gone(client, stored)
    finish(bare_node)
    assert not original_of(bare_node, stored.file).exists()
    check_all(bare_node, client, acknowledged)


def check_gone(client: NodeClient, purged: Acknowledged) -> None:
    """Check that a photo is gone for its owner, and does not come back."""
    assert purged.photo_id not in trash(client)
    assert client.ask("GET", f"/api/photos/{purged.photo_id}").status_code == 404
    told = client.ask("POST", "/api/upload", files={"file": ("again.jpg", purged.file.content)})
    assert (told.status_code, told.json()["tombstoned"]) == (200, True)
    checksums = [tombstone["checksum"] for tombstone in client.get("/api/tombstones", limit=500)["items"]]
    assert checksums.count(purged.file.checksum) == 1


@pytest.fixture(scope="module")
def other(bare_node: BareNode, sound_http: HttpProcess) -> Iterator[NodeClient]:
    """Somebody else."""
    with bare_node.client(sound_http.url) as owner:
        wanted = {"email": "ben@example.org", "name": "Ben", "password": PASSWORD, "role": "member"}
        assert owner.ask("POST", "/api/users", json=wanted).status_code == 201
    with NodeClient(sound_http.url) as client:
        logged_in = client.ask("POST", "/api/auth/login", json={"email": wanted["email"], "password": PASSWORD})
        client.http.headers["Authorization"] = f"Bearer {logged_in.json()['accessToken']}"
        yield client


@pytest.mark.req("P-5")
@pytest.mark.parametrize("point", [point for point in PURGE if point != DELETE])
def test_a_killed_purge_takes_nothing_of_another_owner_of_the_bytes(
    bare_node: BareNode, client: NodeClient, other: NodeClient, stored: Acknowledged, acknowledged: list[Acknowledged],
    point: str,
) -> None:  # fmt: skip
    others = other.upload_plain(stored.file)
    act(client, "", stored.photo_id)
    act(client, "/purge", stored.photo_id)
    with bare_node.worker(point) as dying:
        assert dying.wait(PATIENCE_S) == -signal.SIGKILL
    require_bytes(other, others)
    finish(bare_node)
    require_bytes(other, others)
    assert other.receipt_of(others.file) == "stored"
    act(other, "", others.photo_id)
    act(other, "/purge", others.photo_id)
    # The steps of that photo may have been under way.
    query(bare_node.data_dir, "UPDATE purges SET not_before = now() RETURNING photo_id")
    finish(bare_node)
    check_all(bare_node, client, acknowledged)


def require_bytes(client: NodeClient, uploaded: Acknowledged) -> None:
    original: Any = client.ask("GET", f"/api/photos/{uploaded.photo_id}/original")
    assert original.content == uploaded.file.content


@pytest.mark.req("P-1")
@pytest.mark.parametrize("point", REPLACE)
def test_a_rotten_original_is_replaced_even_if_the_replacement_is_killed(
    bare_node: BareNode, sound_http: HttpProcess, client: NodeClient, stored: Acknowledged,
    acknowledged: list[Acknowledged], point: str,
) -> None:  # fmt: skip
    original = original_of(bare_node, stored.file)
    rotten = stored.file.content[:-1] + b"\0"
    original.unlink()
    original.write_bytes(rotten)
    with bare_node.http(point) as dying, bare_node.client(dying.url, then=sound_http.url) as struck:
        again = struck.upload_plain(stored.file)
        dying.process.wait(PATIENCE_S)
    assert (again.photo_id, again.receipt) == (stored.photo_id, "stored")
    asides = list(original.parent.glob(f"{original.name}.corrupt-*"))
    assert {aside.read_bytes() for aside in asides} == {rotten}
    for aside in asides:
        aside.unlink()
    acknowledged.append(stored)
    check_all(bare_node, client, acknowledged)
