"""Wire types of the feed."""

from collections.abc import Callable
from typing import Any, Literal

import orjson
from pydantic import Field

from afterglow.features.details.models import PhotoDetails
from afterglow.features.sync.models import FeedPage, Tombstone
from afterglow.features.sync.rules import PHOTO, TOMBSTONE, format_cursor
from afterglow.infra.web.schemas import UtcTime, WireModel, iso_utc

PhotoJson = Callable[[PhotoDetails], bytes]
"""Writes a photo as `GET /api/photos/{id}` does."""


class FeedItemOut(WireModel):
    """What has become of a thing."""

    type: Literal["photo", "album", "person", "vehicle", "tombstone"]
    id: str
    data: dict[str, Any] = Field(
        description="a photo as `GET /api/photos/{id}` gives it, also from the trash (`deletedAt`); "
        "of a tombstone `{type, id, reason}`"
    )
    updated_at: UtcTime


class FeedOut(WireModel):
    """News in their order."""

    cursor: str = Field(description="where to go on; opaque")
    has_more: bool = Field(description="whether there are more at once; else ask again later")
    items: list[FeedItemOut]


def feed_json(page: FeedPage, photo_json: PhotoJson) -> bytes:
    """Return a page as JSON (`FeedOut`), past Pydantic: a first sync reads the whole library."""
    items = [_tombstone(item) if isinstance(item, Tombstone) else _photo(item, photo_json) for item in page.items]
    return orjson.dumps({"cursor": format_cursor(page.cursor), "hasMore": page.has_more, "items": items})


def _tombstone(item: Tombstone) -> dict[str, Any]:
    return {
        "type": TOMBSTONE,
        "id": str(item.entity_id),
        "data": dict(item.data),
        "updatedAt": iso_utc(item.at),
    }


def _photo(item: PhotoDetails, photo_json: PhotoJson) -> dict[str, Any]:
    return {
        "type": PHOTO,
        "id": str(item.photo.id),
        "data": orjson.Fragment(photo_json(item)),
        "updatedAt": iso_utc(item.photo.updated_at),
    }
