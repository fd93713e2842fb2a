"""Names and places of derivatives; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from afterglow.kernel.ids import PhotoId, UserId

THUMBNAIL_SIZES: Final = (64, 128, 256, 512, 400)
"""Squares of these edges [px]; 400 is not a square but that wide, with the photo's own ratio."""
PREVIEW: Final = "preview"
FOLDER_DEPTH: Final = 5
"""Levels of `folder_of` below the cache's root."""
_VERSION = re.compile(r"v(\d{1,9})")


def folder_of(owner_id: UserId, photo_id: PhotoId, version: int) -> str:
    """Return the relative path of a photo's derivatives of a version: deterministic, below their owner.

    The folders between are the id's last digits: its first ones are a clock, and would fill one folder at a time.
    """
    digits = photo_id.hex
    return f"{owner_id}/{digits[-2:]}/{digits[-4:-2]}/{photo_id}/v{version}"


@dataclass(frozen=True, slots=True)
class CacheBounds:
    """What derivatives may take up.

    Attributes:
        budget_bytes: Of all together; 0 for no bound, and then their age is none either.
        max_age_days: Days without use after which they go, where there is a budget.
    """

    budget_bytes: int
    max_age_days: int


@dataclass(frozen=True, slots=True)
class Eviction:
    """Which derivatives go: all last used before a day, and of those last used on it a share of so many bytes."""

    before: date
    share_bytes: int = 0


def plan_eviction(
    bytes_by_day: Mapping[date, int], total_bytes: int, missing_bytes: int, bounds: CacheBounds, today: date
) -> Eviction | None:
    """Return what has to go, those that were not used for longest first; None if nothing has to.

    Args:
        bytes_by_day: What may go, by the day of its last use.
        total_bytes: What all derivatives take up, also those that may not go.
        missing_bytes: What the disk lacks to be out of need (STO-5); 0 if it is not in need.
        bounds: Of the cache.
        today: The day.
    """
    has_budget = bounds.budget_bytes > 0
    before = today - timedelta(days=bounds.max_age_days) if has_budget else date.min
    freed = sum(size_bytes for day, size_bytes in bytes_by_day.items() if day < before)
    wanted = max(missing_bytes, total_bytes - bounds.budget_bytes if has_budget else 0)
    for day in sorted(day for day in bytes_by_day if day >= before):
        if freed >= wanted:
            break
        before, share_bytes = day, wanted - freed
        if share_bytes < bytes_by_day[day]:
            return Eviction(before, share_bytes)
        before = day + timedelta(days=1)
        freed += bytes_by_day[day]
    return Eviction(before) if freed else None


def is_older(folder_name: str, version: int) -> bool:
    """Return whether a folder of derivatives is of an earlier version."""
    match = _VERSION.fullmatch(folder_name)
    return match is not None and int(match[1]) < version
