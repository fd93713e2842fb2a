"""A large archive through the API: speed beside reading and summing the same files, and memory of the server."""

import hashlib
import os
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil

from kit import MIB, BenchNode, bench_node, difference, report

FILE_BYTES = 256 * MIB
CHUNK_BYTES = MIB
START = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"  # taken for a photo


def main() -> None:
    """Run the benchmark."""
    total_bytes = int(os.environ.get("BENCH_ZIP_BYTES", str(5 * 1024 * MIB)))
    with bench_node(AFTERGLOW_DISK_RESERVE_BYTES="1", AFTERGLOW_DISK_RESERVE_PERCENT="0") as node:
        headers = {"Authorization": f"Bearer {node.claim()}"}
        with httpx.Client(base_url=node.url, headers=headers, timeout=600) as client:
            sizes = [FILE_BYTES] * max(total_bytes // FILE_BYTES, 1)
            photo_ids = [upload(client, number, size) for number, size in enumerate(sizes)]
            ordered = client.post("/api/downloads", json={"photoIds": photo_ids}).raise_for_status().json()
            originals = [path for path in (node.data_dir / "originals").rglob("*") if len(path.name) == 64]
            floor_s = timed(lambda: floor(originals))
            first = download(node, client, ordered)
            again = download(node, client, ordered)
            floor_s = min(floor_s, timed(lambda: floor(originals)))
    report(
        "zip",
        archive_bytes=ordered["size"],
        files=ordered["count"],
        first=first | {"ratio_to_floor": round(first["seconds"] / floor_s, 2)},
        again=again | {"ratio_to_floor": round(again["seconds"] / floor_s, 2)},
        floor_mb_per_s=round(sum(sizes) / floor_s / 1e6),
    )


def upload(client: httpx.Client, number: int, size: int) -> str:
    """Send one file and return its photo."""
    opened = client.post("/api/upload-sessions", json={"filename": f"{number}.jpg", "size": size}).raise_for_status()
    session = f"/api/upload-sessions/{opened.json()['id']}"
    client.put(f"{session}/chunks", params={"offset": 0}, content=content(number, size)).raise_for_status()
    return str(client.post(f"{session}/complete").raise_for_status().json()["photoId"])


def content(number: int, size: int) -> Iterator[bytes]:
    """Yield a file's bytes: no two files have the same."""
    block = hashlib.shake_128(str(number).encode()).digest(CHUNK_BYTES)
    yield START + block[: CHUNK_BYTES - len(START)]
    yield from [block] * (size // CHUNK_BYTES - 1)


def download(node: BenchNode, client: httpx.Client, ordered: dict[str, object]) -> dict[str, float]:
    """Fetch the archive and throw it away; return what that took."""
    server = server_of(node)
    before_bytes, cost = server.memory_info().rss, node.cost()
    peak_bytes, received, since_look = before_bytes, 0, 0
    started = time.perf_counter()
    with client.stream("GET", str(ordered["url"])) as answer:
        for chunk in answer.iter_raw(CHUNK_BYTES):
            received += len(chunk)
            since_look += len(chunk)
            if since_look >= 64 * MIB:
                peak_bytes, since_look = max(peak_bytes, server.memory_info().rss), 0
    seconds = time.perf_counter() - started
    assert received == ordered["size"]
    return {
        "seconds": round(seconds, 2),
        "mb_per_s": round(received / seconds / 1e6),
        "cpu_s_http": difference(node.cost(), cost)["http"],
        "rss_growth_mib": round((peak_bytes - before_bytes) / MIB, 1),
    }


def server_of(node: BenchNode) -> psutil.Process:
    """Return the process that answers requests: the one of them with the most memory."""
    found = [
        child for child in psutil.Process(node.process.pid).children(recursive=True)
        if "entry.http" in " ".join(child.cmdline()) or "granian" in child.name()
    ]  # fmt: skip
    return max(found, key=lambda process: process.memory_info().rss)


def floor(originals: list[Path]) -> int:
    """Read all files and sum their bytes: what nobody gets below who tells a CRC-32."""
    crc32 = 0
    for path in originals:
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK_BYTES):
                crc32 = zlib.crc32(chunk, crc32)
    return crc32


def timed(work: Callable[[], object]) -> float:
    """Return how long something takes [s]."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
