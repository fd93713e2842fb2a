"""HTTP of the composed photo."""

import json
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from afterglow.features.details import service
from afterglow.features.details.models import PhotoDetails
from afterglow.features.details.schemas import MetadataOut, PhotoOut, TrashOut
from afterglow.features.photos.models import PhotoFilter, PhotoStatus
from afterglow.features.photos.service import TrashRules
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.idempotency import IdempotentRoute
from afterglow.infra.web.provide import Provided
from afterglow.infra.web.schemas import PageOut, written
from afterglow.infra.web.tx import ReadTx, WriteTx
from afterglow.kernel.ids import PhotoId
from afterglow.kernel.pages import DEFAULT_LIMIT, MAX_LIMIT

router = APIRouter(prefix="/api/photos", tags=["photos"], route_class=IdempotentRoute)
trash_router = APIRouter(prefix="/api/trash", tags=["trash"], route_class=IdempotentRoute)

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]


@router.get("", response_model=PageOut[PhotoOut])
async def list_photos(
    tx: ReadTx,
    principal: CurrentPrincipal,
    cursor: str | None = None,
    limit: Limit = DEFAULT_LIMIT,
    status: PhotoStatus | None = None,
    favorite: bool | None = None,
    archived: bool = False,
    kind: Annotated[str | None, Query(pattern="^(photo|video)$")] = None,
    taken_from: Annotated[datetime | None, Query(alias="from", description="wall clock, first moment")] = None,
    taken_to: Annotated[datetime | None, Query(alias="to", description="wall clock, first moment after")] = None,
) -> Response:
    """List photos, newest first by wall clock; pages stay stable while photos arrive."""
    which = PhotoFilter(status, favorite, archived, kind, _wall_clock(taken_from), _wall_clock(taken_to))
    page = await service.list_details(tx, principal, which, cursor, limit)
    return written(PageOut(items=[PhotoOut.of(details) for details in page.items], next_cursor=page.next_cursor))


@router.get("/{photo_id}")
async def get_photo(photo_id: UUID, tx: ReadTx, principal: CurrentPrincipal) -> PhotoOut:
    """Give everything that is known of a photo, with its steps."""
    return PhotoOut.of(await service.get_details(tx, principal, PhotoId(photo_id)))


@router.get("/{photo_id}/metadata")
async def get_metadata(photo_id: UUID, tx: ReadTx, principal: CurrentPrincipal) -> MetadataOut:
    """Give the whole raw tag set of a photo's file."""
    tags, notes = await service.get_raw_tags(tx, principal, PhotoId(photo_id))
    return MetadataOut(exif=json.loads(tags), notes=notes)


@router.post("/{photo_id}/steps/{step}/retry")
async def retry_step(photo_id: UUID, step: str, tx: WriteTx, principal: CurrentPrincipal) -> PhotoOut:
    """Try a failed step again."""
    return PhotoOut.of(await service.retry_step(tx, principal, PhotoId(photo_id), step))


@trash_router.get("", response_model=TrashOut)
async def list_trash(
    tx: ReadTx,
    principal: CurrentPrincipal,
    rules: Annotated[TrashRules, Provided(TrashRules)],
    cursor: str | None = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """List the trash, newest deletion first; pages stay stable while photos come and go."""
    page = await service.list_trash(tx, principal, cursor, limit)
    return written(
        TrashOut(
            items=[PhotoOut.of(details) for details in page.items],
            next_cursor=page.next_cursor,
            retention_days=rules.retention.days,
        )
    )


def photo_json(details: PhotoDetails) -> bytes:
    """Return a photo as these routes send it, for the routes of features above."""
    return PhotoOut.of(details).model_dump_json(by_alias=True).encode()


def _wall_clock(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=None) if moment else None
