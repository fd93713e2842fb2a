"""HTTP of derivatives: bytes of thumbnails and previews."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from afterglow.features.derivatives import service
from afterglow.features.derivatives.service import DerivativeCache, FoundDerivative
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.files import CachePolicy, file_response
from afterglow.infra.web.provide import Provided
from afterglow.infra.web.tx import ProvidedDatabase, TransactionalRoute
from afterglow.kernel.ids import PhotoId

router = APIRouter(prefix="/api/photos", tags=["photos"], route_class=TransactionalRoute)

Cache = Annotated[DerivativeCache, Provided(DerivativeCache)]
Version = Annotated[int | None, Query(ge=0, description="version of the derivatives; makes the answer immutable")]
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}, "image/png": {}}, "description": "The picture."}
}


@router.get("/{photo_id}/thumbnail", response_class=Response, responses=_BYTES)
@router.head("/{photo_id}/thumbnail", response_class=Response, include_in_schema=False)
async def get_thumbnail(
    photo_id: UUID,
    request: Request,
    database: ProvidedDatabase,
    cache: Cache,
    principal: CurrentPrincipal,
    size: int = 256,
    v: Version = None,
) -> Response:
    """Give a thumbnail: a square of 64, 128, 256 or 512 px, or 400 px wide with the photo's own ratio."""
    return await _answer(request, await service.find_thumbnail(database, cache, principal, PhotoId(photo_id), size), v)


@router.get("/{photo_id}/preview", response_class=Response, responses=_BYTES)
@router.head("/{photo_id}/preview", response_class=Response, include_in_schema=False)
async def get_preview(
    photo_id: UUID,
    request: Request,
    database: ProvidedDatabase,
    cache: Cache,
    principal: CurrentPrincipal,
    v: Version = None,
) -> Response:
    """Give the preview: at most 2000 px on its long edge."""
    return await _answer(request, await service.find_preview(database, cache, principal, PhotoId(photo_id)), v)


async def _answer(request: Request, found: FoundDerivative, v: int | None) -> Response:
    # A URL that names the present version never changes its bytes; any other has to ask again.
    cache = CachePolicy.IMMUTABLE if v == found.version else CachePolicy.REVALIDATE
    return await file_response(request, found.path, mime=found.mime, etag=found.etag, cache=cache)
