"""Multipart bodies as a stream: a part is handed on while it arrives; nothing is spooled, memory is bounded.

References:
    RFC 7578, "multipart/form-data"; WHATWG HTML, section 4.10.22.8, for what browsers really send.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from afterglow.infra.web.filenames import clean_name, parse_disposition
from afterglow.kernel.errors import InvalidError, TooLargeError
from afterglow.kernel.units import KIB

_MAX_EPILOGUE_BYTES = 64 * KIB  # what follows the last boundary is read, so that the connection can be used again


class BadMultipartError(InvalidError):
    """The body is not a valid multipart form."""

    code = "upload.bad-multipart"


class FieldTooLargeError(TooLargeError):
    """A field of the form is larger than allowed."""

    code = "upload.field-too-large"


@dataclass(frozen=True, slots=True)
class MultipartLimits:
    """Bounds on what is not a file; files are bounded by who stores them."""

    max_parts: int = 64
    max_field_bytes: int = 64 * KIB
    max_header_bytes: int = 8 * KIB
    """Of one header of a part."""


@dataclass(frozen=True, slots=True)
class FieldPart:
    """A plain field of the form."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of the form, on its way."""

    name: str
    filename: str
    """Plain name as the client gave it, without folders and control characters; for showing only."""
    content_type: str | None
    """Type that the client claims."""
    chunks: AsyncIterator[bytes] = field(repr=False)
    """The bytes; to be read before the next part is asked for, else they are skipped."""


Part = FieldPart | FilePart


async def stream_multipart(request: Request, *, limits: MultipartLimits | None = None) -> AsyncIterator[Part]:
    """Iterate over the parts of a `multipart/form-data` body, in their order, while it arrives.

    A file's bytes are pulled from the network only as fast as they are consumed. A part with a `filename` is a file,
    any other one a field.

    Raises:
        BadMultipartError: The body is malformed, ends early, or is of another type.
        FieldTooLargeError: A field is larger than allowed (field `limit`).
        starlette.requests.ClientDisconnect: The client went away in the middle; `problems.install` knows it.
    """
    limits = limits or MultipartLimits()
    async with aclosing(request.stream()) as body:
        events = _Events(body, _boundary_of(request), limits)
        while await events.next_part():
            if events.filename is None:
                yield FieldPart(events.name, await events.read_field(limits.max_field_bytes))
            else:
                yield FilePart(events.name, clean_name(events.filename), events.content_type, events.chunks())
                await events.skip()


def _boundary_of(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise BadMultipartError("the body has to be multipart/form-data with a boundary")
    return boundary


@contextmanager
def _parser_errors() -> Iterator[None]:
    try:
        yield
    except FormParserError as error:
        raise BadMultipartError(f"the form is malformed: {error}") from error


class _Events:
    """Turns the parser's callbacks into something to wait for: one body chunk is parsed at a time."""

    def __init__(self, body: AsyncGenerator[bytes, None], boundary: bytes, limits: MultipartLimits) -> None:
        self._body = body
        self._limits = limits
        self._queue: deque[bytes | dict[str, bytes] | None] = deque()  # headers, then data, then None: end of part
        self._headers: dict[str, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._parts = 0
        self._is_complete = False
        self._epilogue_bytes = 0
        self._in_part = False
        with _parser_errors():
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": lambda: self._queue.append(self._headers),
                    "on_part_data": lambda data, start, end: self._queue.append(data[start:end]),
                    "on_part_end": lambda: self._queue.append(None),
                    "on_end": self._on_end,
                },
                max_header_size=limits.max_header_bytes,
            )
        self.name = ""
        self.filename: str | None = None
        self.content_type: str | None = None

    async def next_part(self) -> bool:
        """Go to the next part; returns False after the last."""
        headers = await self._next()
        if headers is None:
            return False
        assert isinstance(headers, dict)  # noqa: S101 - the parser's order of events
        name, self.filename = parse_disposition(headers.get("content-disposition", b""))
        if name is None:
            raise BadMultipartError("a part has no name")
        self.name = name
        claimed = headers.get("content-type")
        self.content_type = claimed.decode("latin-1").strip() if claimed else None
        self._in_part = True
        return True

    async def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the data of the present part."""
        while self._in_part:
            data = await self._next()
            if isinstance(data, bytes):
                yield data
            else:
                self._in_part = False

    async def read_field(self, max_bytes: int) -> str:
        """Return the present part as text."""
        value = bytearray()
        async for data in self.chunks():
            value += data
            if len(value) > max_bytes:
                raise FieldTooLargeError(limit=max_bytes, field=self.name)
        return value.decode(errors="replace")

    async def skip(self) -> None:
        """Drop what is left of the present part."""
        async for _ in self.chunks():
            pass

    async def _next(self) -> bytes | dict[str, bytes] | None:
        while not self._queue:
            chunk = await anext(self._body, b"")
            if not chunk and self._is_complete:
                return None
            if not chunk or self._epilogue_bytes > _MAX_EPILOGUE_BYTES:
                raise BadMultipartError("the form does not end where it should")
            if self._is_complete:
                self._epilogue_bytes += len(chunk)
            with _parser_errors():
                self._parser.write(chunk)
        return self._queue.popleft()

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > self._limits.max_parts:
            raise BadMultipartError(f"the form has more than {self._limits.max_parts} parts")
        self._headers = {}

    def _on_header_end(self) -> None:
        name, value = self._header
        self._headers[bytes(name).decode("latin-1").strip().lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _on_end(self) -> None:
        self._is_complete = True
