"""Rows of the timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class MonthCount:
    """A month, its photos, and a version that grows with every change its tiles show."""

    month: date
    count: int
    version: int


@dataclass(frozen=True, slots=True)
class Tile:
    """What a client needs to place and draw one photo."""

    id: UUID
    width: int | None
    height: int | None
    kind: str
    status: str
    placeholder: bytes | None
    taken_local: datetime
    derive_version: int
    favorite: bool
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Month:
    """The tiles of one month, newest first."""

    month: date
    version: int
    tiles: Sequence[Tile]
