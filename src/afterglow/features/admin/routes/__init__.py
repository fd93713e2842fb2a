"""Routes of administration; bootstrap mounts `routers`."""

from afterglow.features.admin.routes import health, jobs, metrics, node, queues

routers = (health.router, jobs.router, queues.router, node.router, metrics.router)

__all__ = ["routers"]
