"""The HTTP client of the command line: one server, one account."""

import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from threading import Lock
from types import TracebackType
from typing import Any, Final, Protocol, Self

import httpx

from afterglow import __version__
from afterglow.entry.cli.errors import NotLoggedInError, ServerAwayError, ServerRefusedError

TIMEOUT: Final = httpx.Timeout(120, connect=15)
AWAY_STATUSES: Final = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}

Body = Callable[[], Iterator[bytes]]
"""Bytes of a request, from the start at each call: a request may have to be sent again."""


class Tokens(Protocol):
    """Where the access token comes from."""

    @property
    def access_token(self) -> str:
        """The token to send now."""

    def refresh(self, api: "Api", rejected: str) -> None:
        """Replace a token that the server rejected.

        Raises:
            NotLoggedInError: There is nothing to replace it by.
        """


class FixedToken:
    """A token that was given and cannot be refreshed; empty for calls that need none."""

    def __init__(self, access_token: str = "") -> None:
        self.access_token = access_token

    def refresh(self, api: "Api", rejected: str) -> None:
        """Refuse."""
        del api, rejected
        raise NotLoggedInError("the server does not accept this token")


class Api:
    """A server, spoken to as one account. Used by several threads at once."""

    def __init__(self, server: str, tokens: Tokens, transport: httpx.BaseTransport | None = None) -> None:
        self.server = server
        self._tokens = tokens
        self._refreshing = Lock()
        agent = {"user-agent": f"afterglow-cli/{__version__}"}
        self._client = httpx.Client(base_url=server, timeout=TIMEOUT, headers=agent, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Return the answer's JSON object; an access token that ran out is refreshed on the way.

        Raises:
            ServerAwayError: No answer, or one that asks to try again later.
            ServerRefusedError: Any other answer but success.
            NotLoggedInError: The login does not hold any more.
        """
        token = self._tokens.access_token
        request = {"json": json, "params": params, "headers": headers or {}, "timeout": timeout_s or TIMEOUT}
        response = self._send(method, path, token, body, request)
        if response.status_code == HTTPStatus.UNAUTHORIZED and token:
            with self._refreshing:
                if self._tokens.access_token == token:  # else another thread was faster
                    self._tokens.refresh(self, token)
            response = self._send(method, path, self._tokens.access_token, body, request)
        return read_answer(response)

    def _send(
        self,
        method: str,
        path: str,
        token: str,
        body: Body | None,
        request: Mapping[str, Any],
    ) -> httpx.Response:
        headers = request["headers"] | ({"authorization": f"Bearer {token}"} if token else {})
        try:
            return self._client.request(
                method, path, content=body() if body else None, **{**request, "headers": headers}
            )
        except httpx.TransportError as error:
            raise ServerAwayError(f"no answer from {self.server}: {str(error) or type(error).__name__}") from error


def read_answer(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of a successful answer; empty for one without content.

    Raises:
        ServerAwayError: The server asks to try again later.
        ServerRefusedError: Any other answer but success.
    """
    content = _json_object(response)
    if response.is_success:
        return content
    if response.status_code in AWAY_STATUSES:
        words = str(content.get("detail") or content.get("title") or f"the server answered {response.status_code}")
        raise ServerAwayError(words, retry_after_s=_retry_after(response))
    if response.is_redirect:
        content = {"detail": f"the server's address is {response.headers.get('location')}: name it with --server"}
    raise ServerRefusedError(response.status_code, content)


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that the server asks to wait, if it says so in seconds."""
    seconds = response.headers.get("retry-after", "")
    return float(seconds) if seconds.isdecimal() else None


FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
TRIES: Final = 10
"""Tries in a row without any progress before a file is given up: about two minutes."""


def pause_before(attempt: int, asked_s: float | None = None) -> float:
    """Return how long to wait before another try.

    Args:
        attempt: Tries that failed in a row, from 1.
        asked_s: What the server asked for; a pause is never shorter, nor longer than `LONGEST_PAUSE_S`.
    """
    own: float = FIRST_PAUSE_S * 2 ** min(attempt - 1, 10)
    return min(LONGEST_PAUSE_S, max(own, asked_s or 0))


def patiently(call: Callable[[], dict[str, Any]], pause: Callable[[float], object] = time.sleep) -> dict[str, Any]:
    """Return the answer of a call, tried again while the server is away.

    Raises:
        ServerAwayError: It stayed away for `TRIES` tries.
        ServerRefusedError: It answered, and refused.
    """
    for attempt in range(1, TRIES):
        try:
            return call()
        except ServerAwayError as error:
            pause(pause_before(attempt, error.retry_after_s))
    return call()
