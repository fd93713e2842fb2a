"""HTTP of uploads for clients of tus 1.0 and of the IETF's draft; the sessions are those of the other routes."""

import contextlib
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from afterglow.features.uploads import service
from afterglow.features.uploads.errors import TusHeaderError, UploadNotFoundError, UploadWaitingError
from afterglow.features.uploads.models import UploadRequest, UploadSession
from afterglow.features.uploads.routes.protocols import (
    Protocol,
    ProtocolRoute,
    has_body,
    header_number,
    offers,
    own_address,
    progress_headers,
    protocol_of,
    require_chunk_type,
)
from afterglow.features.uploads.routes.request import Ports, Signer, announced_bytes, chunk_of, signature_of
from afterglow.features.uploads.rules import modified_at_of, parse_repr_digest, parse_tus_metadata
from afterglow.features.uploads.schemas import AcceptedOut
from afterglow.features.uploads.service import Completed, UploadPorts
from afterglow.infra.crypto.receipts import ReceiptSigner
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.filenames import clean_name
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.errors import AfterglowError, UnavailableError
from afterglow.kernel.ids import UploadId
from afterglow.kernel.principal import Principal

_PREFIX = "/api/tus"

router = APIRouter(prefix=_PREFIX, tags=["upload"], route_class=ProtocolRoute)

_OVERRIDE = "X-HTTP-Method-Override"
_BYTES: dict[str, Any] = {
    "requestBody": {
        "content": {protocol.value: {"schema": {"type": "string", "format": "binary"}} for protocol in Protocol}
    }
}


@router.options("", status_code=HTTPStatus.NO_CONTENT)
async def tus_options(ports: Ports) -> Response:
    """Tell which versions and extensions of tus are spoken; for everybody."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=dict(offers(ports)))


@router.options("/{upload_id}", status_code=HTTPStatus.NO_CONTENT, include_in_schema=False)
async def tus_upload_options(upload_id: str, ports: Ports) -> Response:
    """As for the collection."""
    del upload_id
    return await tus_options(ports)


@router.post("", status_code=HTTPStatus.CREATED, openapi_extra=_BYTES)
async def tus_create(request: Request, ports: Ports, principal: CurrentPrincipal, signer: Signer) -> Response:
    """Open an upload (tus "creation"), with its first bytes if there are any ("creation-with-upload").

    `Upload-Metadata` may hold `filename`, `modifiedAt` (ISO 8601) or `lastModified` (ms), `deviceId`, and `checksum`
    (SHA-256, hex digits), with which nothing has to be sent that is known already.
    """
    protocol = protocol_of(request)
    wish = _wish(request, protocol)
    if protocol is Protocol.TUS and has_body(request):
        require_chunk_type(request, protocol)
    opened = await service.open_session(ports, principal, wish)
    session, progress = opened.session, opened.session
    answer: UploadSession | Completed = Completed(session, opened.settled) if opened.settled else progress
    if opened.settled is None and has_body(request):
        answer = await _send_first(request, ports, principal, session)
    response = _answer(HTTPStatus.CREATED, protocol, answer, signer, principal)
    response.headers["Location"] = f"{own_address(request)}{_PREFIX}/{session.id}"
    response.headers["Upload-Limit"] = offers(ports)["Upload-Limit"]
    return response


async def _send_first(
    request: Request, ports: UploadPorts, principal: Principal, session: UploadSession
) -> UploadSession | Completed:
    """Take the bytes that came with the creation; nobody would know how to go on with what breaks off here."""
    try:
        return await service.advance(ports, principal, session.id, chunk_of(request, 0))
    except UnavailableError:
        raise  # whole, and the sweep will make a photo of it
    except (AfterglowError, ConnectionError):
        with contextlib.suppress(AfterglowError):
            await service.abort(ports, principal, session.id)
        raise


@router.head("/{upload_id}", status_code=HTTPStatus.NO_CONTENT)
async def tus_head(
    upload_id: str, request: Request, ports: Ports, principal: CurrentPrincipal, signer: Signer
) -> Response:
    """Tell the offset. Of a file that is whole it is only told once the file is a photo, to which this leads."""
    try:
        answer = await service.settle(ports, principal, _parse_id(upload_id))
    except UnavailableError as error:
        # Clients take any other refusal for "gone", and begin anew.
        raise UploadWaitingError(retry_after=10) from error
    return _head(answer, protocol_of(request), signer, principal)


def _head(
    answer: UploadSession | Completed, protocol: Protocol, signer: ReceiptSigner, principal: Principal
) -> Response:
    session = answer.session if isinstance(answer, Completed) else answer
    response = _answer(HTTPStatus.NO_CONTENT, protocol, answer, signer, principal)
    response.headers["Upload-Length"] = str(session.size_bytes)
    if session.tus_metadata and protocol is Protocol.TUS:
        response.headers["Upload-Metadata"] = session.tus_metadata
    return response


@router.patch("/{upload_id}", status_code=HTTPStatus.NO_CONTENT, openapi_extra=_BYTES)
async def tus_patch(
    upload_id: str, request: Request, ports: Ports, principal: CurrentPrincipal, signer: Signer
) -> Response:
    """Append bytes at `Upload-Offset`; with the last of them the file becomes a photo, or is refused.

    Should the store be away (503), the same request without bytes tries again.
    """
    protocol = protocol_of(request)
    require_chunk_type(request, protocol)
    chunk = chunk_of(request, header_number(request, "Upload-Offset"))
    answer = await service.advance(ports, principal, _parse_id(upload_id), chunk)
    if request.headers.get("upload-complete") == "?1" and not isinstance(answer, Completed):
        raise TusHeaderError(header="Upload-Complete", offset=answer.offset_bytes)
    return _answer(HTTPStatus.NO_CONTENT, protocol, answer, signer, principal)


@router.delete("/{upload_id}", status_code=HTTPStatus.NO_CONTENT)
async def tus_delete(upload_id: str, ports: Ports, principal: CurrentPrincipal) -> Response:
    """Forget an upload and its bytes (tus "termination"); a photo that it already became stays."""
    await service.abort(ports, principal, _parse_id(upload_id))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/{upload_id}", status_code=HTTPStatus.NO_CONTENT, include_in_schema=False)
async def tus_overridden(
    upload_id: str, request: Request, ports: Ports, principal: CurrentPrincipal, signer: Signer
) -> Response:
    """Do what `X-HTTP-Method-Override` says, for clients behind something that knows GET and POST only."""
    match request.headers.get(_OVERRIDE, "").upper():
        case "PATCH":
            return await tus_patch(upload_id, request, ports, principal, signer)
        case "DELETE":
            return await tus_delete(upload_id, ports, principal)
        case "HEAD":
            return await tus_head(upload_id, request, ports, principal, signer)
        case _:
            raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "HEAD, PATCH, DELETE, OPTIONS"})


def _wish(request: Request, protocol: Protocol) -> UploadRequest:
    """Return what a client wants to upload.

    Raises:
        TusHeaderError: A header is missing or malformed.
        BadChecksumHeaderError: `Repr-Digest` is malformed.
    """
    text = request.headers.get("upload-metadata", "")
    metadata = parse_tus_metadata(text)
    checksum = parse_repr_digest(request.headers.get("repr-digest"))
    try:
        if metadata.get("checksum"):
            checksum = Checksum.parse(metadata["checksum"])
        device_id = UUID(metadata["deviceId"]) if metadata.get("deviceId") else None
    except ValueError as error:
        raise TusHeaderError(header="Upload-Metadata") from error
    return UploadRequest(
        filename=clean_name(metadata.get("filename") or metadata.get("name") or ""),
        size_bytes=_length(request, protocol),
        checksum=checksum,
        modified_at=modified_at_of(metadata),
        device_id=device_id,
        tus_metadata=text or None,
    )


def _length(request: Request, protocol: Protocol) -> int:
    """Return the file's size; a draft's request that holds all of it says so by its own length."""
    is_all = protocol is Protocol.DRAFT and request.headers.get("upload-complete") == "?1"
    announced = announced_bytes(request)
    if is_all and "upload-length" not in request.headers and announced is not None:
        return announced
    return header_number(request, "Upload-Length")


def _parse_id(text: str) -> UploadId:
    try:
        return UploadId(UUID(text))
    except ValueError as error:
        raise UploadNotFoundError from error


def _answer(
    status: HTTPStatus,
    protocol: Protocol,
    answer: UploadSession | Completed,
    signer: ReceiptSigner,
    principal: Principal,
) -> Response:
    if not isinstance(answer, Completed):
        return Response(status_code=status, headers=progress_headers(answer, protocol, answer.offset_bytes))
    size_bytes = answer.session.size_bytes
    headers = progress_headers(answer.session, protocol, size_bytes)
    out = AcceptedOut.of(answer.accepted, signature_of(answer.accepted, size_bytes, signer, principal))
    return Response(status_code=status, headers=headers | _result_headers(out))


def _result_headers(out: AcceptedOut) -> dict[str, str]:
    """Return what became of a file, for clients whose protocol has no body for it."""
    if out.tombstoned:
        return {"Afterglow-Result": "tombstoned", "Afterglow-Checksum": out.checksum}
    result = "in-trash" if out.in_trash else "duplicate" if out.duplicate else "created"
    headers = {"Afterglow-Result": result, "Afterglow-Checksum": out.checksum}
    headers["Afterglow-Photo-Id"] = str(out.photo_id)
    if out.receipt and out.receipt.signature:
        headers["Afterglow-Receipt"] = out.receipt.signature
    return headers
