"""Routes of uploads; bootstrap mounts `routers`."""

from afterglow.features.uploads.routes import plain, receipts, sessions

routers = (plain.router, sessions.router, receipts.router)

__all__ = ["routers"]
