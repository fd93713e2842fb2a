"""Rows of accounts, and what its use cases return."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from afterglow.kernel.ids import SessionId, UserId
from afterglow.kernel.principal import Role


@dataclass(frozen=True, slots=True)
class Server:
    """This server's identity; unclaimed while `claimed_at` is None.

    Attributes:
        claim_code_hash: SHA-256 of the normalised claim code; None when there is none yet, or none any more.
    """

    id: UUID
    name: str
    claim_code_hash: bytes | None
    claimed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account."""

    id: UserId
    email: str
    name: str
    role: Role
    quota_bytes: int | None
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a log-in is checked against."""

    user_id: UserId
    password_hash: str | None = field(repr=False)
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """An account as it is asked for, before anything is checked."""

    email: str
    name: str
    password: str = field(repr=False)
    role: Role = Role.MEMBER
    quota_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be made: normalised and checked, the password hashed."""

    id: UserId
    email: str
    name: str
    password_hash: str = field(repr=False)
    role: Role
    quota_bytes: int | None

    def made_at(self, moment: datetime) -> Account:
        """Return the account that this becomes when it is stored."""
        return Account(
            id=self.id,
            email=self.email,
            name=self.name,
            role=self.role,
            quota_bytes=self.quota_bytes,
            created_at=moment,
            disabled_at=None,
        )


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in on one device, kept alive by its refresh tokens."""

    id: SessionId
    user_id: UserId
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token that was issued; `used_at` is set once it was exchanged for its successor."""

    session_id: SessionId
    user_id: UserId
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionHolder:
    """A session beside what matters of its account, for the check of an access token."""

    session: Session
    role: Role
    disabled_at: datetime | None
    has_quota: bool


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """What a client gets at log-in, claim and refresh.

    Attributes:
        expires_in_s: Seconds until the access token expires.
        session_life_s: Seconds until the session ends if it is not used.
    """

    account: Account
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: int
    session_life_s: int


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from.

    Attributes:
        address: IP address as the server, or a trusted proxy, sees it.
        user_agent: The User-Agent header, empty if there is none.
    """

    address: str
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class ServerStart:
    """What the server is when it starts.

    Attributes:
        claim_code: To be shown to whoever may become the owner; None once there is one.
    """

    server_id: UUID
    name: str
    claim_code: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A server that was claimed just now, and its owner's first session."""

    server_id: UUID
    opened: OpenedSession
