"""The application: routes, problems, headers, and the web client's files."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

import afterglow
from afterglow.bootstrap import PROBLEM_STATUSES, SIGNED_URLS, http_parts, open_node, routers
from afterglow.config import Settings
from afterglow.entry.http.authenticator import HttpAuthenticator
from afterglow.entry.http.client import mount_client
from afterglow.features.accounts.service import AccountPorts
from afterglow.infra.web import headers, problems
from afterglow.infra.web.auth import Authentication
from afterglow.infra.web.drain import DrainRefusedBodies
from afterglow.infra.web.observe import ObserveRequests
from afterglow.infra.web.provide import provide

CLIENT_DIR = Path(__file__).resolve().parents[4] / "web" / "dist"
_CONNECTIONS = 16


class _Application(FastAPI):
    """Carries our own layers outside of all others, so that the answer to an unexpected error passes them too."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return the layers, outermost first."""
        inner = headers.SecurityHeaders(DrainRefusedBodies(super().build_middleware_stack()))
        return headers.RequestIds(ObserveRequests(inner))


def create_app(settings: Settings) -> FastAPI:
    """Return the application; it opens the node's parts when the server starts it and closes them at its end."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_node(settings, "http", max_connections=_CONNECTIONS) as node:
            parts = await http_parts(node)
            account_ports = next(part for part in parts if isinstance(part, AccountPorts))
            authenticator = HttpAuthenticator(node.database, account_ports, node.keys.secret_for(SIGNED_URLS))
            provide(app, *parts, Authentication(authenticator))
            yield

    return build_app(lifespan)


def build_app(lifespan: Any = None) -> FastAPI:
    """Return the application's shape: all routes, without the parts they work with."""
    app = _Application(
        title="Afterglow",
        version=afterglow.__version__,
        summary="A self-hosted, hybrid photo platform.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: f"{(route.tags or ['root'])[0]}_{route.name}",
    )
    problems.install(app, PROBLEM_STATUSES)
    for router in routers():
        app.include_router(router)
    mount_client(app, CLIENT_DIR)
    return app
