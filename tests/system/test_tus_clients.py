"""The real clients of tus, over a network that breaks, against the whole product."""

import asyncio
import hashlib
import io
import json
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import aiotus
import httpx
import pytest
import requests
import tenacity
import tusclient.client
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from factories.node.cutting import CuttingProxy
from factories.node.data import copy_data, open_folder
from factories.node.processes import until
from factories.node.running import RunningNode
from factories.pictures import mp4_like

pytestmark = pytest.mark.req("ING-2", "P-4")

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(sys.executable).with_name("node")
SIZE = 3_000_000
CUTS = 6
MOST_BYTES = 600_000  # less than any chunk
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def node(made_data: Path) -> Iterator[RunningNode]:
    """One node for all: each test sends bytes of its own."""
    with ExitStack() as stack:
        folder = stack.enter_context(open_folder())
        copy_data(made_data, folder / "data")
        running = RunningNode(folder / "data")
        stack.callback(running.close)
        running.start()
        running.client()
        yield running


def film(name: str, seed: int) -> bytes:
    """A file that is taken for a film; no two tests send the same."""
    head = mp4_like(seed)
    return head + random.Random(f"{name} {seed}").randbytes(SIZE - len(head))  # noqa: S311 - noise, not a secret


def require_original(node: RunningNode, photo_id: str, content: bytes) -> None:
    assert node.token
    answer = httpx.get(
        f"{node.url}/api/photos/{photo_id}/original", headers={"Authorization": f"Bearer {node.token}"}, timeout=30
    )
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()


def state_of(node: RunningNode, url: str) -> httpx.Headers:
    headers = {"Authorization": f"Bearer {node.token}", "Tus-Resumable": "1.0.0"}
    return httpx.head(f"{node.url}/api/tus/{url.rpartition('/')[2]}", headers=headers, timeout=30).headers


def require_photo(node: RunningNode, url: str, content: bytes) -> None:
    """Prove that an upload became a photo with the same bytes."""
    found = state_of(node, url)
    assert found["Upload-Offset"] == str(len(content))
    assert found["Afterglow-Checksum"] == hashlib.sha256(content).hexdigest()
    require_original(node, found["Afterglow-Photo-Id"], content)


@pytest.mark.parametrize("seed", SEEDS)
def test_tuspy_ends_with_the_same_bytes(node: RunningNode, seed: int) -> None:
    content = film("tuspy", seed)
    rnd = random.Random(seed)  # noqa: S311
    with CuttingProxy(node.port, seed, CUTS, MOST_BYTES) as proxy:
        url, tries = None, 0
        client = tusclient.client.TusClient(f"{proxy.url}/api/tus", headers={"Authorization": f"Bearer {node.token}"})
        while True:
            tries += 1
            assert tries < 200
            try:
                uploader = client.uploader(
                    file_stream=io.BytesIO(content),
                    url=url,
                    chunk_size=rnd.randrange(650_000, 900_000),
                    metadata={"filename": "film.mp4"},
                    upload_checksum=True,
                )
                url = url or uploader.create_url()
                uploader.set_url(url)
                uploader.offset = uploader.get_offset()
                uploader.upload()
                break
            except (TusUploadFailed, TusCommunicationError, requests.RequestException):
                continue
        assert proxy.cut > 0
    require_photo(node, url, content)


@pytest.mark.parametrize("seed", SEEDS)
def test_aiotus_ends_with_the_same_bytes(node: RunningNode, seed: int) -> None:
    content = film("aiotus", seed)
    retry = aiotus.RetryConfiguration(retry_attempts=100, max_retry_period_seconds=0.2)
    headers = {"Authorization": f"Bearer {node.token}"}

    async def send(endpoint: str) -> str:
        file = io.BytesIO(content)
        url = await aiotus.upload(
            endpoint, file, {"filename": b"film.mp4"}, config=retry, headers=headers, chunksize=700_000
        )
        return str(url)

    with CuttingProxy(node.port, seed, CUTS, MOST_BYTES) as proxy:
        url = asyncio.run(send(f"{proxy.url}/api/tus"))
        assert proxy.cut > 0
    require_photo(node, url, content)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("protocol", ["tus-v1", "ietf-draft-05"])
def test_tus_js_client_ends_with_the_same_bytes(node: RunningNode, tmp_path: Path, seed: int, protocol: str) -> None:
    content = film(protocol, seed)
    file = tmp_path / "film.mp4"
    file.write_bytes(content)
    rnd = random.Random(seed)  # noqa: S311
    aborts = sorted(rnd.randrange(SIZE) for _ in range(3))
    with CuttingProxy(node.port, seed, CUTS, MOST_BYTES) as proxy:
        arguments = [proxy.url + "/api/tus", node.token or "", str(file), "film.mp4", protocol, "800000"]
        script = [str(NODE), str(Path(__file__).with_name("tus_client.mjs")), str(ROOT / "web" / "package.json")]
        done = subprocess.run(
            [*script, *arguments, *map(str, aborts)], capture_output=True, text=True, check=False, timeout=120
        )
        result = json.loads(done.stdout or "{}")
        assert done.returncode == 0, (result, done.stderr)
        assert proxy.cut > 0
    assert result["aborts"] > 0
    assert result["headers"]["afterglow-checksum"] == hashlib.sha256(content).hexdigest()
    require_photo(node, result["url"], content)


@pytest.mark.req("ING-1")
def test_a_connection_that_went_dead_is_let_go_when_its_client_comes_back(node: RunningNode) -> None:
    content = film("dead", 0)
    client = httpx.Client(
        base_url=node.url, headers={"Authorization": f"Bearer {node.token}", "Tus-Resumable": "1.0.0"}, timeout=30
    )
    with client, socket.create_connection(("127.0.0.1", node.port)) as dead:
        location = client.post("/api/tus", headers={"Upload-Length": str(SIZE)}).headers["Location"]
        chunk = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        head = [f"PATCH {location} HTTP/1.1", "Host: node", f"Content-Length: {SIZE}"]
        head += [f"{name}: {value}" for name, value in {**chunk, "Tus-Resumable": "1.0.0"}.items()]
        head += [f"Authorization: Bearer {node.token}", "", ""]
        dead.sendall("\r\n".join(head).encode() + content[:1_000_000])
        part = node.data_dir / "spool" / f"{location.rsplit('/', 1)[-1]}.part"
        until(part.exists, "the dead connection to write")

        def offset() -> int:
            return int(client.head(location).headers["Upload-Offset"])

        statuses = set()

        def got_through() -> bool:
            at = offset()
            answer = client.patch(location, headers=chunk | {"Upload-Offset": str(at)}, content=content[at:])
            statuses.add(answer.status_code)
            return at > 0 and answer.status_code == 204

        until(got_through, "the upload to be free")
        assert statuses <= {204, 409, 423}
        dead.settimeout(10)
        assert b"upload.stalled" in dead.recv(4096)
    require_photo(node, location, content)


def test_the_clients_are_the_real_ones() -> None:
    """A missing one must not look like a test that passes."""
    assert NODE.exists()
    found = json.loads((ROOT / "web" / "node_modules" / "tus-js-client" / "package.json").read_text())
    assert found["version"].startswith("4.")
    assert SimpleNamespace(a=aiotus.upload, b=tenacity.retry, c=tusclient.client.TusClient)
