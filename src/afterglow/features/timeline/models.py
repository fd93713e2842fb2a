"""Rows of the timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class MonthCount:
    """A month, its photos, and a version that grows with every change its tiles show."""

    month: date
    count: int
    version: int


@dataclass(frozen=True, slots=True)
class Months:
    """All months of an owner, newest first; also those whose photos have all gone.

    Attributes:
        version: Of the whole timeline: grows with every change that any tile shows.
    """

    months: Sequence[MonthCount]
    version: int


@dataclass(frozen=True, slots=True)
class MonthColumns:
    """The tiles of one month as columns, newest photo first.

    The database writes each column as what stands between the brackets of a JSON array: a month may hold tens of
    thousands of photos, and a Python object for each of their values would cost more than all else.
    """

    month: date
    version: int
    ids: str
    ratios: str
    placeholders: str
    taken_local: str
    kinds: str
    statuses: str
    derive_versions: str
    favorites: str
    durations: str


@dataclass(frozen=True, slots=True)
class MonthRatios:
    """The ratio bytes of one month's photos in timeline order, as they were at a version of the month."""

    month: date
    version: int
    ratios: bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """One byte of aspect ratio for each photo in timeline order, as they were at a version of the timeline."""

    version: int
    ratios: bytes


@dataclass(frozen=True, slots=True)
class Correction:
    """A day that was miscounted."""

    day: date
    counted: int
    found: int
