"""HTTP of one photo's bytes."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from afterglow.features.downloads import service
from afterglow.features.downloads.rules.photos import DownloadSize
from afterglow.features.downloads.service import Download, DownloadPorts
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.files import CachePolicy, file_response
from afterglow.infra.web.provide import Provided
from afterglow.infra.web.tx import ProvidedDatabase, ReadTx, TransactionalRoute
from afterglow.kernel.ids import PhotoId

router = APIRouter(prefix="/api/photos", tags=["downloads"], route_class=TransactionalRoute)

Ports = Annotated[DownloadPorts, Provided(DownloadPorts)]
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The bytes."}
}
_REDIRECT: dict[int | str, dict[str, Any]] = {302: {"description": "To a short-lived signed URL of the bytes."}}


@router.get("/{photo_id}/original", response_class=Response, responses=_BYTES)
@router.head("/{photo_id}/original", response_class=Response, include_in_schema=False)
async def get_original(
    photo_id: UUID, request: Request, tx: ReadTx, ports: Ports, principal: CurrentPrincipal
) -> Response:
    """Give the original, byte for byte as it was received; Range and ETag (its checksum) are understood."""
    return await _send(request, await service.find_original(tx, ports, principal, PhotoId(photo_id)))


@router.get(
    "/{photo_id}/download",
    response_class=RedirectResponse,
    status_code=HTTPStatus.FOUND,
    responses=_BYTES | _REDIRECT,
)
@router.head("/{photo_id}/download", response_class=Response, include_in_schema=False)
async def download(
    photo_id: UUID,
    request: Request,
    database: ProvidedDatabase,
    ports: Ports,
    principal: CurrentPrincipal,
    size: DownloadSize = DownloadSize.ORIGINAL,
    redirect: Annotated[bool, Query(description="0: the bytes themselves")] = True,
) -> Response:
    """Redirect to a signed URL of the original (thumb: 400 px, medium: preview); `redirect=0` gives the bytes."""
    if not redirect:
        return await _send(request, await service.find_download(database, ports, principal, PhotoId(photo_id), size))
    url = await service.sign_download(database, ports, principal, PhotoId(photo_id), size)
    return RedirectResponse(url, status_code=HTTPStatus.FOUND, headers={"Cache-Control": "no-store"})


async def _send(request: Request, download: Download) -> Response:
    return await file_response(
        request,
        download.path,
        mime=download.mime,
        etag=download.etag,
        filename=download.filename,
        disposition="attachment",
        cache=CachePolicy.REVALIDATE,
    )
