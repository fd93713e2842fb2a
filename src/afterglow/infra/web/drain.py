"""Refusing an upload so that the client can read why.

An answer that is sent while the body is still coming makes the server close the connection, and a client that is busy
sending gets a reset instead of the problem. So what is still coming is read and dropped first, up to a bound.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from afterglow.kernel.units import MIB

DRAIN_BYTES = 16 * MIB
DRAIN_S = 5.0

_FIRST_ERROR = 400


class DrainRefusedBodies:
    """Reads and drops the rest of a request's body before an error answer starts, within bounds.

    A client that asked for `100-continue` and was not told to go on sends nothing: there is nothing to drop.
    """

    def __init__(self, app: ASGIApp, max_bytes: int = DRAIN_BYTES, timeout_s: float = DRAIN_S) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or not _announces_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive, is_waiting="expect" in Headers(scope=scope))

        async def send_after_draining(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= _FIRST_ERROR:
                await body.drain(self._max_bytes, self._timeout_s)
            await send(message)

        await self._app(scope, body.receive, send_after_draining)


def _announces_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


class _Body:
    """A request's body, with an eye on whether it has been read to its end."""

    def __init__(self, receive: Receive, *, is_waiting: bool) -> None:
        self._receive = receive
        self._is_waiting = is_waiting
        self._is_over = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._is_waiting = False
        self._is_over = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def drain(self, max_bytes: int, timeout_s: float) -> None:
        dropped = 0
        try:
            async with asyncio.timeout(timeout_s):
                while not self._is_over and not self._is_waiting and dropped < max_bytes:
                    dropped += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return
