"""Names and places of derivatives; pure."""

import re
from typing import Final

from afterglow.kernel.ids import PhotoId, UserId

THUMBNAIL_SIZES: Final = (64, 128, 256, 512, 400)
"""Squares of these edges [px]; 400 is not a square but that wide, with the photo's own ratio."""
PREVIEW: Final = "preview"
_VERSION = re.compile(r"v(\d{1,9})")


def folder_of(owner_id: UserId, photo_id: PhotoId, version: int) -> str:
    """Return the relative path of a photo's derivatives of a version: deterministic, below their owner.

    The folders between are the id's last digits: its first ones are a clock, and would fill one folder at a time.
    """
    digits = photo_id.hex
    return f"{owner_id}/{digits[-2:]}/{digits[-4:-2]}/{photo_id}/v{version}"


def is_older(folder_name: str, version: int) -> bool:
    """Return whether a folder of derivatives is of an earlier version."""
    match = _VERSION.fullmatch(folder_name)
    return match is not None and int(match[1]) < version
