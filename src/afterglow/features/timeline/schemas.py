"""Wire types of the timeline."""

import base64
from datetime import date
from typing import Any

import orjson
from pydantic import Field

from afterglow.features.timeline.models import Month
from afterglow.features.timeline.rules import count_days, format_month
from afterglow.infra.web.schemas import WireModel, iso_local

# What a photo of unknown shape is laid out as, until its pixels are read.
UNKNOWN_RATIO = 1.0


class MonthOut(WireModel):
    """A month and how many photos it has."""

    month: str = Field(examples=["2024-06"])
    count: int


class TimelineOut(WireModel):
    """The months that have photos, newest first."""

    months: list[MonthOut]
    version: int


class MonthColumnsOut(WireModel):
    """A month as columns of equal length, newest photo first; `v` is 0 while there are no derivatives."""

    month: str
    version: int
    ids: list[str]
    ratios: list[float]
    placeholders: list[str | None] = Field(description="thumbhash, base64")
    taken_local: list[str]
    kinds: list[str]
    statuses: list[str]
    v: list[int]
    favorites: list[bool]
    durations: list[int | None] = Field(description="milliseconds")
    days: list[tuple[date, int]] = Field(description="days with their number of photos, in the columns' order")


def month_columns(month: Month) -> bytes:
    """Return a month as JSON (`MonthColumnsOut`), past Pydantic: a month may hold tens of thousands of photos."""
    tiles = month.tiles
    columns: dict[str, Any] = {
        "month": format_month(month.month),
        "version": month.version,
        "ids": [str(tile.id) for tile in tiles],
        "ratios": [
            round(tile.width / tile.height, 4) if tile.width and tile.height else UNKNOWN_RATIO for tile in tiles
        ],
        "placeholders": [base64.b64encode(tile.placeholder).decode() if tile.placeholder else None for tile in tiles],
        "takenLocal": [iso_local(tile.taken_local) for tile in tiles],
        "kinds": [tile.kind for tile in tiles],
        "statuses": [tile.status for tile in tiles],
        "v": [tile.derive_version for tile in tiles],
        "favorites": [tile.favorite for tile in tiles],
        "durations": [tile.duration_ms for tile in tiles],
        "days": count_days([tile.taken_local for tile in tiles]),
    }
    return orjson.dumps(columns)
