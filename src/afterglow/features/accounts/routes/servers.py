"""What the server is, and its claim by the first owner."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Request, Response

from afterglow.features.accounts import service
from afterglow.features.accounts.routes import browser
from afterglow.features.accounts.schemas import ClaimedOut, ClaimIn, ServerOut
from afterglow.features.accounts.service import AccountPorts
from afterglow.infra.web.provide import Provided
from afterglow.infra.web.tx import ProvidedDatabase, TransactionalRoute

router = APIRouter(prefix="/api/servers", tags=["server"], route_class=TransactionalRoute)

Ports = Annotated[AccountPorts, Provided(AccountPorts)]


@router.get("/info")
async def get_server_info(database: ProvidedDatabase, ports: Ports) -> ServerOut:
    """Tell what this server is and whether it has an owner; for everybody."""
    server = await database.run((), service.get_server, read_only=True)
    return ServerOut.from_server(server, role=ports.node.role, version=ports.node.version)


@router.post("/claim", status_code=HTTPStatus.CREATED, response_model_exclude_unset=True)
async def claim_server(
    body: ClaimIn, request: Request, response: Response, database: ProvidedDatabase, ports: Ports
) -> ClaimedOut:
    """Become the owner of a new server, by the code that it printed at its start; good once."""
    if body.cookie:
        browser.require_same_site(request)
    claimed = await service.claim_server(database, ports, body.code, body.owner(), browser.client_of(request))
    if body.cookie:
        browser.set_session_cookies(request, response, claimed.opened)
    return ClaimedOut.from_claimed(claimed, cookie=body.cookie)
