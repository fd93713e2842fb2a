"""HTTP of uploads."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from starlette.requests import ClientDisconnect

from afterglow.features.ingest import service as ingest
from afterglow.features.photos.models import Source
from afterglow.features.uploads import service
from afterglow.features.uploads.errors import FieldNotSupportedError, MissingFileError, SecondFileError
from afterglow.features.uploads.rules import parse_modified_at
from afterglow.features.uploads.schemas import (
    AcceptedOut,
    OffsetOut,
    OpenSession,
    ReceiptItem,
    ReceiptsIn,
    ReceiptsOut,
    SessionStateOut,
    UploadSessionOut,
)
from afterglow.features.uploads.service import UploadPorts
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.idempotency import IdempotentRoute
from afterglow.infra.web.multipart import FieldPart, FilePart, stream_multipart
from afterglow.infra.web.provide import Provided
from afterglow.infra.web.tx import ReadTx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import UploadId
from afterglow.kernel.principal import Principal

router = APIRouter(prefix="/api", tags=["upload"], route_class=IdempotentRoute)

Ports = Annotated[UploadPorts, Provided(UploadPorts)]

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "modifiedAt": {"type": "string", "format": "date-time"},
                    },
                }
            }
        },
    }
}
_CHUNK = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/upload", status_code=HTTPStatus.CREATED, openapi_extra=_FORM)
async def upload(request: Request, response: Response, ports: Ports, principal: CurrentPrincipal) -> AcceptedOut:
    """Take one file as an ordinary form (`curl -F file=@a.jpg`); 200 instead of 201 when nothing new was kept."""
    upload_id, source = await _receive_form(request, ports, principal)
    accepted = await service.accept_file(ports, principal, upload_id, source)
    if accepted.is_duplicate or accepted.is_tombstoned:
        response.status_code = HTTPStatus.OK
    return AcceptedOut.of(accepted)


@router.post("/upload-sessions", status_code=HTTPStatus.CREATED)
async def open_session(body: OpenSession, ports: Ports, principal: CurrentPrincipal) -> UploadSessionOut:
    """Open an upload in parts; with a known checksum nothing has to be sent."""
    opened = await service.open_session(ports, principal, body.to_request())
    return UploadSessionOut.of(opened, ports.limits.chunk_bytes)


@router.put("/upload-sessions/{upload_id}/chunks", openapi_extra=_CHUNK)
async def put_chunk(
    upload_id: UUID, offset: Annotated[int, Query(ge=0)], request: Request, ports: Ports, principal: CurrentPrincipal
) -> OffsetOut:
    """Append the body at `offset`; the answer's offset is durable."""
    announced_bytes = _announced_bytes(request)
    try:
        new_offset = await service.append(
            ports, principal, UploadId(upload_id), offset, _body(request), announced_bytes
        )
    except ConnectionAbortedError as error:
        raise ClientDisconnect from error
    return OffsetOut(offset=new_offset)


@router.get("/upload-sessions/{upload_id}")
async def get_session(upload_id: UUID, tx: ReadTx, ports: Ports, principal: CurrentPrincipal) -> SessionStateOut:
    """Tell where an upload stands."""
    session = await service.get_session(tx, principal, UploadId(upload_id))
    return SessionStateOut.of(session, ports.limits.chunk_bytes)


@router.head("/upload-sessions/{upload_id}", status_code=HTTPStatus.NO_CONTENT)
async def head_session(upload_id: UUID, tx: ReadTx, principal: CurrentPrincipal) -> Response:
    """Tell where an upload stands, in `Upload-Offset` and `Upload-Length`."""
    session = await service.get_session(tx, principal, UploadId(upload_id))
    headers = {"Upload-Offset": str(session.offset_bytes), "Upload-Length": str(session.size_bytes)}
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers | {"Cache-Control": "no-store"})


@router.post("/upload-sessions/{upload_id}/complete")
async def complete(upload_id: UUID, ports: Ports, principal: CurrentPrincipal) -> AcceptedOut:
    """Make the uploaded file a photo; the receipt says what is proven."""
    return AcceptedOut.of(await service.complete(ports, principal, UploadId(upload_id)))


@router.delete("/upload-sessions/{upload_id}", status_code=HTTPStatus.NO_CONTENT)
async def abort(upload_id: UUID, ports: Ports, principal: CurrentPrincipal) -> None:
    """Forget an upload and its bytes."""
    await service.abort(ports, principal, UploadId(upload_id))


@router.post("/receipts")
async def list_receipts(body: ReceiptsIn, tx: ReadTx, principal: CurrentPrincipal) -> ReceiptsOut:
    """Tell what is proven of the bytes behind these checksums, as far as the caller has them here."""
    checksums = [Checksum.parse(text) for text in dict.fromkeys(body.checksums)]
    receipts = await ingest.list_receipts(tx, principal.user_id, checksums)
    found = [(checksum, *receipts[checksum]) for checksum in checksums if checksum in receipts]
    return ReceiptsOut(items=[ReceiptItem.of(*entry) for entry in found])


async def _receive_form(request: Request, ports: UploadPorts, principal: Principal) -> tuple[UploadId, Source]:
    """Stream the form's file into the spool; nothing stays if the rest of the form is wrong."""
    await service.require_room_for_file(ports, principal, _announced_bytes(request))
    upload_id: UploadId | None = None
    name, modified_at = "", None
    try:
        async for part in stream_multipart(request):
            match part:
                case FilePart(name="file") if upload_id is None:
                    name = part.filename
                    upload_id = await service.receive_file(ports, principal, part.chunks)
                case FilePart(name="file"):
                    raise SecondFileError
                case FieldPart(name="file"):
                    raise MissingFileError
                case FieldPart(name="modifiedAt"):
                    modified_at = parse_modified_at(part.value)
                case _:
                    raise FieldNotSupportedError(field=part.name)
    except BaseException:
        if upload_id:
            await service.discard_file(ports, upload_id)
        raise
    if upload_id is None:
        raise MissingFileError
    return upload_id, Source("upload", name, modified_at)


async def _body(request: Request) -> AsyncIterator[bytes]:
    """Iterate over the body; a client that went away is a broken connection, as below the routes."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise ConnectionAbortedError from error


def _announced_bytes(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None
