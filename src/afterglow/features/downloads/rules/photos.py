"""What of one photo is downloaded, and under which URL; pure."""

from enum import StrEnum
from typing import Final

from afterglow.kernel.ids import PhotoId


class DownloadSize(StrEnum):
    """What of a photo is downloaded."""

    THUMB = "thumb"
    """The thumbnail that is 400 px wide."""
    MEDIUM = "medium"
    """The preview."""
    ORIGINAL = "original"


THUMB_SIZE: Final = 400
"""The thumbnail that is downloaded: the one with the photo's own ratio, by its width [px]."""


def path_of(photo_id: PhotoId, size: DownloadSize) -> tuple[str, dict[str, str]]:
    """Return the path and parameters of the byte route behind a download."""
    if size is DownloadSize.ORIGINAL:
        return f"/api/photos/{photo_id}/original", {}
    return f"/api/photos/{photo_id}/download", {"size": size.value, "redirect": "0"}


def name_of(filename: str, size: DownloadSize, suffix: str) -> str:
    """Return the name to save a smaller version under: the photo's own, marked, with the suffix of what it is."""
    stem, dot, _extension = filename.rpartition(".")
    stem = stem if dot and stem else filename
    return f"{stem}-{size.value}{suffix}"
