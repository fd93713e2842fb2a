"""The application as a whole: the client's files, headers, problems, its description, its logs."""

import io
import json
import logging
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI

from afterglow.entry.http import app as http_app
from afterglow.infra.crypto.passwords import Passwords
from afterglow.infra.telemetry import logs
from afterglow.infra.web.headers import SECURITY_HEADERS
from afterglow.kernel.errors import AfterglowError
from factories.product import PASSWORD, Person, Product

PAGE = "<!doctype html><title>Afterglow</title>"
SECRET_LOCAL = "a secret in a local variable"


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built client."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "favicon.svg").write_text("<svg/>")
    (folder / "assets" / "index-4f2a.js").write_text("export {}")
    (folder / "assets" / "index-4f2a.css").write_text("a{}")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.setattr(http_app, "CLIENT_DIR", folder)
    return folder


@pytest.fixture
def app() -> FastAPI:
    """The application without its parts, with a route that fails."""
    made = http_app.build_app()

    async def fail(password: str) -> None:
        hidden = SECRET_LOCAL + password
        raise RuntimeError(f"a bug of {len(hidden)} characters")

    async def refuse() -> None:
        raise AfterglowError

    for path, endpoint in (("/api/fail", fail), ("/api/refuse", refuse)):
        made.add_api_route(path, endpoint, methods=["POST"])
        made.router.routes.insert(0, made.router.routes.pop())
    return made


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://afterglow.test") as client:
        yield client


@pytest.mark.req("WEB-3")
@pytest.mark.parametrize("path", ["/", "/photos", "/photos/2024/some-id", "/login?next=/", "/apix"])
async def test_paths_of_the_client_get_its_page(dist: Path, app: FastAPI, path: str) -> None:
    async with client_of(app) as http:
        answer = await http.get(path)
        assert (answer.status_code, answer.text) == (200, PAGE)
        assert answer.headers["content-type"].startswith("text/html")
        # It is to be shown, and to run its own scripts.
        assert "content-disposition" not in answer.headers
        assert answer.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]
        assert answer.headers["cache-control"] == "private, no-cache"
        again = await http.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert (await http.head(path)).status_code == 200


@pytest.mark.req("WEB-3")
async def test_assets_are_kept_for_ever_and_missing_ones_are_missing(dist: Path, app: FastAPI) -> None:
    async with client_of(app) as http:
        for name, kind in [("index-4f2a.js", "javascript"), ("index-4f2a.css", "text/css")]:
            answer = await http.get(f"/assets/{name}")
            assert answer.status_code == 200
            assert kind in answer.headers["content-type"]
            assert "immutable" in answer.headers["cache-control"]
            assert "content-disposition" not in answer.headers
        # A page for a script would only puzzle: 404 says that the client was replaced.
        answer = await http.get("/assets/index-0000.js")
        assert (answer.status_code, answer.json()["code"]) == (404, "client.file-not-found")
        icon = await http.get("/favicon.svg")
        assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")


@pytest.mark.req("P-5")
@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/assets/../../secret.txt",
        "/link.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/%00",
        "/index.html%00.js",
        "/" + "a" * 5000,
        "/" + "a/" * 3000,
        "/\\..\\secret.txt",
    ],
)
async def test_no_path_leads_out_of_the_client(dist: Path, app: FastAPI, path: str) -> None:
    async with client_of(app) as http:
        answer = await http.request("GET", httpx.URL("http://afterglow.test").copy_with(raw_path=path.encode()))
        assert answer.status_code in {200, 404}
        assert "secret" not in answer.text
        assert "root:" not in answer.text


async def test_without_a_built_client_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_app, "CLIENT_DIR", tmp_path / "none")
    async with client_of(http_app.build_app()) as http:
        answer = await http.get("/")
        assert (answer.status_code, answer.json()["code"]) == (404, "client.not-built")


@pytest.mark.req("ECO-1")
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api", 404, "route.not-found"),
        ("GET", "/api/", 404, "route.not-found"),
        ("GET", "/api/unknown", 404, "route.not-found"),
        ("POST", "/api/unknown", 405, "method-not-allowed"),
        ("DELETE", "/api/photos", 405, "method-not-allowed"),
        ("HEAD", "/api/unknown", 405, None),
        ("GET", "/api/photos/1", 422, "request.invalid"),
    ],
)
async def test_unknown_routes_are_problems(
    product: Product, ana: Person, method: str, path: str, status: int, code: str | None
) -> None:
    answer = await ana.http.request(method, path)
    assert answer.status_code == status
    if code:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == code


@pytest.mark.req("ADM-2")
async def test_every_answer_carries_the_security_headers_and_an_id(dist: Path, app: FastAPI) -> None:
    async with client_of(app) as http:
        answers = [
            await http.get("/"),
            await http.get("/assets/none.js"),
            await http.get("/api/unknown"),
            await http.post("/api/unknown"),
            await http.get("/api/openapi.json"),
            await http.get("/api/health/live"),
            await http.post("/api/fail?password=x"),
            await http.post("/api/fail"),
            await http.post("/api/refuse"),
        ]
    assert [answer.status_code for answer in answers] == [200, 404, 404, 405, 200, 200, 500, 422, 500]
    for answer in answers:
        for name in SECURITY_HEADERS:
            assert name in answer.headers, (answer.url, name)
        assert answer.headers["x-request-id"]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


@pytest.mark.req("P-5", "ADM-2")
async def test_an_unexpected_error_tells_nothing_to_the_client(app: FastAPI) -> None:
    async with client_of(app) as http:
        answer = await http.post("/api/fail?password=hunter2")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    for told in ("bug", "hunter2", "RuntimeError", "Traceback", SECRET_LOCAL):
        assert told not in answer.text


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged as a process would log it."""
    stream = io.StringIO()
    monkeypatch.setattr(logs.sys, "stderr", stream)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    logs.configure_logs("http", "info")
    # Loggers made before keep what was configured then.
    structlog.configure(cache_logger_on_first_use=False)
    yield stream
    structlog.configure(**before)
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.req("ADM-2")
async def test_an_unexpected_error_is_logged_with_its_place_and_without_what_was_secret(
    app: FastAPI, written: io.StringIO
) -> None:
    async with client_of(app) as http:
        answer = await http.post("/api/fail?password=hunter2", headers={"Authorization": "Bearer token-of-ana"})
    (failed,) = [line for line in lines(written) if line["event"] == "request.failed"]
    assert (failed["level"], failed["process"], failed["path"]) == ("error", "http", "/api/fail")
    assert failed["request_id"] == answer.headers["x-request-id"]
    assert "a bug of" in json.dumps(failed["exception"])
    for secret in ("hunter2", SECRET_LOCAL, "token-of-ana"):
        assert secret not in written.getvalue()


@pytest.mark.req("ADM-2", "ACC-3")
async def test_a_password_in_a_request_that_fails_is_not_logged(
    product: Product, ana: Person, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the hash function is broken")

    monkeypatch.setattr(Passwords, "verify", broken)
    body = {"email": "ana@example.org", "password": PASSWORD}
    async with product.client() as http:
        failed = await http.post("/api/auth/login", json=body)
        refused = await http.post("/api/auth/login", json=body | {"password": [PASSWORD]})
        malformed = await http.post("/api/auth/login", content=json.dumps(body)[:-1])
    assert (failed.status_code, refused.status_code, malformed.status_code) == (500, 422, 422)
    assert any(line["event"] == "request.failed" for line in lines(written))
    assert PASSWORD not in written.getvalue()
    assert PASSWORD not in failed.text + refused.text + malformed.text


@pytest.mark.req("ADM-2")
def test_libraries_log_json_lines_too(written: io.StringIO) -> None:
    try:
        hidden = SECRET_LOCAL
        raise ValueError(len(hidden))
    except ValueError:
        logging.getLogger("somebody.elses").exception("it broke: %s", "over\nlines")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("soon gone", DeprecationWarning, stacklevel=1)
    broke, warned = lines(written)
    assert (broke["event"], broke["process"], broke["level"]) == ("it broke: over\nlines", "http", "error")
    assert "soon gone" in warned["event"]
    assert SECRET_LOCAL not in written.getvalue()


@pytest.mark.req("ECO-1")
async def test_the_description_is_served_as_it_is_committed(product: Product) -> None:
    async with product.client() as anybody:
        served = (await anybody.get("/api/openapi.json")).json()
    assert served == http_app.build_app().openapi()
    assert served["openapi"].startswith("3.1")
    for path, operations in served["paths"].items():
        assert path.startswith("/api/") or path == "/metrics", path
        for method, operation in operations.items():
            assert operation["operationId"], (method, path)
            assert "default" in operation["responses"], (method, path)
