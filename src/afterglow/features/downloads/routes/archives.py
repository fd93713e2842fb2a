"""HTTP of archives."""

from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from afterglow.features.downloads import service
from afterglow.features.downloads.errors import AlbumsNotSupportedError
from afterglow.features.downloads.models import DownloadId
from afterglow.features.downloads.schemas import OrderDownload, OrderedOut
from afterglow.features.downloads.service import DownloadPorts
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.files import CachePolicy, Represented, stream_response
from afterglow.infra.web.provide import Provided
from afterglow.infra.web.tx import ProvidedDatabase, TransactionalRoute
from afterglow.kernel.ids import PhotoId

# Not an idempotent route: its answer holds a URL that opens the archive, and such answers are not kept.
router = APIRouter(prefix="/api/downloads", tags=["downloads"], route_class=TransactionalRoute)

Ports = Annotated[DownloadPorts, Provided(DownloadPorts)]
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {}}, "description": "The archive."},
    206: {"content": {"application/zip": {}}, "description": "The range that was asked for."},
}


@router.post("", status_code=HTTPStatus.CREATED)
async def order(
    body: OrderDownload, database: ProvidedDatabase, ports: Ports, principal: CurrentPrincipal
) -> OrderedOut:
    """Freeze a selection and give the URL of a ZIP archive of its originals; nothing is read before it is fetched."""
    if body.photo_ids is not None:
        photo_ids = [PhotoId(photo_id) for photo_id in body.photo_ids]
        return OrderedOut.of(await service.order_photos(database, ports, principal, photo_ids))
    if body.query is not None:
        return OrderedOut.of(await service.order_matching(database, ports, principal, body.query.to_filter()))
    raise AlbumsNotSupportedError


@router.get("/{download_id}", response_class=Response, responses=_ZIP)
@router.head("/{download_id}", response_class=Response, include_in_schema=False)
async def get_archive(
    download_id: UUID, request: Request, database: ProvidedDatabase, ports: Ports, principal: CurrentPrincipal
) -> Response:
    """Give the archive; its length is known before the first byte, and any range is the same whenever it is asked for.

    The connection breaks off where an original can't be read or is not what it was.
    """
    opened = await service.open_archive(database, ports, principal, DownloadId(download_id))
    archive = opened.archive
    represented = Represented(
        "application/zip", archive.tag.hex(), CachePolicy.REVALIDATE, archive.filename, "attachment"
    )
    return await stream_response(request, archive.size_bytes, opened.open_range, represented)
