"""Who is asking, as a dependency of routes; how it is proven is bootstrap's choice."""

from typing import Annotated, Protocol

from fastapi import Depends, Request

from afterglow.infra.web.provide import provided
from afterglow.kernel.errors import ForbiddenError, UnauthenticatedError
from afterglow.kernel.principal import Principal, Scope


class ScopeMissingError(ForbiddenError):
    """This credential was not made for that."""

    code = "auth.scope-missing"


class Authenticator(Protocol):
    """Finds the principal behind a request."""

    async def authenticate(self, request: Request) -> Principal | None:
        """Return the principal, or None for a request without any credential.

        Raises:
            UnauthenticatedError: A credential is there and does not hold.
            ForbiddenError: It came by cookie from a place that may not use cookies (cross-site request).
        """


class Authentication:
    """The provided part that holds the authenticator."""

    def __init__(self, authenticator: Authenticator) -> None:
        self.authenticator = authenticator


async def current_principal(request: Request) -> Principal:
    """Return who asks.

    Raises:
        UnauthenticatedError: Nobody, or a credential that does not hold.
    """
    principal = await provided(request, Authentication).authenticator.authenticate(request)
    if principal is None:
        raise UnauthenticatedError
    return principal


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]


def require_scope(principal: Principal, scope: Scope) -> None:
    """Let the principal pass if its credential has this scope.

    Raises:
        ScopeMissingError: It has not.
    """
    if scope not in principal.scopes:
        raise ScopeMissingError(scope=scope.value)
