"""HTTP of upload sessions."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from starlette.requests import ClientDisconnect

from afterglow.features.uploads import service
from afterglow.features.uploads.routes.request import Ports, Signer, chunk_of, signature_of
from afterglow.features.uploads.schemas import (
    AcceptedOut,
    OffsetOut,
    OpenSession,
    SessionStateOut,
    UploadSessionOut,
)
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.idempotency import IdempotentRoute
from afterglow.infra.web.tx import ReadTx
from afterglow.kernel.ids import UploadId

router = APIRouter(prefix="/api", tags=["upload"], route_class=IdempotentRoute)


_CHUNK = {
    "parameters": [
        {
            "name": name,
            "in": "header",
            "required": False,
            "schema": {"type": "string"},
            "description": f"What the body hashes to, such as `{example}`.",
        }
        for name, example in (("Upload-Checksum", "sha256 <base64>"), ("Content-Digest", "sha-256=:<base64>:"))
    ],
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
}


@router.post("/upload-sessions", status_code=HTTPStatus.CREATED)
async def open_session(body: OpenSession, ports: Ports, principal: CurrentPrincipal) -> UploadSessionOut:
    """Open an upload in parts; with a known checksum nothing has to be sent."""
    opened = await service.open_session(ports, principal, body.to_request())
    return UploadSessionOut.of(opened, ports.limits.chunk_bytes)


@router.put("/upload-sessions/{upload_id}/chunks", openapi_extra=_CHUNK)
async def put_chunk(
    upload_id: UUID, offset: Annotated[int, Query(ge=0)], request: Request, ports: Ports, principal: CurrentPrincipal
) -> OffsetOut:
    """Append the body at `offset`; the answer's offset is durable.

    A chunk whose hash is announced, by `Upload-Checksum` or `Content-Digest`, is kept only if it is right.
    """
    try:
        new_offset = await service.append(ports, principal, UploadId(upload_id), chunk_of(request, offset))
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
async def complete(upload_id: UUID, ports: Ports, principal: CurrentPrincipal, signer: Signer) -> AcceptedOut:
    """Make the uploaded file a photo; the receipt says what is proven."""
    done = await service.complete(ports, principal, UploadId(upload_id))
    return AcceptedOut.of(done.accepted, signature_of(done.accepted, done.session.size_bytes, signer, principal))


@router.delete("/upload-sessions/{upload_id}", status_code=HTTPStatus.NO_CONTENT)
async def abort(upload_id: UUID, ports: Ports, principal: CurrentPrincipal) -> None:
    """Forget an upload and its bytes."""
    await service.abort(ports, principal, UploadId(upload_id))
