"""The transaction of a request: opened for its principal, committed before the answer is sent."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from afterglow.infra.db.database import RETRYABLE, Database, Tx
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.provide import Provided

_TRIES = 5
ProvidedDatabase = Annotated[Database, Provided(Database)]


async def _read_tx(database: ProvidedDatabase, principal: CurrentPrincipal) -> AsyncIterator[Tx]:
    async with database.transaction(principal.owners, read_only=True) as tx:
        yield tx


async def _write_tx(database: ProvidedDatabase, principal: CurrentPrincipal) -> AsyncIterator[Tx]:
    async with database.transaction(principal.owners) as tx:
        yield tx


# `scope="function"`: closed, and so committed, before the response is sent.
ReadTx = Annotated[Tx, Depends(_read_tx, scope="function")]
WriteTx = Annotated[Tx, Depends(_write_tx, scope="function")]


class TransactionalRoute(APIRoute):
    """A route whose transaction is run again when the database broke a deadlock by ending it.

    The request's body is kept by Starlette, so a handler that takes parsed input can run twice; one that streams the
    body must not take `WriteTx`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, with its own stack of dependencies for each try."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            for attempt in range(1, _TRIES):
                try:
                    return await _try_once(handler, request)
                except RETRYABLE:
                    await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - jitter, not a secret
            return await _try_once(handler, request)

        return handle


async def _try_once(handler: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    async with AsyncExitStack() as stack:
        request.scope["fastapi_function_astack"] = stack
        return await handler(request)
