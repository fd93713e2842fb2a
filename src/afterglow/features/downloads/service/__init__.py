"""Use cases of downloads: one photo, or many as one archive."""

from afterglow.features.downloads.service.ordering import (
    MAX_PHOTOS,
    Ordered,
    forget_expired,
    order_matching,
    order_photos,
)
from afterglow.features.downloads.service.originals import Download, find_download, find_original, sign_download
from afterglow.features.downloads.service.ports import DownloadPorts
from afterglow.features.downloads.service.reading import OpenArchive, open_archive

__all__ = [
    "MAX_PHOTOS",
    "Download",
    "DownloadPorts",
    "OpenArchive",
    "Ordered",
    "find_download",
    "find_original",
    "forget_expired",
    "open_archive",
    "order_matching",
    "order_photos",
    "sign_download",
]
