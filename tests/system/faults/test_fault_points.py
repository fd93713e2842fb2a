"""An http process dies at a fault point, its client goes on with another one, and nothing is lost or left behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fault_points import (
    COPY,
    DELETE,
    DISCARD,
    EVICT,
    EXPIRY,
    INGEST,
    MARK,
    OPEN,
    PARTS,
    PURGE,
    REPLACE,
    SIDECARS,
    STEPS,
    TRASH,
)

from factories.node.bare import BareNode, HttpProcess
from factories.node.client import Acknowledged, PhotoFile
from factories.node.invariants import check_invariants
from factories.node.processes import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
POINT = re.compile(r'\bfault_point\(f?"([^"]+)"\)')
STEP_NAME = re.compile(r"\{(?:definition\.name|run\.step)\}")
SWEEP = "import pathlib, sys; from factories.node.invariants import sweep; sweep(pathlib.Path(sys.argv[1]))"

pytestmark = pytest.mark.req("P-2", "P-4", "LIFE-4")


@pytest.fixture(scope="module", autouse=True)
def _sound_worker(bare_node: BareNode) -> Iterator[None]:
    with bare_node.worker():
        yield


def check_all(node: BareNode, http: HttpProcess, acknowledged: list[Acknowledged]) -> None:
    with node.client(http.url) as client:
        check_invariants(client, node.data_dir, acknowledged)


@pytest.mark.parametrize("point", INGEST)
def test_a_file_sent_as_a_form_is_sent_again_and_kept_once(
    bare_node: BareNode, sound_http: HttpProcess, file: PhotoFile, acknowledged: list[Acknowledged], point: str
) -> None:
    with bare_node.http(point) as dying, bare_node.client(dying.url, then=sound_http.url) as client:
        acknowledged.append(client.upload_plain(file))
        dying.process.wait(PATIENCE_S)
    check_all(bare_node, sound_http, acknowledged)


@pytest.mark.parametrize("point", [*PARTS, *(f"{point}:2" for point in PARTS), *INGEST])
def test_a_file_sent_in_parts_goes_on_where_it_was_interrupted_and_is_kept_once(
    bare_node: BareNode, sound_http: HttpProcess, file: PhotoFile, acknowledged: list[Acknowledged], point: str
) -> None:
    with bare_node.http(point) as dying, bare_node.client(dying.url, then=sound_http.url) as client:
        acknowledged.append(client.upload_in_parts(file))
        dying.process.wait(PATIENCE_S)
    check_all(bare_node, sound_http, acknowledged)


def test_a_file_that_has_to_be_copied_into_place_is_kept_once(
    bare_node: BareNode, sound_http: HttpProcess, file: PhotoFile, acknowledged: list[Acknowledged]
) -> None:
    with bare_node.client(sound_http.url) as client:
        upload_id = client.open_session(file)["id"]
        path = f"/api/upload-sessions/{upload_id}"
        client.ask("PUT", f"{path}/chunks", params={"offset": 0}, content=file.content)
    # Whoever knows a second name of a file could write to the original through it.
    second_name = bare_node.data_dir / "second-name"
    os.link(bare_node.data_dir / "spool" / f"{upload_id}.part", second_name)
    with bare_node.http(COPY) as dying, bare_node.client(dying.url, then=sound_http.url) as client:
        completed = client.ask("POST", f"{path}/complete").json()
        dying.process.wait(PATIENCE_S)
    second_name.unlink()
    acknowledged.append(Acknowledged(file, completed["photoId"], completed["receipt"]["state"]))
    check_all(bare_node, sound_http, acknowledged)


@pytest.mark.parametrize("point", ["store.after-link", "ingest.after-put", "ingest.before-commit"])
def test_bytes_that_nobody_was_promised_are_swept_even_if_the_sweep_is_killed(
    bare_node: BareNode, sound_http: HttpProcess, file: PhotoFile, acknowledged: list[Acknowledged], point: str
) -> None:
    with bare_node.http(point) as dying, bare_node.client(dying.url) as client:
        with pytest.raises(httpx.TransportError):
            client.send("POST", "/api/upload", files={"file": (file.name, file.content)})
        dying.process.wait(PATIENCE_S)
    (stray,) = (bare_node.data_dir / "originals").rglob(file.checksum)
    killed = subprocess.run(
        [sys.executable, "-c", SWEEP, bare_node.data_dir],
        env=os.environ | {"AFTERGLOW_FAULT_POINT": DELETE, "PYTHONPATH": str(ROOT / "tests")},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert not stray.exists()
    check_all(bare_node, sound_http, acknowledged)


def test_every_fault_point_of_the_code_is_driven() -> None:
    sources = [path.read_text() for path in (ROOT / "src" / "afterglow").rglob("*.py")]
    points = {point for source in sources for point in POINT.findall(source)}
    driven = {*INGEST, *PARTS, COPY, DELETE, *STEPS, *TRASH, *MARK, *PURGE, *REPLACE}
    driven |= {OPEN, DISCARD, EXPIRY, EVICT, *SIDECARS}
    first_start = (ROOT / "tests" / "infra" / "db" / "test_embedded_first_start.py").read_text()
    for point in points:
        if point.startswith("postgres."):
            assert f'"{point}"' in first_start
        else:
            pattern = "[a-z]+".join(map(re.escape, STEP_NAME.split(point)))
            assert any(re.fullmatch(pattern, name) for name in driven), point


def test_every_fault_point_of_the_code_is_documented() -> None:
    page = (ROOT / "docs" / "explanation" / "durability.md").read_text()
    for path in (ROOT / "src" / "afterglow").rglob("*.py"):
        for point in POINT.findall(path.read_text()):
            is_in_a_list = point.startswith(("postgres.", "step."))
            assert (f".{point.rpartition('.')[2]}" if is_in_a_list else point) in page
