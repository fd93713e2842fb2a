"""Routes of photos; bootstrap mounts `routers`. The composed photo has its own, in `details`."""

from afterglow.features.photos.routes import tombstones, trash

routers = (trash.photo_router, trash.router, tombstones.router)

__all__ = ["routers"]
