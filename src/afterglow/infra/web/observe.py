"""One log line, one count and one span for each request. Plain ASGI middleware.

What is told of a request is its route (a template), never its path: a path may hold a secret, such as the token of a
share link, and makes labels without end. Of the path's parameters only ids are logged.
"""

import time
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from afterglow.infra.telemetry.counts import Counts
from afterglow.infra.telemetry.traces import server_span
from afterglow.infra.web.problems import CLIENT_CLOSED_REQUEST

log: structlog.stdlib.BoundLogger = structlog.get_logger("afterglow.request")

_UNROUTED: Final = "unrouted"
_CLIENT_FILES: Final = "/{path:path}"
_QUIET: Final = frozenset(
    {
        _CLIENT_FILES,
        "/metrics",
        "/api/health/live",
        "/api/health/ready",
        "/api/photos/{photo_id}/thumbnail",
        "/api/photos/{photo_id}/preview",
    }
)
"""Routes that are asked for all the time: scrolling shows hundreds of pictures. Logged at debug, unless they fail."""


class ObserveRequests:
    """Logs, counts and traces each request, when its answer is over.

    Counts go to the `Counts` that the application was provided with; without one nothing is counted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send)
        with server_span(scope) as span:
            try:
                await self._app(scope, exchange.receive, exchange.send)
            finally:
                route = _route_of(scope)
                span.name_after(f"{scope['method']} {route}", exchange.status)
                _tell(scope, route, exchange)


class _Exchange:
    """The two directions of a connection, with an eye on what passes."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._started = time.perf_counter()
        self.status: int = CLIENT_CLOSED_REQUEST
        self.received_bytes = 0
        self.sent_bytes = 0

    @property
    def duration_s(self) -> float:
        """Seconds since the request's head was there."""
        return time.perf_counter() - self._started

    async def receive(self) -> Message:
        message = await self._receive()
        self.received_bytes += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # The server may send a file's bytes itself.
            self.sent_bytes = int(Headers(raw=message["headers"]).get("content-length", 0))
        await self._send(message)


def _route_of(scope: Scope) -> str:
    """Return the template of the path that was asked for."""
    return getattr(scope.get("route"), "path_format", None) or getattr(scope.get("route"), "path", None) or _UNROUTED


def _tell(scope: Scope, route: str, exchange: _Exchange) -> None:
    duration_s, method = exchange.duration_s, str(scope["method"])
    if (counts := _find_counts(scope)) is not None:
        counts.count_request(method, route, exchange.status, duration_s, exchange.received_bytes, exchange.sent_bytes)
    is_quiet = route in _QUIET and exchange.status < HTTPStatus.INTERNAL_SERVER_ERROR
    (log.debug if is_quiet else log.info)(
        "request",
        method=method,
        route=route,
        status=exchange.status,
        duration_ms=round(duration_s * 1000, 1),
        received_bytes=exchange.received_bytes,
        sent_bytes=exchange.sent_bytes,
        **_ids_of(scope),
    )


def _ids_of(scope: Scope) -> dict[str, str]:
    """Return who asked, and the ids in the path."""
    principal = scope.get("state", {}).get("principal")
    ids = {"user_id": str(principal.user_id)} if principal is not None else {}
    for name, value in scope.get("path_params", {}).items():
        if _is_id(value):
            ids[name] = str(value)
    return ids


def _is_id(value: object) -> bool:
    try:
        return str(UUID(str(value))) == str(value)
    except ValueError:
        return False


def _find_counts(scope: Scope) -> Counts | None:
    provided: dict[type, Any] = getattr(scope["app"].state, "provided", {})
    return provided.get(Counts)
