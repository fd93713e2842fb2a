"""HTTP of the trash; `details` lists it."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter

from afterglow.features.photos import service
from afterglow.features.photos.schemas import PhotoIdsIn, PurgedOut, UpdatedOut
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.idempotency import IdempotentRoute
from afterglow.infra.web.tx import ProvidedDatabase, WriteTx
from afterglow.kernel.ids import PhotoId

photo_router = APIRouter(prefix="/api/photos", tags=["photos"], route_class=IdempotentRoute)
router = APIRouter(prefix="/api/trash", tags=["trash"], route_class=IdempotentRoute)


@photo_router.delete("/{photo_id}", status_code=HTTPStatus.NO_CONTENT)
async def trash_photo(photo_id: UUID, tx: WriteTx, principal: CurrentPrincipal) -> None:
    """Put a photo into the trash; one that is there already stays there."""
    await service.trash_photo(tx, principal, PhotoId(photo_id))


@router.post("")
async def trash_photos(body: PhotoIdsIn, database: ProvidedDatabase, principal: CurrentPrincipal) -> UpdatedOut:
    """Put photos into the trash, up to 50,000 at once."""
    return UpdatedOut(updated=await service.trash_photos(database, principal, body.to_ids()))


@router.post("/restore")
async def restore_photos(body: PhotoIdsIn, database: ProvidedDatabase, principal: CurrentPrincipal) -> UpdatedOut:
    """Take photos out of the trash, as they were."""
    return UpdatedOut(updated=await service.restore_photos(database, principal, body.to_ids()))


@router.post("/purge")
async def purge_photos(body: PhotoIdsIn, database: ProvidedDatabase, principal: CurrentPrincipal) -> PurgedOut:
    """Remove photos of the trash for good, and remember their checksums; photos that are not in the trash stay."""
    return PurgedOut(purged=await service.purge_photos(database, principal, body.to_ids()))


@router.post("/empty")
async def empty_trash(database: ProvidedDatabase, principal: CurrentPrincipal) -> PurgedOut:
    """Remove all that is in the trash now for good, and remember the checksums."""
    return PurgedOut(purged=await service.empty_trash(database, principal))
