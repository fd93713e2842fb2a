"""Routes of accounts; bootstrap mounts `routers`."""

from afterglow.features.accounts.routes import auth, browser, servers, users

routers = (servers.router, auth.router, users.router)

__all__ = ["browser", "routers"]
