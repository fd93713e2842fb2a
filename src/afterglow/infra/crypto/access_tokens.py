"""Access tokens: short-lived JWTs signed with Ed25519, which any node verifies by the public key alone.

References:
    RFC 9068, "JWT Profile for OAuth 2.0 Access Tokens" (type `at+jwt`); RFC 9864 (algorithm name `Ed25519`).
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OKPKey
from joserfc.jwt import JWTClaimsRegistry

from afterglow.kernel.errors import UnauthenticatedError
from afterglow.kernel.ids import SessionId, UserId
from afterglow.kernel.principal import Role, Scope

ALGORITHM = "Ed25519"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
LEEWAY_S = 30  # clocks of two nodes may differ by this much
MAX_TOKEN_CHARS = 4096  # ours have about 450; longer ones are not even parsed
_REMEMBERED_TOKENS = 1024


class BadAccessTokenError(UnauthenticatedError):
    """This access token is not valid here."""

    code = "auth.bad-token"


class AccessTokenExpiredError(UnauthenticatedError):
    """This access token has expired; refresh it."""

    code = "auth.token-expired"


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a valid access token says."""

    user_id: UserId
    session_id: SessionId
    role: Role
    scopes: frozenset[Scope]
    issued_at: datetime
    expires_at: datetime


class AccessTokenIssuer:
    """Signs access tokens; only the home node does."""

    def __init__(self, signing_key: Ed25519PrivateKey, issuer: str, lifetime: timedelta) -> None:
        self._key = OKPKey.import_key(signing_key)
        self._header = {"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": self._key.thumbprint()}
        self._issuer = issuer
        self._lifetime = lifetime

    @property
    def lifetime(self) -> timedelta:
        """Return how long a token is valid."""
        return self._lifetime

    def issue(self, user_id: UserId, session_id: SessionId, role: Role, scopes: frozenset[Scope], now: datetime) -> str:
        """Return a signed token that is valid from now on for the lifetime; times are cut to whole seconds."""
        issued_at = int(now.timestamp())
        claims = {
            "iss": self._issuer,
            "sub": str(user_id),
            "sid": str(session_id),
            "role": role.value,
            "scope": " ".join(sorted(scopes)),
            "iat": issued_at,
            "exp": issued_at + int(self._lifetime.total_seconds()),
        }
        return jwt.encode(self._header, claims, self._key, algorithms=[ALGORITHM])


class AccessTokenVerifier:
    """Verifies access tokens of one issuer."""

    def __init__(self, public_key: Ed25519PublicKey, issuer: str) -> None:
        self._key = OKPKey.import_key(public_key)
        self._issuer = issuer
        self._verified: OrderedDict[str, AccessClaims] = OrderedDict()

    def verify(self, token: str, now: datetime) -> AccessClaims:
        """Return the claims of a token that this issuer signed and that is valid now, within 30 s of leeway.

        A signature that was verified is remembered: it holds as long as the token, which comes with every request.

        Raises:
            AccessTokenExpiredError: It was valid once.
            BadAccessTokenError: It is anything else: not a token, another algorithm, type, key or issuer.
        """
        known = self._verified.get(token)
        if known and known.issued_at <= now < known.expires_at:
            return known
        claims = self._verify(token, now)
        self._verified[token] = claims
        if len(self._verified) > _REMEMBERED_TOKENS:
            self._verified.popitem(last=False)
        return claims

    def _verify(self, token: str, now: datetime) -> AccessClaims:
        if len(token) > MAX_TOKEN_CHARS:
            raise BadAccessTokenError
        try:
            decoded = jwt.decode(token, self._key, algorithms=[ALGORITHM])
            if decoded.header.get("typ") != TOKEN_TYPE:
                raise BadAccessTokenError
            self._registry(now).validate(decoded.claims)
            return _parse_claims(decoded.claims)
        except ExpiredTokenError as error:
            raise AccessTokenExpiredError from error
        except (JoseError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise BadAccessTokenError from error  # whatever is inside was signed by nobody, or not by this code

    def _registry(self, now: datetime) -> JWTClaimsRegistry:
        return JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._issuer},
            sub={"essential": True},
            sid={"essential": True},
            role={"essential": True},
            scope={"essential": True, "allow_blank": True},
            iat={"essential": True},
            exp={"essential": True},
        )


def _parse_claims(claims: jwt.Claims) -> AccessClaims:
    return AccessClaims(
        user_id=UserId(UUID(claims["sub"])),
        session_id=SessionId(UUID(claims["sid"])),
        role=Role(claims["role"]),
        scopes=frozenset(Scope(scope) for scope in claims["scope"].split()),
        issued_at=datetime.fromtimestamp(claims["iat"], UTC),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )
