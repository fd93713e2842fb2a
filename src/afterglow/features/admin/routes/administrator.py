"""Who may administrate, as a dependency of routes."""

from typing import Annotated

from fastapi import Depends

from afterglow.features.admin.service import AdminPorts
from afterglow.infra.web.auth import CurrentPrincipal, require_scope
from afterglow.infra.web.provide import Provided
from afterglow.kernel.principal import Principal, Scope


async def current_administrator(principal: CurrentPrincipal) -> Principal:
    """Return who asks, whose credential is good for administration; the use cases look at the role.

    Raises:
        ScopeMissingError: The credential was not made for that.
    """
    require_scope(principal, Scope.ADMIN)
    return principal


Administrator = Annotated[Principal, Depends(current_administrator)]
Ports = Annotated[AdminPorts, Provided(AdminPorts)]
