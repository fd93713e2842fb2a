"""HTTP of derivatives: bytes of thumbnails and previews."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from afterglow.features.derivatives import service
from afterglow.features.derivatives.errors import DerivativeEvictedError
from afterglow.features.derivatives.service import DerivativeCache, FoundDerivative
from afterglow.infra.db.database import Database, Tx
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.files import CachePolicy, file_response
from afterglow.infra.web.provide import Provided
from afterglow.infra.web.tx import ProvidedDatabase, TransactionalRoute
from afterglow.kernel.ids import PhotoId
from afterglow.kernel.principal import Principal

router = APIRouter(prefix="/api/photos", tags=["photos"], route_class=TransactionalRoute)

Cache = Annotated[DerivativeCache, Provided(DerivativeCache)]
Version = Annotated[int | None, Query(ge=0, description="version of the derivatives; makes the answer immutable")]
_MIME = {".jpg": "image/jpeg", ".png": "image/png"}
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

    async def find(tx: Tx) -> FoundDerivative:
        return await service.find_thumbnail(tx, principal, cache, PhotoId(photo_id), size)

    return await _answer(request, await _find(database, principal, PhotoId(photo_id), find), v)


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

    async def find(tx: Tx) -> FoundDerivative:
        return await service.find_preview(tx, principal, cache, PhotoId(photo_id))

    return await _answer(request, await _find(database, principal, PhotoId(photo_id), find), v)


async def _find(
    database: Database, principal: Principal, photo_id: PhotoId, find: Callable[[Tx], Awaitable[FoundDerivative]]
) -> FoundDerivative:
    try:
        return await database.run(principal.owners, find, read_only=True)
    except DerivativeEvictedError:
        await database.run(principal.owners, lambda tx: service.ensure_derivatives(tx, principal, photo_id))
        raise


async def _answer(request: Request, found: FoundDerivative, v: int | None) -> Response:
    # A URL that names the present version never changes its bytes; any other has to ask again.
    cache = CachePolicy.IMMUTABLE if v == found.version else CachePolicy.REVALIDATE
    etag = f"{found.path.parent.parent.name}-{found.name}-{found.version}"
    return await file_response(request, found.path, mime=_MIME[found.path.suffix], etag=etag, cache=cache)
