"""HTTP of the feed."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Response

from afterglow.features.sync import service
from afterglow.features.sync.rules import parse_cursor
from afterglow.features.sync.schemas import FeedOut, PhotoJson, feed_json
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.provide import Provided
from afterglow.infra.web.tx import ReadTx, TransactionalRoute
from afterglow.kernel.pages import MAX_LIMIT

router = APIRouter(prefix="/api/feed", tags=["feed"], route_class=TransactionalRoute)

DEFAULT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class FeedWriters:
    """How things of the features below are written; their own routes know."""

    photo: PhotoJson


@router.get("", response_model=FeedOut)
async def read_feed(
    tx: ReadTx,
    principal: CurrentPrincipal,
    writers: Annotated[FeedWriters, Provided(FeedWriters)],
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> Response:
    """Give everything of the caller's once, page by page, and then every change.

    Without a cursor it begins with all photos. Several changes of one thing are told as what it is now. An expired
    cursor (410 `feed.cursor-expired`), or one of before a restore (410 `feed.resync`), can't be gone on from: begin
    without one, and drop what does not come again.
    """
    page = await service.read_feed(tx, principal, parse_cursor(cursor) if cursor else None, limit)
    headers = {"Cache-Control": "private, no-store"}
    return Response(feed_json(page, writers.photo), media_type="application/json", headers=headers)
