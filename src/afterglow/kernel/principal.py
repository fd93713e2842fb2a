"""Who is asking."""

from dataclasses import dataclass
from enum import StrEnum

from afterglow.kernel.ids import SessionId, UserId


class Role(StrEnum):
    """What an account may do to the server; it says nothing about photos."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class Scope(StrEnum):
    """What a credential may be used for. A scope is never raised by its own holder."""

    GALLERY = "gallery"
    """Lists, thumbnails and previews; no originals."""
    ORIGINALS = "originals"
    """Bytes of originals."""
    WRITE = "write"
    """Uploads and changes."""
    ADMIN = "admin"
    """Server administration, within the account's role."""


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated account, and what its credential allows.

    Attributes:
        has_quota: False only where the account is known to have none: then an upload need not ask for it.
    """

    user_id: UserId
    role: Role
    scopes: frozenset[Scope]
    session_id: SessionId | None = None
    has_quota: bool = True

    @property
    def owners(self) -> tuple[UserId, ...]:
        """Owners whose rows this principal's transactions may see (row-level security)."""
        return (self.user_id,)
