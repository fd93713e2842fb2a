"""What the routes of uploads share: the ports, and the body of a request."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Request
from starlette.requests import ClientDisconnect

from afterglow.features.uploads.service import UploadPorts
from afterglow.infra.web.provide import Provided

Ports = Annotated[UploadPorts, Provided(UploadPorts)]


async def body_of(request: Request) -> AsyncIterator[bytes]:
    """Iterate over the body; a client that went away is a broken connection, as below the routes."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise ConnectionAbortedError from error


def announced_bytes(request: Request) -> int | None:
    """Return the size that a request announces of its body [bytes]; None where it does not."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None
