"""Log in, refresh, log out, and one's own sessions."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request, Response

from afterglow.features.accounts import service
from afterglow.features.accounts.errors import RefreshInvalidError
from afterglow.features.accounts.routes import browser
from afterglow.features.accounts.schemas import LoginIn, LogoutIn, RefreshIn, SessionOut, TokensOut, UserOut
from afterglow.features.accounts.service import AccountPorts
from afterglow.infra.web.auth import CurrentPrincipal, current_principal
from afterglow.infra.web.provide import Provided
from afterglow.infra.web.schemas import PageOut
from afterglow.infra.web.tx import ProvidedDatabase, ReadTx, TransactionalRoute, WriteTx
from afterglow.kernel.errors import UnauthenticatedError
from afterglow.kernel.ids import SessionId

router = APIRouter(prefix="/api/auth", tags=["auth"], route_class=TransactionalRoute)

Ports = Annotated[AccountPorts, Provided(AccountPorts)]


@router.post("/login", response_model_exclude_unset=True)
async def log_in(
    body: LoginIn, request: Request, response: Response, database: ProvidedDatabase, ports: Ports
) -> TokensOut:
    """Open a session with e-mail address and password."""
    if body.cookie:
        browser.require_same_site(request)
    opened = await service.log_in(database, ports, body.email, body.password, browser.client_of(request))
    if body.cookie:
        browser.set_session_cookies(request, response, opened)
    return TokensOut.from_opened(opened, cookie=body.cookie)


@router.post("/refresh", response_model_exclude_unset=True)
async def refresh(
    body: RefreshIn, request: Request, response: Response, database: ProvidedDatabase, ports: Ports
) -> TokensOut:
    """Exchange a refresh token for the next one and a fresh access token; with `cookie`, the one in the cookie.

    Each token is good once, with 10 seconds of grace for a repeated call; used again later, it ends the session.
    """
    if body.cookie:
        browser.require_same_site(request)
    token = body.refresh_token or (request.cookies.get(browser.REFRESH_COOKIE) if body.cookie else None)
    if not token:
        raise RefreshInvalidError("There is no refresh token; log in.")
    opened = await service.refresh(database, ports, token)
    if body.cookie:
        browser.set_session_cookies(request, response, opened)
    return TokensOut.from_opened(opened, cookie=body.cookie)


@router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
async def log_out(
    request: Request, response: Response, database: ProvidedDatabase, body: LogoutIn | None = None
) -> None:
    """End the session of the refresh token, given here or by cookie, or else of the access token; drop the cookies."""
    by_cookie = browser.has_session_cookies(request)
    if by_cookie:
        browser.require_same_site(request)
        browser.clear_session_cookies(request, response)
    token = (body.refresh_token if body else None) or request.cookies.get(browser.REFRESH_COOKIE)
    if token and await service.log_out_token(database, token):
        return
    try:
        principal = await current_principal(request)
    except UnauthenticatedError:
        # Dead cookies are dropped; that is all a browser wants from logging out.
        if by_cookie:
            return
        raise
    await database.run(principal.owners, lambda tx: service.log_out(tx, principal))


@router.get("/me")
async def get_me(tx: ReadTx, principal: CurrentPrincipal) -> UserOut:
    """Return the account that asks."""
    return UserOut.from_account(await service.get_account(tx, principal.user_id))


@router.get("/sessions")
async def list_sessions(tx: ReadTx, principal: CurrentPrincipal) -> PageOut[SessionOut]:
    """Return the live sessions of the account that asks, last used first."""
    sessions = await service.list_sessions(tx, principal)
    items = [SessionOut.from_session(session, principal.session_id) for session in sessions]
    return PageOut(items=items, next_cursor=None)


@router.delete("/sessions/{session_id}", status_code=HTTPStatus.NO_CONTENT)
async def end_session(session_id: UUID, tx: WriteTx, principal: CurrentPrincipal) -> None:
    """End one of one's own sessions: that device has to log in again."""
    await service.end_session(tx, principal, SessionId(session_id))
