"""The same over a real server and a real socket."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

CONTENT = hashlib.shake_128(b"photo").digest(3_000_001)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the server ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError


@pytest.fixture(scope="module")
def served_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "photo"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture(scope="module")
def server(served_file: Path) -> Iterator[int]:
    """Serve `served_app` with Granian; gives its port."""
    port = free_port()
    arguments = ["--interface", "asgi", "--host", "127.0.0.1", "--port", str(port), "served_app:app"]
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths, "SERVED_FILE": str(served_file)}
    with subprocess.Popen([sys.executable, "-m", "granian", *arguments], env=environment) as process:
        try:
            wait_for(port, process)
            yield port
        finally:
            process.terminate()


@pytest.fixture
def client(server: int) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server}", timeout=60) as client:
        yield client


def test_a_whole_file_arrives_with_its_headers(client) -> None:
    got = client.get("/file")
    assert (got.status_code, got.content) == (200, CONTENT)
    assert got.headers["content-length"] == str(len(CONTENT))
    assert got.headers["content-security-policy"].endswith("sandbox")
    assert got.headers["x-request-id"]


def test_a_range_arrives(client) -> None:
    got = client.get("/file", headers={"Range": "bytes=1000-2000000"})
    assert (got.status_code, got.content) == (206, CONTENT[1000:2_000_001])


def test_head_and_known_files_send_nothing(client) -> None:
    assert client.head("/file").headers["content-length"] == str(len(CONTENT))
    assert client.get("/file", headers={"If-None-Match": '"tag"'}).status_code == 304
    assert client.get("/file").content == CONTENT  # the connection is still in order


def test_a_form_arrives_whole(client) -> None:
    answer = client.post("/form", files={"file": ("Zoë.jpg", CONTENT)}, data={"category": "x"})
    assert answer.json() == {"Zoë.jpg": hashlib.sha256(CONTENT).hexdigest()}


@pytest.mark.req("STO-5")
def test_a_client_that_only_sends_still_learns_why_it_was_refused(server) -> None:
    body = bytes(8_000_000)
    head = f"POST /full HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server), timeout=60) as connection:
        connection.sendall(head.encode() + body)  # would raise if the server closed before it had read all
        answer = b""
        while received := connection.recv(65_536):
            answer += received
    assert answer.startswith(b"HTTP/1.1 507")
    assert b'"code":"storage-full"' in answer
