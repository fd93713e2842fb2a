"""The transaction of a request: opened for its principal, committed before the answer is sent."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from afterglow.infra.db.database import RETRYABLE, Database, Tx
from afterglow.infra.db.errors import DatabaseBusyError
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.provide import Provided
from afterglow.kernel.errors import TooLargeError
from afterglow.kernel.units import MIB

_TRIES = 5
MAX_PARSED_BYTES = 8 * MIB
Handler = Callable[[Request], Awaitable[Response]]
ProvidedDatabase = Annotated[Database, Provided(Database)]


async def _read_tx(database: ProvidedDatabase, principal: CurrentPrincipal) -> AsyncIterator[Tx]:
    async with database.transaction(principal.owners, read_only=True) as tx:
        yield tx


async def _write_tx(request: Request, database: ProvidedDatabase, principal: CurrentPrincipal) -> AsyncIterator[Tx]:
    async with database.transaction(principal.owners) as tx:
        request.state.write_tx = tx
        yield tx
    del request.state.write_tx


# `scope="function"`: closed, and so committed, before the response is sent.
ReadTx = Annotated[Tx, Depends(_read_tx, scope="function")]
WriteTx = Annotated[Tx, Depends(_write_tx, scope="function")]


class BodyTooLargeError(TooLargeError):
    """This request is larger than the server reads, see `limit`."""

    code = "request.too-large"


class _BoundedRequest(Request):
    """A request whose body is read up to a bound."""

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Iterate over the body.

        Raises:
            BodyTooLargeError: It is, or says that it is, larger than the bound.
        """
        announced = self.headers.get("content-length", "")
        size_bytes = 0
        if announced.isdecimal() and int(announced) > MAX_PARSED_BYTES:
            raise BodyTooLargeError(limit=MAX_PARSED_BYTES)
        async for chunk in super().stream():
            size_bytes += len(chunk)
            if size_bytes > MAX_PARSED_BYTES:
                raise BodyTooLargeError(limit=MAX_PARSED_BYTES)
            yield chunk


class TransactionalRoute(APIRoute):
    """A route whose transaction is run again when the database broke a deadlock by ending it.

    The request's body is kept by Starlette, so a handler that takes parsed input can run twice; one that streams the
    body must not take `WriteTx`. A body that is parsed is held in memory and so may have `MAX_PARSED_BYTES` at most.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with its own stack of dependencies for each try."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            if self.body_field is not None:
                request = _BoundedRequest(request.scope, request.receive)
                await request.body()
            return await self.answer(request, handler)

        return handle

    async def answer(self, request: Request, handler: Handler) -> Response:
        """Return the handler's answer.

        Raises:
            DatabaseBusyError: All tries ended in deadlocks.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return await self._try_once(handler, request)
            except RETRYABLE as error:
                if attempt == _TRIES:
                    raise DatabaseBusyError from error
                await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, not a secret
        raise AssertionError("unreachable")

    async def _try_once(self, handler: Handler, request: Request) -> Response:
        async with AsyncExitStack() as stack:
            request.scope["fastapi_function_astack"] = stack
            response = await handler(request)
            await self.before_commit(request, response)
            return response

    async def before_commit(self, request: Request, response: Response) -> None:
        """Do what belongs into the request's transaction when its answer is known; `write_tx_of` gives it."""


def write_tx_of(request: Request) -> Tx | None:
    """Return the request's open transaction; None where its route takes no `WriteTx`."""
    tx: Tx | None = getattr(request.state, "write_tx", None)
    return tx
