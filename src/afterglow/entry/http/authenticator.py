"""Finds the principal behind an HTTP request: by signed URL, bearer token or session cookie, in this order."""

from urllib.parse import parse_qs
from uuid import UUID

from fastapi import Request

from afterglow.features.accounts import service
from afterglow.features.accounts.routes import browser
from afterglow.features.accounts.service import AccountPorts
from afterglow.infra.crypto.signed_urls import SIGNATURE, BadSignatureError, require_signature
from afterglow.infra.db.database import Database
from afterglow.infra.web.auth import Authenticator
from afterglow.kernel.clock import utc_now
from afterglow.kernel.errors import UnauthenticatedError
from afterglow.kernel.ids import UserId
from afterglow.kernel.principal import Principal, Role, Scope

OWNER_PARAM = "owner"
"""Parameter of a signed URL that names whose photo it shows."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_READ_METHODS = frozenset({"GET", "HEAD"})
# Whoever signed the path was allowed to read it, be it a thumbnail or an original; it is the path that bounds the URL.
_SIGNED_SCOPES = frozenset({Scope.GALLERY, Scope.ORIGINALS})


class UnknownSchemeError(UnauthenticatedError):
    """The header Authorization must say Bearer, and a token."""

    code = "auth.unknown-scheme"


class HttpAuthenticator(Authenticator):
    """Authenticates each request once, however many dependencies ask."""

    def __init__(self, database: Database, ports: AccountPorts, signed_url_secret: bytes) -> None:
        """Take what credentials are checked against.

        Args:
            database: Where sessions are.
            ports: Holds the verifier of access tokens.
            signed_url_secret: The key that URLs of this server are signed with.
        """
        self._database = database
        self._ports = ports
        self._signed_url_secret = signed_url_secret

    async def authenticate(self, request: Request) -> Principal | None:
        """Return the principal, or None for a request without any credential.

        The first credential found decides; a bad one is never made good by another.

        Raises:
            UnauthenticatedError: A credential is there and does not hold.
            CrossSiteError: An unsafe request came by cookie and may be another site's.
        """
        if not hasattr(request.state, "principal"):
            request.state.principal = await self._find(request)
        principal: Principal | None = request.state.principal
        return principal

    async def _find(self, request: Request) -> Principal | None:
        if SIGNATURE in request.query_params:
            return self._by_signature(request)
        if "authorization" in request.headers:
            bearer = _bearer_token(request.headers["authorization"])
            return await service.authenticate(self._database, self._ports, bearer)
        if token := request.cookies.get(browser.ACCESS_COOKIE):
            if request.method not in _SAFE_METHODS:
                browser.require_same_site(request)
            return await service.authenticate(self._database, self._ports, token)
        return None

    def _by_signature(self, request: Request) -> Principal:
        """Return a principal that may read the bytes at this one path, for the signature covers it.

        The account is not asked for: the URL is short-lived, and whoever has it may use it without one.

        Raises:
            UnauthenticatedError: The URL is not ours, has expired, or the request would change something.
        """
        if request.method not in _READ_METHODS:
            raise BadSignatureError
        path, query = request.scope["path"], request.scope["query_string"].decode("ascii", "replace")
        require_signature(self._signed_url_secret, path, query, utc_now())
        owner_id = _owner_of(query)
        return Principal(user_id=owner_id, role=Role.MEMBER, scopes=_SIGNED_SCOPES)


def _bearer_token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnknownSchemeError
    return token.strip()


def _owner_of(query: str) -> UserId:
    """Return the owner that a URL names, whose signature has been checked."""
    try:
        (text,) = parse_qs(query)[OWNER_PARAM]
        return UserId(UUID(text))
    except (KeyError, ValueError) as error:
        raise BadSignatureError from error
