"""The two protocols of resumable uploads that `/api/tus` speaks, told apart by a header.

References:
    tus 1.0.0 (tus.io/protocols/resumable-upload), with creation, creation-with-upload, checksum, expiration and
    termination; draft-ietf-httpbis-resumable-upload-05 ("Resumable Uploads for HTTP", interop version 6).
"""

from collections.abc import Mapping
from email.utils import format_datetime
from enum import Enum
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from afterglow.features.uploads.errors import (
    BadChecksumHeaderError,
    ChunkChecksumError,
    TusContentTypeError,
    TusHeaderError,
    TusVersionError,
    UploadWaitingError,
)
from afterglow.features.uploads.models import UploadSession
from afterglow.features.uploads.rules import TUS_ALGORITHMS
from afterglow.features.uploads.service import UploadPorts
from afterglow.infra.storage.errors import UploadBusyError
from afterglow.infra.web.problems import Statuses, problem_from
from afterglow.infra.web.tx import Handler, TransactionalRoute
from afterglow.kernel.errors import AfterglowError

TUS_VERSION: Final = "1.0.0"
DRAFT_VERSION: Final = "6"
_DRAFT_HEADER: Final = "Upload-Draft-Interop-Version"

STATUSES: Final[Statuses] = MappingProxyType(
    {TusHeaderError: 400, TusVersionError: 412, UploadWaitingError: 423, ChunkChecksumError: 460}
)
"""Statuses of errors that differ from their ancestors'."""
# And those that these protocols ask for, where the rest of the interface has others.
_PROTOCOL_STATUSES: Final[Statuses] = MappingProxyType({**STATUSES, BadChecksumHeaderError: 400, UploadBusyError: 423})


class Protocol(Enum):
    """A protocol, by the Content-Type of its chunks."""

    TUS = "application/offset+octet-stream"
    DRAFT = "application/partial-upload"


def protocol_of(request: Request) -> Protocol:
    """Return the protocol that a request speaks."""
    return Protocol.DRAFT if _DRAFT_HEADER in request.headers else Protocol.TUS


class ProtocolRoute(TransactionalRoute):
    """A route whose requests and answers, refusals too, carry the version of the protocol."""

    async def answer(self, request: Request, handler: Handler) -> Response:
        """Return the handler's answer, or the problem that it met."""
        protocol = protocol_of(request)
        try:
            _require_version(request, protocol)
            response = await super().answer(request, handler)
        except AfterglowError as error:
            response = problem_from(error, instance=request.url.path, statuses=_PROTOCOL_STATUSES)
            if "offset" in error.fields:
                response.headers["Upload-Offset"] = str(error.fields["offset"])
        except ConnectionAbortedError as error:
            raise ClientDisconnect from error
        if protocol is Protocol.DRAFT:
            response.headers[_DRAFT_HEADER] = DRAFT_VERSION
        else:
            response.headers["Tus-Resumable"] = TUS_VERSION
        if response.status_code == HTTPStatus.PRECONDITION_FAILED:
            response.headers["Tus-Version"] = TUS_VERSION
        return response


def _require_version(request: Request, protocol: Protocol) -> None:
    is_tus = protocol is Protocol.TUS and request.method != "OPTIONS"
    if is_tus and request.headers.get("tus-resumable") != TUS_VERSION:
        raise TusVersionError


def offers(ports: UploadPorts) -> Mapping[str, str]:
    """Return the headers that tell what is offered."""
    return {
        "Tus-Version": TUS_VERSION,
        "Tus-Extension": "creation,creation-with-upload,checksum,expiration,termination",
        "Tus-Max-Size": str(ports.limits.max_bytes),
        "Tus-Checksum-Algorithm": ",".join(TUS_ALGORITHMS),
        "Upload-Limit": f"max-size={ports.limits.max_bytes}",
    }


def progress_headers(session: UploadSession, protocol: Protocol, offset_bytes: int) -> dict[str, str]:
    """Return the headers that tell where an upload stands."""
    headers = {"Upload-Offset": str(offset_bytes), "Cache-Control": "no-store"}
    if protocol is Protocol.DRAFT:
        return headers | {"Upload-Complete": "?1" if offset_bytes == session.size_bytes else "?0"}
    # An HTTP date (RFC 9110, section 5.6.7).
    return headers | {"Upload-Expires": format_datetime(session.expires_at, usegmt=True)}


def own_address(request: Request) -> str:
    """Return this server's address as the client sees it: some clients of tus take a path alone for a part of one.

    A browser says itself by which scheme it came, which matters behind a proxy that nobody told us to trust.
    """
    host = request.headers.get("host") or request.url.netloc
    scheme, _, origin_host = request.headers.get("origin", "").partition("://")
    if origin_host == host and scheme in ("http", "https"):
        return f"{scheme}://{host}"
    return f"{request.url.scheme}://{host}"


def header_number(request: Request, name: str) -> int:
    """Return the number in a header.

    Raises:
        TusHeaderError: It is missing, or not a number from 0 that a file can have.
    """
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(2**62))):
        raise TusHeaderError(header=name)
    return int(text)


def has_body(request: Request) -> bool:
    """Return whether bytes come with the request."""
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def require_chunk_type(request: Request, protocol: Protocol) -> None:
    """Let a chunk pass that says it is one.

    Raises:
        TusContentTypeError: It does not.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != protocol.value:
        raise TusContentTypeError(expected=protocol.value)
