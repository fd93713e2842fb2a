"""Headers that every answer carries, and bodies that are refused."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from afterglow.infra.web.drain import DrainRefusedBodies
from afterglow.infra.web.headers import SECURITY_HEADERS, RequestIds, SecurityHeaders


async def show(request: Request) -> Response:
    return JSONResponse({"id": request.state.request_id, "logged": structlog.contextvars.get_contextvars()})


async def own_policy(request: Request) -> Response:
    return Response(headers={"Content-Security-Policy": "sandbox"})


async def fail(request: Request) -> Response:
    raise RuntimeError


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/", show), Route("/own", own_policy), Route("/fail", fail)])
    transport = httpx.ASGITransport(RequestIds(SecurityHeaders(app)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/nowhere", "/fail"])
async def test_every_answer_is_secured_even_a_failure(client, path: str) -> None:
    headers = (await client.get(path)).headers
    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert headers["x-request-id"]


async def test_the_policy_lets_nothing_of_others_in(client) -> None:
    policy = (await client.get("/")).headers["content-security-policy"]
    directives = dict(directive.split(" ", 1) for directive in policy.split("; "))
    assert directives["default-src"] == directives["frame-ancestors"] == directives["base-uri"] == "'none'"
    assert "'unsafe-inline'" not in policy
    assert "'unsafe-eval'" not in policy
    assert "http" not in policy
    assert "*" not in policy


async def test_an_answer_may_have_a_policy_of_its_own(client) -> None:
    assert (await client.get("/own")).headers.get_list("content-security-policy") == ["sandbox"]


async def test_a_request_has_an_id_in_state_log_and_answer(client) -> None:
    first, second = [await client.get("/") for _ in range(2)]
    assert first.json()["id"] == first.json()["logged"]["request_id"] == first.headers["x-request-id"]
    assert first.json()["id"] != second.json()["id"]
    assert "request_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("trace-0123456789", True),
        ("short", False),
        ("a" * 65, False),
        ("spaces are bad", False),
        ("x;DROP TABLE", False),
    ],
)
async def test_a_proxys_id_is_kept_if_it_is_sane(client, given: str, kept: bool) -> None:
    answer = await client.get("/", headers={"X-Request-Id": given})
    assert (answer.headers["x-request-id"] == given) == kept


class Connection:
    """An ASGI connection that records what was read before the answer started."""

    def __init__(self, chunks: int, **headers: str) -> None:
        self.left = chunks
        self.taken = 0
        self.taken_before_answer: int | None = None
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": [(name.encode(), value.encode()) for name, value in {"content-length": "9", **headers}.items()],
        }

    async def receive(self) -> Message:
        if not self.left:
            await asyncio.Event().wait()
        self.left -= 1
        self.taken += 1
        return {"type": "http.request", "body": b"x" * 100, "more_body": self.left > 0}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.taken_before_answer = self.taken


def answering(status: int, chunks_read: int = 0) -> Starlette:
    async def app(scope, receive, send) -> None:
        for _ in range(chunks_read):
            await receive()
        await Response(status_code=status)(scope, receive, send)

    return app


@pytest.mark.parametrize("already", [0, 2, 5])
async def test_a_refused_body_is_read_to_its_end_first(already: int) -> None:
    connection = Connection(5)
    await DrainRefusedBodies(answering(507, already))(connection.scope, connection.receive, connection.send)
    assert connection.taken_before_answer == 5


async def test_what_is_dropped_is_bounded() -> None:
    connection = Connection(10**9)
    await DrainRefusedBodies(answering(507), max_bytes=250)(connection.scope, connection.receive, connection.send)
    assert connection.taken_before_answer == 3


async def test_a_client_that_stalls_gets_its_answer_all_the_same() -> None:
    connection = Connection(5)
    waiting = asyncio.Event()

    async def receive() -> Message:
        await waiting.wait()
        return await connection.receive()

    await DrainRefusedBodies(answering(507), timeout_s=0.01)(connection.scope, receive, connection.send)
    assert connection.taken_before_answer == 0


@pytest.mark.parametrize(
    ("status", "headers"), [(200, {}), (507, {"expect": "100-continue"}), (507, {"content-length": "0"})]
)
async def test_nothing_is_dropped_where_nothing_is_refused_or_sent(status: int, headers: dict[str, str]) -> None:
    connection = Connection(5, **headers)
    await DrainRefusedBodies(answering(status))(connection.scope, connection.receive, connection.send)
    assert connection.taken_before_answer == 0


async def test_a_client_that_was_told_to_go_on_is_drained() -> None:
    connection = Connection(5, expect="100-continue")
    await DrainRefusedBodies(answering(507, 1))(connection.scope, connection.receive, connection.send)
    assert connection.taken_before_answer == 5
