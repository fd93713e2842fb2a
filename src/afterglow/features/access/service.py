"""Enforcement of the one decision."""

from collections.abc import Iterable

from afterglow.features.access.errors import ActionForbiddenError
from afterglow.features.access.rules import Action, Owned, may, scope_for
from afterglow.kernel.principal import Principal

__all__ = ["Action", "Owned", "require", "require_action", "require_all"]


def require(principal: Principal, action: Action, *things: Owned) -> None:
    """Let the principal pass if it may do this to every one of the things.

    Who may not even see a thing never gets here with it: repositories ask for the owner, and answer "not found".

    Raises:
        ActionForbiddenError: It may not, for at least one.
    """
    require_all(principal, action, things)


def require_all(principal: Principal, action: Action, things: Iterable[Owned]) -> None:
    """As `require`, for a bulk; of an empty one the credential alone decides.

    Raises:
        ActionForbiddenError: It may not, for at least one.
    """
    require_action(principal, action)
    if not all(may(principal, action, thing) for thing in things):
        raise ActionForbiddenError(action=action.value)


def require_action(principal: Principal, action: Action) -> None:
    """Let the principal pass if its credential allows the action on its own things at all.

    Raises:
        ActionForbiddenError: It does not.
    """
    if scope_for(action) not in principal.scopes:
        raise ActionForbiddenError(action=action.value)
