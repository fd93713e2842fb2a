import json
from http.cookies import SimpleCookie
from typing import Any

import asyncpg
import httpx
import pytest
from accounts_kit import password_of

from afterglow.features.accounts.service import Account, OpenedSession, ServerStart

CLIENT = {"X-Afterglow-Client": "web"}
ANNA = {"email": "anna@example.org", "password": password_of("anna")}


def bearer(opened: OpenedSession) -> dict[str, str]:
    return {"Authorization": f"Bearer {opened.access_token}"}


def cookies_set_by(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    set_cookies: dict[str, dict[str, Any]] = {}
    for header in answer.headers.get_list("set-cookie"):
        for name, morsel in SimpleCookie(header).items():
            set_cookies[name] = {"value": morsel.value, **{key: value for key, value in morsel.items() if value}}
    return set_cookies


async def log_in_by_cookie(http: httpx.AsyncClient) -> httpx.Response:
    answer = await http.post("/api/auth/login", json={**ANNA, "cookie": True}, headers=CLIENT)
    assert answer.status_code == 200
    return answer


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.req("ACC-1")
async def test_everybody_may_ask_what_this_server_is(http: httpx.AsyncClient, started: ServerStart) -> None:
    answer = await http.get("/api/servers/info")
    assert answer.json() == {
        "serverId": str(started.server_id),
        "name": "Afterglow",
        "version": "1.2.3",
        "apiVersion": 1,
        "role": "home",
        "claimed": False,
    }


@pytest.mark.req("ACC-1")
async def test_the_code_claims_the_server_once(http: httpx.AsyncClient, started: ServerStart) -> None:
    body = {"code": started.claim_code, "email": "Olga@Example.org", "password": "long enough", "name": " Olga "}
    answer = await http.post("/api/servers/claim", json=body)
    assert answer.status_code == 201
    claimed = answer.json()
    assert set(claimed) == {"serverId", "user", "accessToken", "refreshToken", "expiresIn"}
    assert claimed["serverId"] == str(started.server_id)
    assert (claimed["user"]["email"], claimed["user"]["name"]) == ("olga@example.org", "Olga")
    assert (claimed["user"]["role"], claimed["expiresIn"]) == ("owner", 900)
    me = await http.get("/api/auth/me", headers={"Authorization": f"Bearer {claimed['accessToken']}"})
    assert me.json() == claimed["user"]
    assert_problem(await http.post("/api/servers/claim", json=body), 409, "server.already-claimed")
    assert (await http.get("/api/servers/info")).json()["claimed"] is True


@pytest.mark.req("ACC-1")
async def test_the_claim_may_log_a_browser_in(http: httpx.AsyncClient, started: ServerStart) -> None:
    body = {
        "code": started.claim_code,
        "email": "olga@example.org",
        "password": "long enough",
        "name": "Olga",
        "cookie": True,
    }
    assert_problem(await http.post("/api/servers/claim", json=body), 403, "auth.cross-site")
    answer = await http.post("/api/servers/claim", json=body, headers=CLIENT)
    assert answer.status_code == 201
    assert "refreshToken" not in answer.json()
    assert (await http.get("/api/auth/me")).json()["role"] == "owner"


async def test_a_wrong_code_is_refused(http: httpx.AsyncClient) -> None:
    body = {"code": "0000", "email": "olga@example.org", "password": "long enough", "name": "Olga"}
    assert_problem(await http.post("/api/servers/claim", json=body), 403, "server.wrong-code")


@pytest.mark.req("ACC-2")
async def test_login_answers_with_user_and_tokens(http: httpx.AsyncClient, anna: Account) -> None:
    answer = await http.post("/api/auth/login", json=ANNA)
    assert answer.status_code == 200
    tokens = answer.json()
    assert set(tokens) == {"user", "accessToken", "refreshToken", "expiresIn"}
    assert tokens["user"] == {
        "id": str(anna.id),
        "email": "anna@example.org",
        "name": "Anna",
        "role": "member",
        "quotaBytes": None,
        "createdAt": tokens["user"]["createdAt"],
        "disabledAt": None,
    }
    assert not cookies_set_by(answer)


@pytest.mark.req("ACC-2")
async def test_login_failures_carry_stable_codes(
    http: httpx.AsyncClient, anna: Account, as_owner: asyncpg.Connection
) -> None:
    wrong = {**ANNA, "password": "not her password"}
    assert_problem(await http.post("/api/auth/login", json=wrong), 401, "auth.wrong-credentials")
    await as_owner.execute("UPDATE users SET disabled_at = now()")
    assert_problem(await http.post("/api/auth/login", json=wrong), 401, "auth.wrong-credentials")
    assert_problem(await http.post("/api/auth/login", json=ANNA), 403, "auth.account-disabled")
    for _ in range(9):
        await http.post("/api/auth/login", json=wrong)
    answer = await http.post("/api/auth/login", json=wrong)
    assert_problem(answer, 429, "auth.too-many-attempts")
    assert answer.headers["retry-after"] == str(answer.json()["retryAfter"])


@pytest.mark.parametrize("password", ["half \ud800 of a character", "zero \0 byte", "x" * 4097, 12345678, None])
async def test_odd_passwords_are_no_server_errors(http: httpx.AsyncClient, anna: Account, password: Any) -> None:
    content = json.dumps({"email": ANNA["email"], "password": password})
    answer = await http.post("/api/auth/login", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {401, 422}


@pytest.mark.req("ACC-2")
async def test_login_by_cookie_hides_the_refresh_token_from_scripts(http: httpx.AsyncClient, anna: Account) -> None:
    answer = await log_in_by_cookie(http)
    assert "refreshToken" not in answer.json()
    cookies = cookies_set_by(answer)
    common = {"httponly": True, "secure": True, "samesite": "strict"}
    access, renewal = cookies["afterglow_access"], cookies["afterglow_refresh"]
    assert access == {"value": access["value"], "path": "/api", "max-age": "900", **common}
    assert renewal == {"value": renewal["value"], "path": "/api/auth", "max-age": str(60 * 86400), **common}
    assert renewal["value"] not in answer.text


async def test_cookies_without_tls_are_not_marked_secure(http: httpx.AsyncClient, anna: Account) -> None:
    http.base_url = httpx.URL("http://192.168.1.5:2480")
    cookies = cookies_set_by(await log_in_by_cookie(http))
    assert ["secure" in cookie for cookie in cookies.values()] == [False, False]


@pytest.mark.req("ACC-2")
async def test_a_session_lives_in_cookies_alone(http: httpx.AsyncClient, anna: Account) -> None:
    first = cookies_set_by(await log_in_by_cookie(http))
    assert (await http.get("/api/auth/me")).json()["email"] == "anna@example.org"
    answer = await http.post("/api/auth/refresh", json={"cookie": True}, headers=CLIENT)
    assert answer.status_code == 200
    assert "refreshToken" not in answer.json()
    second = cookies_set_by(answer)
    assert second["afterglow_refresh"]["value"] != first["afterglow_refresh"]["value"]
    answer = await http.post("/api/auth/logout", headers=CLIENT)
    assert answer.status_code == 204
    dropped = cookies_set_by(answer)
    assert {name: (cookie["value"], cookie["path"], cookie["max-age"]) for name, cookie in dropped.items()} == {
        "afterglow_access": ("", "/api", "0"),
        "afterglow_refresh": ("", "/api/auth", "0"),
    }
    assert_problem(await http.get("/api/auth/me"), 401, "unauthenticated")
    old = {"Authorization": f"Bearer {second['afterglow_access']['value']}"}
    assert_problem(await http.get("/api/auth/me", headers=old), 401, "auth.session-ended")


@pytest.mark.req("ACC-2")
@pytest.mark.parametrize(
    ("path", "body"), [("/api/auth/refresh", {"cookie": True}), ("/api/auth/logout", None), ("/api/auth/login", ANNA)]
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**CLIENT, "Origin": "https://evil.example"},
        {**CLIENT, "Sec-Fetch-Site": "cross-site"},
        {**CLIENT, "Sec-Fetch-Site": "same-site", "Origin": "https://photos.example"},
    ],
)
async def test_another_site_gets_nowhere_with_our_cookies(
    http: httpx.AsyncClient, anna: Account, path: str, body: dict[str, Any] | None, headers: dict[str, str]
) -> None:
    await log_in_by_cookie(http)
    if body is not None:
        body = {**body, "cookie": True}
    answer = await http.post(path, json=body, headers=headers)
    assert_problem(answer, 403, "auth.cross-site")
    assert not cookies_set_by(answer)
    assert (await http.get("/api/auth/me")).status_code == 200


async def test_the_same_site_may_use_them(http: httpx.AsyncClient, anna: Account) -> None:
    await log_in_by_cookie(http)
    headers = {**CLIENT, "Sec-Fetch-Site": "same-origin", "Origin": "https://photos.example"}
    assert (await http.post("/api/auth/refresh", json={"cookie": True}, headers=headers)).status_code == 200
    session_id = (await http.get("/api/auth/sessions")).json()["items"][0]["id"]
    path = f"/api/auth/sessions/{session_id}"
    assert_problem(await http.delete(path), 403, "auth.cross-site")
    assert (await http.delete(path, headers=headers)).status_code == 204


async def test_refresh_needs_a_token(http: httpx.AsyncClient, anna: Account) -> None:
    assert_problem(await http.post("/api/auth/refresh", json={}), 401, "auth.refresh-invalid")
    answer = await http.post("/api/auth/refresh", json={"cookie": True}, headers=CLIENT)
    assert_problem(answer, 401, "auth.refresh-invalid")
    await log_in_by_cookie(http)
    # Without `cookie` the one in the cookie is not taken, so that no fence is missed.
    assert_problem(await http.post("/api/auth/refresh", json={}), 401, "auth.refresh-invalid")


@pytest.mark.req("ACC-2")
async def test_a_reused_token_ends_the_session_although_the_request_fails(
    http: httpx.AsyncClient, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    body = {"refreshToken": session.refresh_token}
    answer = await http.post("/api/auth/refresh", json=body)
    assert set(answer.json()) == {"user", "accessToken", "refreshToken", "expiresIn"}
    await as_owner.execute("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'")
    assert_problem(await http.post("/api/auth/refresh", json=body), 401, "auth.refresh-reused")
    assert_problem(await http.get("/api/auth/me", headers=bearer(session)), 401, "auth.session-ended")
    assert_problem(await http.post("/api/auth/refresh", json=body), 401, "auth.session-ended")


async def test_logout_takes_whatever_names_the_session(
    http: httpx.AsyncClient, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    live = "SELECT count(*) FROM sessions WHERE revoked_at IS NULL"
    assert (await http.post("/api/auth/logout", headers=bearer(session))).status_code == 204
    assert await as_owner.fetchval(live) == 0
    token = (await http.post("/api/auth/login", json=ANNA)).json()["refreshToken"]
    assert (await http.post("/api/auth/logout", json={"refreshToken": token})).status_code == 204
    assert await as_owner.fetchval(live) == 0


async def test_logout_of_nobody_is_refused_but_dead_cookies_are_dropped(http: httpx.AsyncClient) -> None:
    assert_problem(await http.post("/api/auth/logout"), 401, "unauthenticated")
    http.cookies.set("afterglow_access", "stale", path="/api")
    answer = await http.post("/api/auth/logout", headers=CLIENT)
    assert answer.status_code == 204
    assert set(cookies_set_by(answer)) == {"afterglow_access", "afterglow_refresh"}


async def test_a_user_sees_which_session_asks(http: httpx.AsyncClient, session: OpenedSession) -> None:
    phone = await http.post("/api/auth/login", json=ANNA, headers={"User-Agent": "Phone/1.0"})
    answer = (await http.get("/api/auth/sessions", headers=bearer(session))).json()
    assert answer["nextCursor"] is None
    assert {entry["userAgent"]: entry["current"] for entry in answer["items"]} == {
        "Laptop/1.0": True,
        "Phone/1.0": False,
    }
    (other,) = [entry["id"] for entry in answer["items"] if not entry["current"]]
    path = f"/api/auth/sessions/{other}"
    assert (await http.delete(path, headers=bearer(session))).status_code == 204
    assert_problem(await http.delete(path, headers=bearer(session)), 404, "auth.session-not-found")
    gone = {"Authorization": f"Bearer {phone.json()['accessToken']}"}
    assert_problem(await http.get("/api/auth/me", headers=gone), 401, "auth.session-ended")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/auth/me"),
        ("GET", "/api/auth/sessions"),
        ("DELETE", "/api/auth/sessions/01890000-0000-7000-8000-000000000000"),
        ("GET", "/api/users"),
        ("POST", "/api/users"),
    ],
)
async def test_nobody_gets_nothing(http: httpx.AsyncClient, method: str, path: str) -> None:
    body = {"email": "bert@example.org", "name": "Bert", "password": password_of("bert")}
    answer = await http.request(method, path, json=body)
    assert_problem(answer, 401, "unauthenticated")


@pytest.mark.req("ACC-1")
async def test_an_administrator_makes_accounts(
    http: httpx.AsyncClient, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    bert = {"email": "Bert@example.org", "name": "Bert", "password": password_of("bert"), "quotaBytes": 10**12}
    assert_problem(await http.post("/api/users", json=bert, headers=bearer(session)), 403, "account.role-forbidden")
    assert_problem(await http.get("/api/users", headers=bearer(session)), 403, "account.role-forbidden")
    await as_owner.execute("UPDATE users SET role = 'admin'")
    answer = await http.post("/api/users", json=bert, headers=bearer(session))
    assert answer.status_code == 201
    made = answer.json()
    assert (made["email"], made["role"], made["quotaBytes"]) == ("bert@example.org", "member", 10**12)
    assert_problem(await http.post("/api/users", json=bert, headers=bearer(session)), 409, "account.email-taken")
    listed = (await http.get("/api/users", headers=bearer(session))).json()["items"]
    assert [user["email"] for user in listed] == ["anna@example.org", "bert@example.org"]
    assert listed[1] == made
    assert (await http.post("/api/auth/login", json={**bert})).status_code == 200


async def test_nobody_is_made_an_owner(
    http: httpx.AsyncClient, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    await as_owner.execute("UPDATE users SET role = 'owner'")
    body = {"email": "bert@example.org", "name": "Bert", "password": password_of("bert"), "role": "owner"}
    assert (await http.post("/api/users", json=body, headers=bearer(session))).status_code == 422


async def test_a_weak_password_is_refused_with_the_bounds(
    http: httpx.AsyncClient, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    await as_owner.execute("UPDATE users SET role = 'owner'")
    body = {"email": "bert@example.org", "name": "Bert", "password": "short"}
    answer = await http.post("/api/users", json=body, headers=bearer(session))
    assert_problem(answer, 422, "account.password-refused")
    assert (answer.json()["minLength"], answer.json()["maxLength"]) == (8, 1024)
