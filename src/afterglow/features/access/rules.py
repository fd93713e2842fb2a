"""The one decision about access; pure, and the same for one object and for many."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from afterglow.kernel.principal import Principal, Scope


class Action(StrEnum):
    """What somebody wants to do with an owned thing."""

    VIEW = "view"
    """See that it is there, its metadata, its thumbnails and preview."""
    DOWNLOAD = "download"
    """Get the original's bytes."""
    CHANGE = "change"
    """Create, edit or delete it."""


_NEEDED_SCOPE = {Action.VIEW: Scope.GALLERY, Action.DOWNLOAD: Scope.ORIGINALS, Action.CHANGE: Scope.WRITE}


@dataclass(frozen=True, slots=True)
class Owned:
    """A thing that belongs to one owner."""

    owner_id: UUID


def scope_for(action: Action) -> Scope:
    """Return the scope that a credential needs for an action."""
    return _NEEDED_SCOPE[action]


def may(principal: Principal, action: Action, thing: Owned) -> bool:
    """Return whether the principal may do this: its own things only, within its credential's scopes.

    No scope contains another: a credential for uploads alone sees nothing.
    """
    if thing.owner_id != principal.user_id:
        return False
    return _NEEDED_SCOPE[action] in principal.scopes
