"""Archives over a real server: a reader who is slow, who goes away, who comes back; an original that has changed."""

import io
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from factories.node.processes import Part, until
from factories.node.running import RunningNode
from factories.pictures import as_if_large

pytestmark = pytest.mark.req("DWN-2")

MIB = 1024 * 1024
FILES = 6
FILE_BYTES = 16 * MIB
# What a socket's two ends hold at most (tcp_wmem, tcp_rmem: 4 and 6 MiB by default), and some for everything else.
IN_FLIGHT_BYTES = 24 * MIB


@pytest.fixture
def ordered(node: RunningNode) -> dict[str, Any]:
    """An archive of 96 MiB."""
    with node.client() as client:
        photo_ids = []
        for number in range(FILES):
            upload = {"file": (f"{number}.jpg", as_if_large(FILE_BYTES + number))}
            answer = client.ask("POST", "/api/upload", files=upload)
            assert answer.status_code == 201, answer.text
            photo_ids.append(answer.json()["photoId"])
        answer = client.ask("POST", "/api/downloads", json={"photoIds": photo_ids})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    assert made["size"] > FILES * FILE_BYTES
    return made


@contextmanager
def slow_reader(node: RunningNode, url: str) -> Iterator[socket.socket]:
    """Begin to read, and stop after the first MiB."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=60) as connection:
        connection.sendall(f"GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        left = MIB
        while left > 0:
            left -= len(connection.recv(min(left, 65_536)))
        yield connection


def read_bytes(pid: int) -> int:
    """Return how much a process has read so far, from files and otherwise."""
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def settled(look: Callable[[], int]) -> int:
    """Return a figure once it has not changed for a second."""
    values = [look()]

    def is_settled() -> bool:
        time.sleep(0.1)
        values.append(look())
        return len(values) > 10 and values[-1] == values[-11]

    until(is_settled, "a figure that stays")
    return values[-1]


def open_originals(node: RunningNode, pid: int) -> list[str]:
    """Return the originals that a process holds open."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed while we looked
            target = link.readlink()
            if target.is_relative_to(node.data_dir / "originals") and target.is_file():
                found.append(str(target))
    return found


def test_who_reads_slowly_makes_nothing_be_read_ahead_and_who_leaves_leaves_nothing_open(
    node: RunningNode, ordered: dict[str, Any]
) -> None:
    (pid,) = node.parts()[Part.HTTP_WORKER]
    before = read_bytes(pid)
    with slow_reader(node, ordered["url"]):
        assert settled(lambda: read_bytes(pid)) - before < IN_FLIGHT_BYTES
        assert len(open_originals(node, pid)) == 1
    until(lambda: not open_originals(node, pid), "the original to be closed")
    assert read_bytes(pid) - before < IN_FLIGHT_BYTES


def test_a_download_goes_on_after_the_server_was_killed(node: RunningNode, ordered: dict[str, Any]) -> None:
    url, size = f"{node.url}{ordered['url']}", ordered["size"]
    got, tag = b"", ""
    with pytest.raises(httpx.TransportError), httpx.stream("GET", url, timeout=60) as answer:  # noqa: PT012 (it breaks on the way)
        tag = answer.headers["etag"]
        assert int(answer.headers["content-length"]) == size
        for piece in answer.iter_raw(MIB):
            got += piece
            if len(got) >= 20 * MIB and not node_was_killed(node):
                node.kill(Part.HTTP)
    assert 20 * MIB <= len(got) < size
    node.wait_until_ready()
    rest = httpx.get(url, headers={"Range": f"bytes={len(got)}-", "If-Range": tag}, timeout=60)
    assert rest.status_code == 206
    whole = httpx.get(url, timeout=60)
    assert got + rest.content == whole.content
    with zipfile.ZipFile(io.BytesIO(got + rest.content)) as archive:
        assert archive.testzip() is None


def node_was_killed(node: RunningNode) -> bool:
    return bool(node._killed)


def test_an_original_that_has_changed_breaks_the_connection(node: RunningNode, ordered: dict[str, Any]) -> None:
    originals = [path for path in (node.data_dir / "originals").rglob("*") if path.is_file() and len(path.name) == 64]
    damaged = max(originals, key=lambda path: path.stat().st_size)
    damaged.chmod(0o600)
    with damaged.open("r+b") as file:
        file.seek(1000)
        file.write(b"?")
    got: list[int] = []
    url = f"{node.url}{ordered['url']}"
    with pytest.raises(httpx.RemoteProtocolError), httpx.stream("GET", url, timeout=60) as answer:
        got.extend(map(len, answer.iter_raw()))
    # All the others came whole, and of the last one all but its end.
    assert (FILES - 1) * FILE_BYTES < sum(got) < ordered["size"]
    assert f'"checksum": "{damaged.name}"' in node.log
