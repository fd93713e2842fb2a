"""HTTP of tombstones: purged files, and who tried to bring them back."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from afterglow.features.photos import service
from afterglow.features.photos.schemas import Hex, TombstoneOut
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.idempotency import IdempotentRoute
from afterglow.infra.web.schemas import PageOut
from afterglow.infra.web.tx import ReadTx, WriteTx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.pages import DEFAULT_LIMIT, MAX_LIMIT

router = APIRouter(prefix="/api/tombstones", tags=["trash"], route_class=IdempotentRoute)


@router.get("")
async def list_tombstones(
    tx: ReadTx,
    principal: CurrentPrincipal,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> PageOut[TombstoneOut]:
    """List purged files, newest first, each with what tried to bring it back."""
    page = await service.list_tombstones(tx, principal, cursor, limit)
    return PageOut(items=[TombstoneOut.of(tombstone) for tombstone in page.items], next_cursor=page.next_cursor)


@router.delete("/{checksum}", status_code=HTTPStatus.NO_CONTENT)
async def allow_checksum(checksum: Hex, tx: WriteTx, principal: CurrentPrincipal) -> None:
    """Allow a purged file again: its next upload is taken, and ends the tombstone."""
    await service.allow_checksum(tx, principal, Checksum.parse(checksum))
