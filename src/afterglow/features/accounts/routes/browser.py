"""The browser's side of a session: cookies that scripts can't read, and the fence against other sites."""

from fastapi import Request, Response

from afterglow.features.accounts import rules
from afterglow.features.accounts.errors import CrossSiteError
from afterglow.features.accounts.service import Client, OpenedSession

ACCESS_COOKIE = "afterglow_access"
REFRESH_COOKIE = "afterglow_refresh"
CLIENT_HEADER = "X-Afterglow-Client"

# The refresh token travels only to where it is exchanged or ended.
_PATHS = {ACCESS_COOKIE: "/api", REFRESH_COOKIE: "/api/auth"}


def client_of(request: Request) -> Client:
    """Return where a request comes from; behind trusted proxies the server has put the client's address in."""
    return Client(
        address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
    )


def require_same_site(request: Request) -> None:
    """Let an unsafe request pass that carries, or will get, cookies.

    Raises:
        CrossSiteError: It may come from another site: it lacks the client header, or the browser says so.
    """
    headers = request.headers
    if rules.is_cross_site(
        client_header=headers.get(CLIENT_HEADER),
        fetch_site=headers.get("sec-fetch-site"),
        origin=headers.get("origin"),
        host=headers.get("host"),
    ):
        raise CrossSiteError


def has_session_cookies(request: Request) -> bool:
    """Return whether a browser with a session asks."""
    return ACCESS_COOKIE in request.cookies or REFRESH_COOKIE in request.cookies


def set_session_cookies(request: Request, response: Response, opened: OpenedSession) -> None:
    """Put the tokens where only the browser sees them.

    Strict: a link on another site to a page of ours comes without cookies, but the page's own calls have them.
    Secure where the request came by TLS, as far as the server or a trusted proxy tells; a LAN may have none.
    """
    _set(request, response, ACCESS_COOKIE, opened.access_token, life_s=opened.expires_in_s)
    _set(request, response, REFRESH_COOKIE, opened.refresh_token, life_s=opened.session_life_s)


def clear_session_cookies(request: Request, response: Response) -> None:
    """Have the browser forget the tokens."""
    _set(request, response, ACCESS_COOKIE, "", life_s=0)
    _set(request, response, REFRESH_COOKIE, "", life_s=0)


def _set(request: Request, response: Response, name: str, value: str, *, life_s: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=life_s,
        path=_PATHS[name],
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
