"""Multipart bodies as a stream."""

from collections.abc import Iterable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect, Request

from afterglow.infra.web.multipart import (
    BadMultipartError,
    FieldPart,
    FieldTooLargeError,
    FilePart,
    MultipartLimits,
    stream_multipart,
)

BOUNDARY = "x-boundary"
Read = list[tuple[str, str | None, bytes | str]]


def request_of(
    chunks: Iterable[bytes], content_type: str = f"multipart/form-data; boundary={BOUNDARY}", *, cut: bool = False
) -> Request:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    last = {"type": "http.disconnect"} if cut else {"type": "http.request", "body": b"", "more_body": False}
    pending = iter([*messages, last])

    async def receive() -> dict[str, object]:
        return next(pending)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", content_type.encode())]}
    return Request(scope, receive)


async def read(request: Request, limits: MultipartLimits | None = None) -> Read:
    parts: Read = []
    async for part in stream_multipart(request, limits=limits):
        if isinstance(part, FieldPart):
            parts.append((part.name, None, part.value))
        else:
            parts.append((part.name, part.filename, b"".join([chunk async for chunk in part.chunks])))
    return parts


def body_of(*parts: tuple[str, bytes]) -> bytes:
    """Return a body of parts with the given Content-Disposition and content."""
    written = [f"--{BOUNDARY}\r\n{header}\r\n\r\n".encode() + content + b"\r\n" for header, content in parts]
    return b"".join(written) + f"--{BOUNDARY}--\r\n".encode()


def split(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


FILE = 'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\nContent-Type: image/jpeg'
FIELD = 'Content-Disposition: form-data; name="category"'
TRICKY = b"\r\n--x-bound\r\r\n\n--x-boundary!" + bytes(range(256)) * 9 + b"\r\n--"


@given(st.integers(1, 400), st.lists(st.binary(max_size=300) | st.just(TRICKY), max_size=4))
async def test_bytes_arrive_whole_however_they_are_cut(size: int, contents: list[bytes]) -> None:
    safe = [content.replace(b"x-boundary", b"x-other") for content in contents]
    body = body_of(*((FILE, content) for content in safe))
    assert await read(request_of(split(body, size))) == [("file", "a.jpg", content) for content in safe]


async def test_reads_what_a_real_client_sends() -> None:
    sent = httpx.Request(
        "POST", "http://test", data={"category": "Ferien ☀"}, files={"file": ('Zoë "1".jpg', TRICKY, "image/jpeg")}
    )
    body, content_type = sent.read(), sent.headers["content-type"]
    assert await read(request_of(split(body, 100), content_type)) == [
        ("category", None, "Ferien ☀"),
        ("file", 'Zoë "1".jpg', TRICKY),
    ]


async def test_a_file_tells_its_claimed_type_and_a_plain_name() -> None:
    header = 'Content-Disposition: form-data; name="file"; filename="../../x\\y\0.jpg"\r\nContent-Type: text/x-strange'
    async for part in stream_multipart(request_of([body_of((header, b"abc"))])):
        assert isinstance(part, FilePart)
        assert (part.name, part.filename, part.content_type) == ("file", "y.jpg", "text/x-strange")


async def test_a_file_that_nobody_reads_is_skipped() -> None:
    body = body_of((FILE, b"x" * 10_000), (FIELD, b"car"), (FILE, b"y" * 10_000), (FILE, b"z"))
    seen = []
    async for part in stream_multipart(request_of(split(body, 1000))):
        seen.append(part.name)
        if isinstance(part, FilePart) and len(seen) == 3:
            async for _ in part.chunks:
                break
    assert seen == ["file", "category", "file", "file"]


@pytest.mark.req("P-8")
async def test_no_more_is_taken_from_the_network_than_is_asked_for() -> None:
    taken = []

    def chunks() -> Iterable[bytes]:
        for chunk in split(body_of((FILE, bytes(100_000))), 1000):
            taken.append(chunk)
            yield chunk

    pending = chunks()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": next(pending), "more_body": True}

    scope = {
        "type": "http",
        "method": "POST",
        "headers": [(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())],
    }
    parts = stream_multipart(Request(scope, receive))
    part = await anext(parts)
    assert isinstance(part, FilePart)
    assert len(taken) == 1
    await anext(part.chunks)
    await anext(part.chunks)
    assert len(taken) <= 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        f"--{BOUNDARY}".encode(),
        f"--{BOUNDARY}\r\n".encode(),
        f"--{BOUNDARY}\r\n{FILE}\r\n\r\nhalf a photo".encode(),
        body_of((FILE, b"abc"))[:-5],
        f"--{BOUNDARY}\r\nno colon\r\n\r\nabc\r\n--{BOUNDARY}--".encode(),
        body_of(("Content-Type: image/jpeg", b"no name")),
        body_of(("Content-Disposition: form-data; filename=a.jpg", b"no name")),
        body_of((f"X: {'y' * 20_000}", b"endless header")),
        body_of(("\r\n".join(f"X-{n}: y" for n in range(50)), b"many headers")),
        body_of((FILE, b"abc")) + bytes(200_000),
    ],
)
async def test_a_malformed_or_cut_body_is_refused(body: bytes) -> None:
    with pytest.raises(BadMultipartError):
        await read(request_of(split(body, 50_000)))


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=x",
        "multipart/form-data; boundary=" + "x" * 300,
    ],
)
async def test_another_type_of_body_is_refused(content_type: str) -> None:
    with pytest.raises(BadMultipartError):
        await read(request_of([body_of((FILE, b""))], content_type))


async def test_an_empty_form_is_a_form() -> None:
    assert await read(request_of([body_of((FILE, b""))])) == [("file", "a.jpg", b"")]


async def test_what_follows_the_end_is_ignored() -> None:
    assert await read(request_of([body_of((FIELD, b"car")) + b"epilogue", b"more"])) == [("category", None, "car")]


async def test_a_field_is_bounded() -> None:
    limits = MultipartLimits(max_field_bytes=10)
    assert await read(request_of([body_of((FIELD, b"x" * 10))]), limits) == [("category", None, "x" * 10)]
    with pytest.raises(FieldTooLargeError) as refused:
        await read(request_of(split(body_of((FIELD, b"x" * 11)), 3)), limits)
    assert refused.value.fields == {"limit": 10, "field": "category"}


async def test_the_number_of_parts_is_bounded() -> None:
    with pytest.raises(BadMultipartError):
        await read(request_of([body_of(*[(FIELD, b"")] * 4)]), MultipartLimits(max_parts=3))


async def test_a_client_that_goes_away_is_told_apart_from_a_bad_one() -> None:
    half = body_of((FILE, b"abc" * 1000))[:500]
    with pytest.raises(ClientDisconnect):
        await read(request_of([half], cut=True))


@given(
    st.lists(st.binary(max_size=60) | st.sampled_from([b"--x-boundary", b"\r\n", b"--", FILE.encode()]), max_size=20)
)
async def test_nonsense_is_refused_or_read_but_breaks_nothing(chunks: list[bytes]) -> None:
    try:
        parts = await read(request_of(chunk for chunk in chunks if chunk))
    except BadMultipartError:
        return
    assert all(isinstance(name, str) for name, _, _ in parts)
