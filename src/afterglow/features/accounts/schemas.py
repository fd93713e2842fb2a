"""Wire types of accounts."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from afterglow.features.accounts.models import Account, Claimed, OpenedSession, Server, Session, WantedAccount
from afterglow.infra.web.schemas import UtcTime, WireModel
from afterglow.kernel.ids import SessionId
from afterglow.kernel.principal import Role

# Bounds of what is looked at at all; what is a good address, name or password is decided by the rules.
Text = Annotated[str, Field(max_length=4096)]
# A bigint holds no more.
Bytes = Annotated[int, Field(ge=0, lt=2**63)]

COOKIE_FIELD = Field(
    default=False,
    description="For browsers: put both tokens into HttpOnly cookies, and leave the refresh token out of the body. "
    "Needs the header `X-Afterglow-Client`.",
)


class ClaimIn(WireModel):
    """The first owner, and the proof that he stands at the server."""

    code: Text
    email: Text
    password: Text
    name: Text
    cookie: bool = COOKIE_FIELD

    def owner(self) -> WantedAccount:
        """Return the owner's account as it is asked for."""
        return WantedAccount(email=self.email, name=self.name, password=self.password, role=Role.OWNER)


class LoginIn(WireModel):
    """E-mail address and password."""

    email: Text
    password: Text
    cookie: bool = COOKIE_FIELD


class RefreshIn(WireModel):
    """A refresh token, here or in the cookie."""

    refresh_token: Text | None = None
    cookie: bool = COOKIE_FIELD


class LogoutIn(WireModel):
    """A refresh token whose session ends; clients with a valid access token need none."""

    refresh_token: Text | None = None


class NewUserIn(WireModel):
    """An account that an administrator makes."""

    email: Text
    name: Text
    password: Text
    role: Literal[Role.ADMIN, Role.MEMBER] = Role.MEMBER
    quota_bytes: Bytes | None = None

    def wanted(self) -> WantedAccount:
        """Return the account as it is asked for."""
        return WantedAccount(
            email=self.email, name=self.name, password=self.password, role=self.role, quota_bytes=self.quota_bytes
        )


class UserOut(WireModel):
    """An account."""

    id: UUID
    email: str
    name: str
    role: Role
    quota_bytes: int | None
    created_at: UtcTime
    disabled_at: UtcTime | None

    @classmethod
    def from_account(cls, account: Account) -> Self:
        """Return the account as it is sent."""
        return cls.model_validate(account)


class TokensOut(WireModel):
    """A session's tokens; `refreshToken` is left out when it went into a cookie."""

    user: UserOut
    access_token: str
    refresh_token: str | None = None
    expires_in: int = Field(description="Seconds until the access token expires.")

    @classmethod
    def from_opened(cls, opened: OpenedSession, *, cookie: bool) -> Self:
        """Return the tokens as they are sent."""
        kept = {} if cookie else {"refresh_token": opened.refresh_token}
        return cls(
            user=UserOut.from_account(opened.account),
            access_token=opened.access_token,
            expires_in=opened.expires_in_s,
            **kept,
        )


class ClaimedOut(TokensOut):
    """A claimed server, and its owner's tokens."""

    server_id: UUID

    @classmethod
    def from_claimed(cls, claimed: Claimed, *, cookie: bool) -> Self:
        """Return the claimed server as it is sent."""
        tokens = TokensOut.from_opened(claimed.opened, cookie=cookie)
        return cls(server_id=claimed.server_id, **{name: getattr(tokens, name) for name in tokens.model_fields_set})


class ServerOut(WireModel):
    """What everybody may know about this server."""

    server_id: UUID
    name: str
    version: str = Field(description="Version of the program.")
    api_version: int = Field(description="Version of this interface; grows only with changes that break clients.")
    role: str = Field(description="`home` or `edge`.")
    claimed: bool = Field(description="Whether it has an owner.")

    @classmethod
    def from_server(cls, server: Server, *, role: str, version: str) -> Self:
        """Return the server as it is sent."""
        return cls(
            server_id=server.id,
            name=server.name,
            version=version,
            api_version=API_VERSION,
            role=role,
            claimed=server.claimed_at is not None,
        )


class SessionOut(WireModel):
    """A log-in on one device."""

    id: UUID
    user_agent: str
    created_at: UtcTime
    last_used_at: UtcTime
    expires_at: UtcTime
    current: bool = Field(description="Whether it is the session that asks.")

    @classmethod
    def from_session(cls, session: Session, current: SessionId | None) -> Self:
        """Return the session as it is sent."""
        return cls(
            id=session.id,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            current=session.id == current,
        )


API_VERSION = 1
