"""Routes of downloads; bootstrap mounts `routers`."""

from afterglow.features.downloads.routes import archives, photos

routers = (photos.router, archives.router)

__all__ = ["routers"]
