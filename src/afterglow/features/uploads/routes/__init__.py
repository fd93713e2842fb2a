"""Routes of uploads; bootstrap mounts `routers`, and knows the statuses of their errors."""

from afterglow.features.uploads.routes import plain, receipts, sessions, tus, usage
from afterglow.features.uploads.routes.protocols import STATUSES

routers = (plain.router, sessions.router, receipts.router, tus.router, usage.router)

__all__ = ["STATUSES", "routers"]
