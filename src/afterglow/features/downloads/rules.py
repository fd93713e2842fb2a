"""What can be downloaded under which URL; pure."""

from enum import StrEnum

from afterglow.kernel.ids import PhotoId


class DownloadSize(StrEnum):
    """What of a photo is downloaded."""

    THUMB = "thumb"
    """The thumbnail that is 400 px wide."""
    MEDIUM = "medium"
    """The preview."""
    ORIGINAL = "original"


def path_of(photo_id: PhotoId, size: DownloadSize) -> tuple[str, dict[str, str]]:
    """Return the path and parameters of the byte route behind a download."""
    match size:
        case DownloadSize.THUMB:
            return f"/api/photos/{photo_id}/thumbnail", {"size": "400"}
        case DownloadSize.MEDIUM:
            return f"/api/photos/{photo_id}/preview", {}
        case DownloadSize.ORIGINAL:
            return f"/api/photos/{photo_id}/original", {}
