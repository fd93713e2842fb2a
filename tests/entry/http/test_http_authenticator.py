from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from fastapi import Request

from afterglow.entry.http.authenticator import HttpAuthenticator, UnknownSchemeError
from afterglow.features.accounts import service
from afterglow.features.accounts.errors import AccessTokenInvalidError, CrossSiteError
from afterglow.features.accounts.service import AccountPorts, Client, NodeFacts, OpenedSession, WantedAccount
from afterglow.infra.crypto.access_tokens import AccessTokenExpiredError
from afterglow.infra.crypto.keys import ServerKeys
from afterglow.infra.crypto.passwords import Argon2Cost, Passwords
from afterglow.infra.crypto.signed_urls import BadSignatureError, SignatureExpiredError, sign_url
from afterglow.infra.db.database import Database
from afterglow.kernel.ids import SessionId
from afterglow.kernel.principal import ALL_SCOPES, Role, Scope

SECRET = b"a secret for signed URLs"
PATH = "/api/photos/1/original"


@pytest.fixture
async def ports(database: Database, tmp_path: Path) -> AccountPorts:
    started = await database.run((), lambda tx: service.ensure_server(tx, tmp_path))
    return AccountPorts.build(
        node=NodeFacts(role="home", version="1"),
        server_id=started.server_id,
        keys=ServerKeys.load_or_create(tmp_path / "secrets"),
        access_token_life=timedelta(minutes=15),
        session_life=timedelta(days=60),
        data_dir=tmp_path,
        passwords=Passwords(Argon2Cost(memory_kib=64, passes=1, lanes=1)),
    )


@pytest.fixture
async def opened(database: Database, ports: AccountPorts) -> OpenedSession:
    wanted = WantedAccount(email="anna@example.org", name="Anna", password="likes long walks")
    await service.create_user(database, ports.passwords, wanted)
    return await service.log_in(database, ports, wanted.email, wanted.password, Client(address="192.0.2.1"))


@pytest.fixture
def authenticator(database: Database, ports: AccountPorts) -> HttpAuthenticator:
    return HttpAuthenticator(database, ports, SECRET)


def request(method: str = "GET", target: str = PATH, headers: Mapping[str, str] | None = None) -> Request:
    path, _, query = target.partition("?")
    lines = {"host": "photos.example", **(headers or {})}
    return Request(
        {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in lines.items()],
        }
    )


def signed(owner: str | None, *, expires_at: datetime | None = None, path: str = PATH) -> str:
    until = expires_at or datetime.now(UTC) + timedelta(minutes=5)
    return sign_url(SECRET, path, until, {} if owner is None else {"owner": owner})


async def test_a_request_without_credential_is_nobodys(authenticator: HttpAuthenticator) -> None:
    assert await authenticator.authenticate(request()) is None


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_bearer_token_names_its_user(
    authenticator: HttpAuthenticator, opened: OpenedSession, scheme: str
) -> None:
    headers = {"Authorization": f"{scheme} {opened.access_token}"}
    principal = await authenticator.authenticate(request("POST", headers=headers))
    assert principal is not None
    assert (principal.user_id, principal.scopes) == (opened.account.id, ALL_SCOPES)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "token"])
async def test_another_scheme_is_refused(authenticator: HttpAuthenticator, header: str) -> None:
    with pytest.raises(UnknownSchemeError):
        await authenticator.authenticate(request(headers={"Authorization": header}))


async def test_a_bad_bearer_token_is_not_made_good_by_a_cookie(
    authenticator: HttpAuthenticator, opened: OpenedSession
) -> None:
    headers = {"Authorization": "Bearer nonsense", "Cookie": f"afterglow_access={opened.access_token}"}
    with pytest.raises(AccessTokenInvalidError):
        await authenticator.authenticate(request(headers=headers))


async def test_an_expired_token_says_so(
    authenticator: HttpAuthenticator, ports: AccountPorts, opened: OpenedSession
) -> None:
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    old = ports.issuer.issue(opened.account.id, SessionId(uuid4()), Role.MEMBER, ALL_SCOPES, hour_ago)
    with pytest.raises(AccessTokenExpiredError):
        await authenticator.authenticate(request(headers={"Cookie": f"afterglow_access={old}"}))


@pytest.mark.req("ACC-2")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_cookie_is_enough_to_read(authenticator: HttpAuthenticator, opened: OpenedSession, method: str) -> None:
    headers = {"Cookie": f"afterglow_access={opened.access_token}", "Sec-Fetch-Site": "cross-site"}
    principal = await authenticator.authenticate(request(method, headers=headers))
    assert principal is not None
    assert principal.user_id == opened.account.id


@pytest.mark.req("ACC-2")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
async def test_a_cookie_alone_changes_nothing(
    authenticator: HttpAuthenticator, opened: OpenedSession, method: str
) -> None:
    cookie = {"Cookie": f"afterglow_access={opened.access_token}"}
    own = {**cookie, "X-Afterglow-Client": "web"}
    for headers in (cookie, {**own, "Origin": "https://evil.example"}, {**own, "Sec-Fetch-Site": "cross-site"}):
        with pytest.raises(CrossSiteError):
            await authenticator.authenticate(request(method, headers=headers))
    assert await authenticator.authenticate(request(method, headers={**own, "Origin": "https://photos.example"}))


async def test_a_request_is_authenticated_once(
    authenticator: HttpAuthenticator, opened: OpenedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(headers={"Authorization": f"Bearer {opened.access_token}"})
    first = await authenticator.authenticate(asked)
    monkeypatch.setattr(service, "authenticate", None)
    assert await authenticator.authenticate(asked) is first


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_signed_url_reads_for_the_owner_it_names(authenticator: HttpAuthenticator, method: str) -> None:
    owner = uuid4()
    principal = await authenticator.authenticate(request(method, signed(str(owner))))
    assert principal is not None
    assert (principal.user_id, principal.scopes) == (owner, {Scope.GALLERY, Scope.ORIGINALS})
    assert (principal.role, principal.session_id) == (Role.MEMBER, None)


async def test_a_signed_url_is_good_for_its_path_owner_and_time_alone(authenticator: HttpAuthenticator) -> None:
    owner, other = str(uuid4()), str(uuid4())
    good = signed(owner)
    for target in (good.replace("/photos/1/", "/photos/2/"), good.replace(owner, other), f"{good}&size=9"):
        with pytest.raises(BadSignatureError):
            await authenticator.authenticate(request(target=target))
    past = signed(owner, expires_at=datetime.now(UTC) - timedelta(minutes=1))
    with pytest.raises(SignatureExpiredError):
        await authenticator.authenticate(request(target=past))


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
async def test_a_signed_url_changes_nothing(authenticator: HttpAuthenticator, method: str) -> None:
    with pytest.raises(BadSignatureError):
        await authenticator.authenticate(request(method, signed(str(uuid4()))))


@pytest.mark.parametrize("owner", [None, "", "anna"])
async def test_a_signed_url_has_to_name_an_owner(authenticator: HttpAuthenticator, owner: str | None) -> None:
    with pytest.raises(BadSignatureError):
        await authenticator.authenticate(request(target=signed(owner)))


async def test_a_bad_signature_is_not_made_good_by_a_token(
    authenticator: HttpAuthenticator, opened: OpenedSession
) -> None:
    headers = {"Authorization": f"Bearer {opened.access_token}"}
    with pytest.raises(BadSignatureError):
        await authenticator.authenticate(request(target=f"{PATH}?signature=x", headers=headers))
