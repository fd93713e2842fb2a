"""Unsafe requests that may be sent twice and act once: the header `Idempotency-Key`.

A client that got no answer does not know whether its request was carried out. With a key of its own making it sends
the same request again and gets the answer of the first. The answer is kept in the request's own transaction where it
has one, so that it is there if and only if the work was done.

References:
    IETF draft-ietf-httpapi-idempotency-key-header-07.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response

from afterglow.infra.db import kept_answers
from afterglow.infra.db.database import Database
from afterglow.infra.db.kept_answers import KeptAnswer, KeyedRequest
from afterglow.infra.web.auth import current_principal
from afterglow.infra.web.provide import provided
from afterglow.infra.web.tx import Handler, TransactionalRoute, write_tx_of
from afterglow.kernel.errors import ConflictError, InvalidError, UnavailableError
from afterglow.kernel.ids import new_id
from afterglow.kernel.units import KIB

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
MAX_KEPT_BYTES = 256 * KIB
_EXPIRE_BATCH = 1000
_UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_FIRST_REFUSAL = 400


class BadKeyError(InvalidError):
    """An Idempotency-Key has 1 to 255 visible ASCII characters."""

    code = "idempotency.bad-key"


class KeyReusedError(InvalidError):
    """This Idempotency-Key came with another request before; make a new one for each request."""

    code = "idempotency.key-reused"


class RequestInFlightError(ConflictError):
    """The same request is being worked on; ask again in a moment."""

    code = "idempotency.in-flight"


class IdempotentRoute(TransactionalRoute):
    """A route whose unsafe requests act once for each `Idempotency-Key`, for 24 hours.

    A refusal is not kept: it changed nothing, and the next try may be luckier. Requests whose bodies are streamed
    take no part; they have their own ways to go on. Answers that hold secrets must not be kept: routes that give any
    are of the plain class.
    """

    async def answer(self, request: Request, handler: Handler) -> Response:
        """Return the answer: the handler's, or the one that was kept."""
        keyed = None if self._is_streamed(request) else await _keyed(request)
        if keyed is None:
            return await super().answer(request, handler)
        known = await _claim(request, keyed)
        if known is not None:
            return _replay(keyed, known)
        request.state.keyed = keyed
        try:
            response = await super().answer(request, handler)
        except BaseException:
            await _release(request, keyed)
            raise
        if not getattr(request.state, "is_answer_kept", False):
            await _release(request, keyed)
        return response

    def _is_streamed(self, request: Request) -> bool:
        """Return whether the request has a body that the route does not parse."""
        has_body = "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"
        return has_body and self.body_field is None

    async def before_commit(self, request: Request, response: Response) -> None:
        """Keep the answer."""
        keyed: KeyedRequest | None = getattr(request.state, "keyed", None)
        body: bytes | None = getattr(response, "body", None)
        if keyed is None or body is None or len(body) > MAX_KEPT_BYTES or response.status_code >= _FIRST_REFUSAL:
            return
        status, media_type = response.status_code, response.headers.get("content-type")
        if tx := write_tx_of(request):
            await kept_answers.keep(tx, keyed, status, media_type, body)
        else:
            await _in_own_transaction(request, keyed, lambda tx: kept_answers.keep(tx, keyed, status, media_type, body))
        request.state.is_answer_kept = True


async def _keyed(request: Request) -> KeyedRequest | None:
    """Return the request under its key; None where there is none, or where it takes no part.

    Raises:
        BadKeyError: That is no key.
        UnauthenticatedError: Nobody, or a credential that does not hold.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method not in _UNSAFE_METHODS:
        return None
    if _KEY.fullmatch(key) is None:
        raise BadKeyError
    principal = await current_principal(request)
    query = request.url.query
    return KeyedRequest(
        owner_id=principal.user_id,
        key=key,
        method=request.method,
        target=request.url.path + (f"?{query}" if query else ""),
        # Starlette keeps the body, so that the handler reads it again.
        fingerprint=hashlib.sha256(await request.body()).digest(),
        claim_id=new_id(),
    )


async def _claim(request: Request, keyed: KeyedRequest) -> KeptAnswer | None:
    """Claim the key, or return what is known under it.

    Raises:
        RequestInFlightError: Another try was about to end just now.
    """
    database = provided(request, Database)

    async def work(tx: Any) -> tuple[bool, KeptAnswer | None]:
        is_mine = await kept_answers.claim(tx, keyed)
        return is_mine, None if is_mine else await kept_answers.find(tx, keyed)

    is_mine, known = await database.run([keyed.owner_id], work)
    if not is_mine and known is None:
        raise RequestInFlightError(retry_after=1)
    return known


def _replay(keyed: KeyedRequest, known: KeptAnswer) -> Response:
    """Return the answer that was kept.

    Raises:
        KeyReusedError: It was given to another body.
        RequestInFlightError: There is none yet.
    """
    if known.fingerprint != keyed.fingerprint:
        raise KeyReusedError
    if known.status is None:
        raise RequestInFlightError(retry_after=1)
    headers = {REPLAYED: "true"} | ({"Content-Type": known.media_type} if known.media_type else {})
    return Response(known.body, known.status, headers)


async def _release(request: Request, keyed: KeyedRequest) -> None:
    # With the database away the claim stays, and is abandoned after a while.
    with contextlib.suppress(UnavailableError):
        await _in_own_transaction(request, keyed, lambda tx: kept_answers.release(tx, keyed))


async def _in_own_transaction(
    request: Request, keyed: KeyedRequest, work: Callable[[Any], Coroutine[Any, Any, None]]
) -> None:
    await provided(request, Database).run([keyed.owner_id], work)


class ForgetAnswers:
    """Forgets answers whose time is over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        """Forget all of them, a batch in each transaction."""
        while await self._database.run([], lambda tx: kept_answers.expire(tx, _EXPIRE_BATCH)) == _EXPIRE_BATCH:
            pass
