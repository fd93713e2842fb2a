"""Files over HTTP."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response

from afterglow.infra.storage.memory import MemoryStore
from afterglow.infra.web import problems
from afterglow.infra.web.files import (
    SMALL_BYTES,
    CachePolicy,
    FileTruncatedError,
    Represented,
    file_response,
    stream_response,
)
from afterglow.kernel.checksums import Checksum

SMALL = b"0123456789"
LARGE = hashlib.shake_128(b"large").digest(SMALL_BYTES * 3 + 17)
real_pread = os.pread

Answer = Callable[[Request], Awaitable[Response]]


def app_for(answer: Answer) -> FastAPI:
    app = FastAPI()
    problems.install(app)

    @app.api_route("/", methods=["GET", "HEAD"])
    async def serve(request: Request) -> Response:
        return await answer(request)

    return app


async def fetch(answer: Answer, method: str = "GET", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app_for(answer), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, "/", headers=named)


def open_files() -> int:
    """Return how many descriptors this process holds."""
    return len(list(Path("/dev/fd").iterdir()))


def file_of(path: Path, **options: object) -> Answer:
    described = {"mime": "image/jpeg", "etag": "tag", "cache": CachePolicy.REVALIDATE, **options}
    return lambda request: file_response(request, path, **described)


@pytest.fixture(params=["small file", "large file", "store"])
async def source(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[bytes, Answer]:
    """Give some bytes, and an answer made of them."""
    content = SMALL if request.param == "small file" else LARGE
    path = tmp_path / "photo"
    path.write_bytes(content)
    if request.param != "store":
        return content, file_of(path)
    store = MemoryStore("home")
    await store.put("photo", path, Checksum.of(content))

    async def open_range(start: int, end: int) -> AsyncIterator[bytes]:
        return await store.open_range("photo", start, end)

    represented = Represented("image/jpeg", "tag", CachePolicy.REVALIDATE)
    return content, lambda request: stream_response(request, len(content), open_range, represented)


class TestBytes:
    async def test_the_whole_is_sent_with_what_describes_it(self, source) -> None:
        content, answer = source
        got = await fetch(answer)
        assert got.status_code == 200
        assert got.content == content
        assert got.headers["content-length"] == str(len(content))
        assert got.headers["content-type"] == "image/jpeg"
        assert got.headers["etag"] == '"tag"'
        assert got.headers["accept-ranges"] == "bytes"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["cache-control"] == "private, no-cache"

    @pytest.mark.parametrize(
        ("requested", "part"), [("bytes=3-5", slice(3, 6)), ("bytes=4-", slice(4, None)), ("bytes=-2", slice(-2, None))]
    )
    async def test_a_range_is_sent_alone(self, source, requested: str, part: slice) -> None:
        content, answer = source
        got = await fetch(answer, range=requested)
        start, end, _ = part.indices(len(content))
        assert got.status_code == 206
        assert got.content == content[part]
        assert got.headers["content-range"] == f"bytes {start}-{end - 1}/{len(content)}"
        assert got.headers["content-length"] == str(end - start)

    async def test_head_tells_all_and_sends_nothing(self, source) -> None:
        content, answer = source
        got = await fetch(answer, "HEAD")
        assert got.content == b""
        assert got.headers["content-length"] == str(len(content))
        assert got.headers["etag"] == '"tag"'

    async def test_a_known_file_is_not_sent(self, source) -> None:
        _, answer = source
        got = await fetch(answer, if_none_match='"tag"')
        assert (got.status_code, got.content) == (304, b"")
        assert got.headers["etag"] == '"tag"'
        assert "content-type" not in got.headers

    async def test_a_range_beyond_the_end_is_a_problem(self, source) -> None:
        content, answer = source
        got = await fetch(answer, range=f"bytes={len(content)}-")
        assert got.status_code == 416
        assert got.headers["content-range"] == f"bytes */{len(content)}"
        assert got.json()["code"] == "range-not-satisfiable"
        assert "etag" not in got.headers

    async def test_a_resumed_download_of_another_version_starts_anew(self, source) -> None:
        content, answer = source
        got = await fetch(answer, range="bytes=5-", if_range='"older"')
        assert (got.status_code, got.content) == (200, content)

    async def test_several_ranges_get_the_whole(self, source) -> None:
        content, answer = source
        got = await fetch(answer, range="bytes=0-1,4-5")
        assert (got.status_code, got.content) == (200, content)

    async def test_an_empty_file_is_sent(self, tmp_path) -> None:
        (tmp_path / "empty").touch()
        got = await fetch(file_of(tmp_path / "empty"))
        assert (got.status_code, got.content, got.headers["content-length"]) == (200, b"", "0")


@pytest.mark.req("P-8")
class TestStreaming:
    async def test_a_large_file_is_never_held_whole(self, tmp_path, monkeypatch) -> None:
        (tmp_path / "large").write_bytes(LARGE)
        counts = []

        def pread(descriptor: int, count: int, offset: int) -> bytes:
            counts.append(count)
            return real_pread(descriptor, count, offset)

        monkeypatch.setattr(os, "pread", pread)
        assert (await fetch(file_of(tmp_path / "large"))).content == LARGE
        assert max(counts) <= SMALL_BYTES
        assert len(counts) == 4

    async def test_a_known_file_is_not_even_opened(self, tmp_path) -> None:
        got = await fetch(file_of(tmp_path / "not there"), if_none_match='"tag"')
        assert got.status_code == 304

    async def test_a_file_that_got_shorter_breaks_off(self, tmp_path, monkeypatch) -> None:
        (tmp_path / "large").write_bytes(LARGE)
        limit = len(LARGE) // 2
        monkeypatch.setattr(os, "pread", lambda fd, count, at: real_pread(fd, min(count, max(limit - at, 0)), at))
        transport = httpx.ASGITransport(app_for(file_of(tmp_path / "large")))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            with pytest.raises(RuntimeError, match="already started") as broken:
                await client.get("/")
        assert isinstance(broken.value.__cause__, FileTruncatedError)

    async def test_the_file_is_closed_when_the_client_goes_away(self, tmp_path) -> None:
        (tmp_path / "large").write_bytes(LARGE)
        sent = asyncio.Event()

        async def receive() -> dict[str, object]:
            await sent.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, object]) -> None:
            if message["type"] == "http.response.body":
                sent.set()
                await asyncio.Event().wait()  # a client that takes nothing any more

        scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.3"}}
        before = open_files()
        response = await file_of(tmp_path / "large")(Request(scope, receive))
        assert open_files() == before + 1
        await response(scope, receive, send)
        assert open_files() == before

    async def test_a_server_that_sends_files_itself_is_given_the_whole_ones(self, tmp_path) -> None:
        (tmp_path / "large").write_bytes(LARGE)
        messages = []

        async def send(message: dict[str, object]) -> None:
            messages.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [],
            "extensions": {"http.response.pathsend": {}},
        }
        response = await file_of(tmp_path / "large")(Request(scope))
        await response(scope, None, send)
        assert messages[0]["status"] == 200
        assert (b"content-length", str(len(LARGE)).encode()) in messages[0]["headers"]
        assert messages[1:] == [{"type": "http.response.pathsend", "path": str(tmp_path / "large")}]


class TestErrors:
    async def test_a_missing_file_is_a_problem(self, tmp_path) -> None:
        got = await fetch(file_of(tmp_path / "not there"))
        assert (got.status_code, got.json()["code"]) == (404, "file.missing")

    async def test_a_folder_or_a_pipe_is_no_file(self, tmp_path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path, tmp_path / "pipe", tmp_path / "pipe" / "x"):
            assert (await fetch(file_of(path))).status_code == 404

    async def test_a_failing_disk_is_a_reason_to_come_back(self, tmp_path, monkeypatch) -> None:
        (tmp_path / "small").write_bytes(SMALL)

        def pread(*args: object) -> bytes:
            raise OSError(5, "input/output error")

        monkeypatch.setattr(os, "pread", pread)
        got = await fetch(file_of(tmp_path / "small"))
        assert (got.status_code, got.json()["code"]) == (503, "file.unreadable")
        assert "retry-after" in got.headers


class TestSafety:
    @pytest.mark.parametrize(
        "mime", ["image/svg+xml", "text/html", "application/xhtml+xml", "application/pdf", "text/xml"]
    )
    async def test_what_could_run_is_never_shown_inline(self, tmp_path, mime: str) -> None:
        (tmp_path / "small").write_bytes(SMALL)
        got = await fetch(file_of(tmp_path / "small", mime=mime, filename="x.svg"))
        assert got.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in got.headers["content-security-policy"]

    @pytest.mark.parametrize("mime", ["image/jpeg", "image/avif", "video/mp4"])
    async def test_pictures_and_videos_are_shown(self, tmp_path, mime: str) -> None:
        (tmp_path / "small").write_bytes(SMALL)
        got = await fetch(file_of(tmp_path / "small", mime=mime))
        assert (got.headers["content-disposition"], got.headers["content-type"]) == ("inline", mime)

    async def test_a_strange_type_is_only_bytes(self, tmp_path) -> None:
        (tmp_path / "small").write_bytes(SMALL)
        got = await fetch(file_of(tmp_path / "small", mime="image/jpeg\r\nX-Evil: 1"))
        assert got.headers["content-type"] == "application/octet-stream"
        assert "x-evil" not in got.headers

    async def test_a_name_travels_whole(self, tmp_path) -> None:
        (tmp_path / "small").write_bytes(SMALL)
        got = await fetch(file_of(tmp_path / "small", filename='Zoë\r\n"x.jpg', disposition="attachment"))
        assert got.headers["content-disposition"] == (
            "attachment; filename=\"Zoe_x.jpg\"; filename*=UTF-8''Zo%C3%AB%22x.jpg"
        )
