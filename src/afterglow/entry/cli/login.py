"""Logging in: by the tokens that were remembered, by a token that is given, or by e-mail and password."""

import os
import sys
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import typer

from afterglow.entry.cli.api import Api, FixedToken
from afterglow.entry.cli.credentials import Login, LoginStore
from afterglow.entry.cli.errors import NotLoggedInError, ServerRefusedError
from afterglow.kernel.errors import InvalidError

DEFAULT_SERVER: Final = "http://127.0.0.1:2480"
LOOPBACK: Final = {"127.0.0.1", "localhost", "::1"}


class ServerAddressError(InvalidError):
    """This is not the address of a server."""

    code = "cli.server-address"


class RefreshedTokens:
    """Tokens of a login that are refreshed when they run out, and kept where the login is remembered."""

    def __init__(self, login: Login, store: LoginStore | None) -> None:
        """Take over a login.

        Args:
            login: Its tokens as they are now.
            store: Where it is remembered; None for a login of this command only.
        """
        self._login = login
        self._store = store

    @property
    def access_token(self) -> str:
        """The token to send now."""
        return self._login.access_token

    def refresh(self, api: Api, rejected: str) -> None:
        """Replace a token that the server rejected, by another command's newer one if there is one.

        Raises:
            NotLoggedInError: The login has ended.
        """
        if self._store is None:
            self._login = _refreshed(api, self._login)
            return
        with self._store.locked():
            kept = self._store.find(self._login.server)
            if kept is not None and kept.access_token != rejected:
                self._login = kept
                return
            self._login = _refreshed(api, kept or self._login)
            self._store.keep(self._login, latest=False)


def _refreshed(api: Api, login: Login) -> Login:
    """Return a login with fresh tokens; the old ones are void then."""
    with Api(api.server, FixedToken()) as anonymous:
        try:
            answer = anonymous.call("POST", "/api/auth/refresh", json={"refreshToken": login.refresh_token})
        except ServerRefusedError as error:
            raise NotLoggedInError("the login has ended: afterglow login") from error
    return replace(login, access_token=answer["accessToken"], refresh_token=answer["refreshToken"])


def connect(server: str | None, *, token: str | None = None, email: str | None = None) -> Api:
    """Return a client for a server, logged in by what is given, else by what is remembered.

    Raises:
        NotLoggedInError: Nothing is given, and nothing remembered for this server.
        ServerAddressError: Not an address.
        ServerRefusedError: The server does not accept e-mail and password.
        ServerAwayError: It does not answer.
    """
    store = LoginStore()
    address = clean_address(server) if server else None
    if token:
        return Api(address or DEFAULT_SERVER, FixedToken(token))
    if email:
        login = log_in(address or DEFAULT_SERVER, email)
        return Api(login.server, RefreshedTokens(login, store=None))
    remembered = store.find(address)
    if remembered is None:
        raise NotLoggedInError
    return Api(remembered.server, RefreshedTokens(remembered, store))


def log_in_and_remember(server: str | None, email: str | None) -> None:
    """Log in, asking for what is not given, and remember the login.

    Raises:
        ServerAddressError: Not an address.
        ServerRefusedError: The server does not accept e-mail and password.
        ServerAwayError: It does not answer.
    """
    store = LoginStore()
    earlier = store.find()
    address = clean_address(server or (earlier.server if earlier else DEFAULT_SERVER))
    login = log_in(address, email or str(typer.prompt("E-mail", err=True)))
    store.keep(login)
    typer.echo(f"Logged in to {login.server} as {login.email}.")


def log_in(server: str, email: str) -> Login:
    """Return a new login; the password comes from AFTERGLOW_PASSWORD or is asked for.

    Raises:
        ServerRefusedError: The server does not accept e-mail and password.
        ServerAwayError: It does not answer.
    """
    parts = urlsplit(server)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        sys.stderr.write(f"afterglow: {server} is not encrypted; the password can be read on the way\n")
    password = os.environ.get("AFTERGLOW_PASSWORD") or str(typer.prompt("Password", hide_input=True, err=True))
    proof: dict[str, Any] = {"email": email, "password": password}
    with Api(server, FixedToken()) as api:
        try:
            answer = api.call("POST", "/api/auth/login", json=proof)
        except ServerRefusedError as error:
            if "totp" not in error.problem_code:
                raise
            proof["totp"] = str(typer.prompt("One-time code", err=True))
            answer = api.call("POST", "/api/auth/login", json=proof)
    return Login(server, email, answer["accessToken"], answer["refreshToken"])


def clean_address(server: str) -> str:
    """Return an address without what follows host and port.

    Raises:
        ServerAddressError: It is none.
    """
    parts = urlsplit(server if "://" in server else f"http://{server}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ServerAddressError(f"{server} is not an address such as https://photos.example.org")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
