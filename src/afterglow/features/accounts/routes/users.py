"""Accounts, for the owner and administrators."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter

from afterglow.features.accounts import service
from afterglow.features.accounts.schemas import NewUserIn, UserOut
from afterglow.features.accounts.service import AccountPorts
from afterglow.infra.web.auth import CurrentPrincipal, require_scope
from afterglow.infra.web.provide import Provided
from afterglow.infra.web.schemas import PageOut
from afterglow.infra.web.tx import ProvidedDatabase, ReadTx, TransactionalRoute
from afterglow.kernel.principal import Scope

router = APIRouter(prefix="/api/users", tags=["users"], route_class=TransactionalRoute)

Ports = Annotated[AccountPorts, Provided(AccountPorts)]


@router.get("")
async def list_users(tx: ReadTx, principal: CurrentPrincipal) -> PageOut[UserOut]:
    """Return all accounts of this server, oldest first."""
    require_scope(principal, Scope.ADMIN)
    accounts = await service.list_accounts_as(tx, principal)
    return PageOut(items=[UserOut.from_account(account) for account in accounts], next_cursor=None)


@router.post("", status_code=HTTPStatus.CREATED)
async def create_user(
    body: NewUserIn, database: ProvidedDatabase, ports: Ports, principal: CurrentPrincipal
) -> UserOut:
    """Make an account with a first password."""
    require_scope(principal, Scope.ADMIN)
    account = await service.create_user_as(database, ports.passwords, principal, body.wanted())
    return UserOut.from_account(account)
