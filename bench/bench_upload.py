"""One large file through an upload session, against `cp`, fsync, eviction and `sha256sum`; and hash-first answers."""

import asyncio
import hashlib
import http.client
import os
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import psutil

from afterglow.infra.db.embedded import OWNER_ROLE, EmbeddedPostgres
from kit import MIB, BenchNode, bench_node, report

SIZE_BYTES = int(os.environ.get("BENCH_UPLOAD_BYTES", str(4096 * MIB)))
KNOWN = 10_000
RUNS = 2
HEAD = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41"  # what any look at its first bytes takes for MP4


def main() -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory(prefix="afterglow-bench-") as folder, bench_node() as node:
        token = node.claim()
        time.sleep(3)  # what start-up still does is not the upload
        film = Path(folder) / "film.mp4"
        copy_s, upload_s, grown = [], [], 0
        for run in range(RUNS):
            # Turn and turn about, so that a disk that gets slower or faster does so for both.
            make_film(film, seed=run)
            copy_s.append(copy(film, Path(folder) / "copy.mp4"))
            before = http_rss(node)
            watch = Peak(node)
            upload_s.append(upload(node, token, film, watch))
            grown = max(grown, watch.peak - before)
            copy_s.append(copy(film, Path(folder) / "copy.mp4"))
        unknown_s, known_s, signed_s = hash_first(node, token)
    copied, uploaded = sum(copy_s) / len(copy_s), sum(upload_s) / len(upload_s)
    report(
        "upload",
        mib=SIZE_BYTES // MIB,
        upload_mib_per_s=round(SIZE_BYTES / MIB / uploaded, 1),
        copy_mib_per_s=round(SIZE_BYTES / MIB / copied, 1),
        ratio_to_copy=round(copied / uploaded, 3),
        upload_s=[round(seconds, 2) for seconds in upload_s],
        copy_s=[round(seconds, 2) for seconds in copy_s],
        http_rss_growth_mib=round(grown / MIB, 1),
        known_checksums=KNOWN,
        hash_first_s=round(known_s, 3),
        hash_first_unknown_s=round(unknown_s, 3),
        hash_first_signed_s=round(signed_s, 3),
    )


def make_film(path: Path, seed: int) -> None:
    """Write a file of noise that begins like a film; every block of it is on the disk."""
    rnd = random.Random(seed)  # noqa: S311 - noise, not a secret
    noise = bytearray(rnd.randbytes(16 * MIB))
    with path.open("wb") as film:
        left = SIZE_BYTES - film.write(HEAD)
        while left > 0:
            noise[:8] = left.to_bytes(8, "big")
            left -= film.write(memoryview(noise)[: min(left, len(noise))])
        film.flush()
        os.fsync(film.fileno())


def copy(source: Path, target: Path) -> float:
    """Return the seconds that a careful person needs to copy a file and to be sure of the copy."""
    started = time.monotonic()
    subprocess.run(["cp", str(source), str(target)], check=True)
    with target.open("rb") as copied:
        os.fsync(copied.fileno())
        os.posix_fadvise(copied.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    subprocess.run(["sha256sum", str(target)], check=True, stdout=subprocess.DEVNULL)
    taken_s = time.monotonic() - started
    target.unlink()
    return taken_s


class Peak:
    """The largest resident set of the http processes that was seen."""

    def __init__(self, node: BenchNode) -> None:
        self._node = node
        self.peak = 0

    def look(self) -> None:
        """Look once."""
        self.peak = max(self.peak, http_rss(self._node))


def http_rss(node: BenchNode) -> int:
    """Return the resident set of the http processes, in bytes."""
    children = psutil.Process(node.process.pid).children(recursive=True)
    return sum(child.memory_info().rss for child in children if "entry.http" in " ".join(child.cmdline()))


def upload(node: BenchNode, token: str, film: Path, watch: Peak) -> float:
    """Send the file in chunks of the size that the server suggests; return the seconds until its receipt."""
    started = time.monotonic()
    session = call(node, token, "POST", "/api/upload-sessions", {"filename": film.name, "size": SIZE_BYTES})
    connection = http.client.HTTPConnection("127.0.0.1", httpx.URL(node.url).port, timeout=600)
    with film.open("rb") as file:
        for offset, size in chunks(SIZE_BYTES, int(session["chunkSize"])):
            connection.putrequest("PUT", f"{session['uploadUrl']}?offset={offset}")
            connection.putheader("Authorization", f"Bearer {token}")
            connection.putheader("Content-Length", str(size))
            connection.endheaders()
            connection.sock.sendfile(file, offset, size)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != http.client.OK:
                raise SystemExit(f"chunk at {offset}: {answer.status} {body.decode()}")
            watch.look()
    connection.close()
    accepted = call(node, token, "POST", f"/api/upload-sessions/{session['id']}/complete")
    taken_s = time.monotonic() - started
    watch.look()
    if accepted["receipt"]["state"] != "stored":
        raise SystemExit(f"not stored: {accepted}")
    return taken_s


def chunks(size_bytes: int, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield offset and size of each chunk."""
    for offset in range(0, size_bytes, chunk_bytes):
        yield offset, min(chunk_bytes, size_bytes - offset)


def call(node: BenchNode, token: str, method: str, path: str, body: object = None) -> dict:
    """Return the answer to a call."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.request(method, node.url + path, json=body, headers=headers, timeout=600).raise_for_status().json()


def hash_first(node: BenchNode, token: str) -> tuple[float, float, float]:
    """Return the seconds of an answer about 10,000 checksums: unknown ones, known ones, and known ones with signatures.

    The known ones are rows put straight into the database: uploading as many would be another benchmark.
    """
    checksums = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(1, KNOWN + 1)]
    unknown_s = ask(node, token, checksums, 0)
    owner_id = call(node, token, "GET", "/api/auth/me")["id"]
    asyncio.run(fill(node, owner_id))
    known_s = ask(node, token, checksums, KNOWN)
    return unknown_s, known_s, ask(node, token, checksums, KNOWN, "?signed=1")


def ask(node: BenchNode, token: str, checksums: list[str], expected: int, query: str = "") -> float:
    """Return the best of three answers' seconds."""
    taken_s = []
    for _ in range(3):
        started = time.monotonic()
        items = call(node, token, "POST", f"/api/receipts{query}", {"checksums": checksums})["items"]
        taken_s.append(time.monotonic() - started)
        if len(items) != expected:
            raise SystemExit(f"{len(items)} of {expected} checksums are known")
    return min(taken_s)


async def fill(node: BenchNode, owner_id: str) -> None:
    """Give the owner photos that have these checksums, among others'."""
    dsn = EmbeddedPostgres(node.data_dir).endpoint().dsn(OWNER_ROLE)
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "afterglow, public"})
    await connection.execute(FILL, owner_id, KNOWN)
    await connection.execute("ANALYZE")
    await connection.close()


FILL = """
    WITH made AS (SELECT gen_random_uuid() AS id, n, sha256(n::text::bytea) AS checksum FROM generate_series(1, $2) n),
    photo AS (
        INSERT INTO photos (id, owner_id, status, kind, mime, filename, taken_local, taken_at, taken_source, created_at,
                            updated_at)
        SELECT id, $1, 'STORED', 'photo', 'image/jpeg', 'a.jpg', '2024-06-15', now(), 'exif', now(), now() FROM made),
    original AS (INSERT INTO originals (checksum, size_bytes, created_at) SELECT checksum, n, now() FROM made),
    place AS (
        INSERT INTO original_locations (checksum, store, key, state, verified_at)
        SELECT checksum, 'home', n::text, 'present', now() FROM made)
    INSERT INTO photo_files (id, photo_id, owner_id, role, checksum, size_bytes, mime, name, source, created_at)
    SELECT id, id, $1, 'primary', checksum, n, 'image/jpeg', 'a.jpg', 'upload', now() FROM made
"""


if __name__ == "__main__":
    main()
