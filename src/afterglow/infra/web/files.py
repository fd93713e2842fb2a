"""Answers made of files: validators, ranges, names, caching; streamed in bounded chunks, never loaded whole."""

import errno
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from io import FileIO
from pathlib import Path
from stat import S_ISREG
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from afterglow.infra.storage.threads import finish_in_thread, open_in_thread
from afterglow.infra.web.filenames import content_disposition
from afterglow.infra.web.problems import ProblemResponse
from afterglow.infra.web.ranges import Selection, http_date, is_known, plan_selection, quote_tag
from afterglow.kernel.errors import CorruptError, NotFoundError, UnavailableError
from afterglow.kernel.units import KIB

CHUNK_BYTES = 256 * KIB
SMALL_BYTES = 256 * KIB  # thumbnails: opened and read in one hop to a thread, sent in one piece

Disposition = Literal["inline", "attachment"]
OpenRange = Callable[[int, int], Awaitable[AsyncIterator[bytes]]]
"""Opens the bytes from the first number up to, not including, the second; as `ObjectStore.open_range` does."""

_MIME = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
# What a browser shows without running anything in it. SVG, HTML, XML and PDF are not among them.
_SHOWN_INLINE = re.compile(r"(?:image/(?!svg)[a-z0-9.+-]+|video/[a-z0-9.+-]+|audio/[a-z0-9.+-]+)")
# Should something active slip through all the same, it runs in no origin and may load nothing.
_FILE_POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"


class FileMissingError(NotFoundError):
    """The file is not there (any more)."""

    code = "file.missing"


class FileUnreadableError(UnavailableError):
    """The file can't be read at the moment."""

    code = "file.unreadable"


class FileTruncatedError(CorruptError):
    """The file ended before its size."""

    code = "file.truncated"


class CachePolicy(StrEnum):
    """How long a browser may keep an answer; shared caches never may, since photos are private."""

    IMMUTABLE = "private, max-age=31536000, immutable"
    """For URLs that name a version of the bytes."""
    REVALIDATE = "private, no-cache"
    """Kept, but asked for by its tag each time."""
    NO_STORE = "private, no-store"
    """Not kept at all."""


@dataclass(frozen=True, slots=True)
class Represented:
    """What an answer says about its bytes."""

    mime: str
    etag: str
    """Opaque tag, without quotes: the checksum, or key and version of a derivative."""
    cache: CachePolicy
    filename: str | None = None
    disposition: Disposition = "inline"
    last_modified: datetime | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that describe the bytes.

        Raises:
            ValueError: The tag is not an entity tag.
        """
        mime = self.mime if _MIME.fullmatch(self.mime) else "application/octet-stream"
        kind = self.disposition if _SHOWN_INLINE.fullmatch(mime) else "attachment"
        headers = {
            "Content-Type": mime,
            "Content-Disposition": content_disposition(kind, self.filename),
            "ETag": quote_tag(self.etag),
            "Cache-Control": self.cache.value,
            "Accept-Ranges": "bytes",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": _FILE_POLICY,
        }
        if self.last_modified is not None:
            headers["Last-Modified"] = http_date(self.last_modified)
        return headers


async def file_response(
    request: Request,
    path: Path,
    *,
    mime: str,
    etag: str,
    cache: CachePolicy,
    filename: str | None = None,
    disposition: Disposition = "inline",
    last_modified: datetime | None = None,
) -> Response:
    """Return the answer to a GET or HEAD for a file: 200, 206, 304 or 416.

    Where the server offers to send files itself (ASGI extension `http.response.pathsend`), whole files are left to
    it. Types that could run something in a browser are always attachments.

    Args:
        request: The request; its conditions and range are honoured.
        path: The file; complete, and never changed in place.
        mime: Type by content, not by name.
        etag: Opaque tag, without quotes.
        cache: How long it may be kept.
        filename: Name to save under; None for none.
        disposition: Whether to show or to save it.
        last_modified: When it last changed; None if that says nothing.

    Raises:
        FileMissingError: There is no such plain file.
        FileUnreadableError: The disk failed.
        FileTruncatedError: The disk returned less than the file has; may also come while it is sent, which then
            breaks off.
    """
    represented = Represented(mime, etag, cache, filename, disposition, last_modified)
    if is_known(request.headers, etag, last_modified):
        return _bodiless(304, represented)
    opened = await open_in_thread(_open, path)
    selection = plan_selection(request.method, request.headers, opened.size_bytes, etag, last_modified)
    if opened.content is not None or request.method == "HEAD" or selection.start == selection.end:
        opened.close()
        content = (opened.content or b"")[selection.start : selection.end]
        return _answer(request, represented, selection, opened.size_bytes, content)
    if selection.status == HTTPStatus.OK and _offers_pathsend(request):
        opened.close()
        return _PathResponse(path, _length_headers(represented, selection, opened.size_bytes))
    chunks = opened.chunks(selection.start, selection.end)
    return _answer(request, represented, selection, opened.size_bytes, chunks)


async def stream_response(
    request: Request, size_bytes: int, open_range: OpenRange, represented: Represented
) -> Response:
    """Return the answer to a GET or HEAD for bytes that lie elsewhere, such as in an object store.

    Args:
        request: The request; its conditions and range are honoured.
        size_bytes: Size of the whole.
        open_range: Opens what is to be sent; what it raises is raised here. Not called if nothing is sent.
        represented: What the answer says about the bytes.
    """
    selection = plan_selection(request.method, request.headers, size_bytes, represented.etag, represented.last_modified)
    if request.method == "HEAD" or selection.start == selection.end:
        return _answer(request, represented, selection, size_bytes, b"")
    return _answer(request, represented, selection, size_bytes, await open_range(selection.start, selection.end))


def _answer(
    request: Request,
    represented: Represented,
    selection: Selection,
    size_bytes: int,
    body: bytes | AsyncIterator[bytes],
) -> Response:
    if selection.status == HTTPStatus.NOT_MODIFIED:
        return _bodiless(304, represented)
    if selection.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        headers = {"Content-Range": f"bytes */{size_bytes}", "Accept-Ranges": "bytes"}
        fields = {"size": size_bytes}
        return ProblemResponse(
            416, "range-not-satisfiable", "The file ends before this range.", fields=fields, headers=headers
        )
    headers = _length_headers(represented, selection, size_bytes)
    if request.method == "HEAD":
        return Response(status_code=selection.status, headers=headers)
    if isinstance(body, bytes):
        return Response(body, selection.status, headers)
    return _ChunksResponse(body, selection.status, headers)


def _length_headers(represented: Represented, selection: Selection, size_bytes: int) -> dict[str, str]:
    headers = represented.headers() | {"Content-Length": str(selection.end - selection.start)}
    if selection.status == HTTPStatus.PARTIAL_CONTENT:
        headers["Content-Range"] = f"bytes {selection.start}-{selection.end - 1}/{size_bytes}"
    return headers


def _bodiless(status: int, represented: Represented) -> Response:
    kept = ("ETag", "Cache-Control", "Last-Modified")
    return Response(
        status_code=status, headers={name: value for name, value in represented.headers().items() if name in kept}
    )


def _offers_pathsend(request: Request) -> bool:
    return "http.response.pathsend" in request.scope.get("extensions", {})


class _PathResponse(Response):
    """A whole file, sent by the server."""

    def __init__(self, path: Path, headers: dict[str, str]) -> None:
        super().__init__(headers=headers)
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.pathsend", "path": str(self._path)})


class _ChunksResponse(StreamingResponse):
    """Chunks of known total length; what they hold open is closed when the client goes away."""

    def __init__(self, chunks: AsyncIterator[bytes], status: int, headers: dict[str, str]) -> None:
        super().__init__(chunks, status, headers)
        self._chunks = chunks

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            if isinstance(self._chunks, AsyncGenerator):
                await self._chunks.aclose()


@dataclass(slots=True)
class _Opened:
    """An open file, or a small one's content."""

    size_bytes: int
    file: FileIO
    content: bytes | None

    def close(self) -> None:
        self.file.close()

    async def chunks(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        with self.file:
            while start < end:
                chunk = await finish_in_thread(_read, self.file.fileno(), min(CHUNK_BYTES, end - start), start)
                start += len(chunk)
                yield chunk


def _open(path: Path) -> _Opened:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise FileMissingError from error
        raise FileUnreadableError from error
    found = os.fstat(descriptor)
    if not S_ISREG(found.st_mode):
        os.close(descriptor)
        raise FileMissingError
    opened = _Opened(found.st_size, FileIO(descriptor), None)
    if found.st_size <= SMALL_BYTES:
        with opened.file:
            opened.content = _read(descriptor, found.st_size, 0)
    return opened


def _read(descriptor: int, count: int, offset: int) -> bytes:
    """Read exactly this many bytes."""
    try:
        chunk = os.pread(descriptor, count, offset)
    except OSError as error:
        raise FileUnreadableError from error
    if len(chunk) < count:
        raise FileTruncatedError
    return chunk
