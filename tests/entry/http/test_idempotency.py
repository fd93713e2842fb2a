"""Unsafe requests that are sent twice and act once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from afterglow.infra.web.idempotency import ForgetAnswers, IdempotentRoute
from afterglow.infra.web.tx import ReadTx, WriteTx
from afterglow.kernel.errors import ConflictError
from factories import pictures
from factories.product import Person, Product
from factories.sending import FORM_TYPE, form

WISH = {"filename": "a.jpg", "size": 100}
KEY = {"Idempotency-Key": "key-1"}


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def sessions(as_owner: Any) -> int:
    return int(await as_owner.fetchval("SELECT count(*) FROM upload_sessions"))


class Work:
    """A route that counts what it did, in the request's own transaction."""

    def __init__(self, app: FastAPI) -> None:
        self.error: BaseException | None = None
        self.gate: asyncio.Event | None = None
        self.entered = asyncio.Event()
        router = APIRouter(route_class=IdempotentRoute)
        router.add_api_route("/api/work", self.post, methods=["POST"], status_code=201)
        router.add_api_route("/api/work", self.get, methods=["GET"])
        router.add_api_route("/api/nothing", self.delete, methods=["DELETE"], status_code=204)
        app.include_router(router)
        app.router.routes.insert(0, app.router.routes.pop())

    async def post(self, body: dict[str, str], tx: WriteTx) -> dict[str, Any]:
        await tx.execute("UPDATE server SET name = name || '.' || $1", body["say"])
        self.entered.set()
        if self.gate:
            await self.gate.wait()
        if self.error:
            raise self.error
        return {"name": await tx.fetch_value("SELECT name FROM server")}

    async def get(self, tx: ReadTx) -> dict[str, Any]:
        return {"name": await tx.fetch_value("SELECT name FROM server")}

    async def delete(self, tx: WriteTx) -> None:
        await tx.execute("UPDATE server SET name = name || '-'")


@pytest.fixture
def work(product: Product) -> Work:
    return Work(product.app)


async def name(person: Person) -> str:
    return str((await person.http.get("/api/work", headers=KEY)).json()["name"])


@pytest.mark.req("P-4")
async def test_the_same_request_again_gets_the_same_answer(ana: Person, as_owner: Any) -> None:
    first = await ana.http.post("/api/upload-sessions", json=WISH, headers=KEY)
    again = await ana.http.post("/api/upload-sessions", json=WISH, headers=KEY)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert await sessions(as_owner) == 1
    other = await ana.http.post("/api/upload-sessions", json=WISH, headers={"Idempotency-Key": "key-2"})
    assert other.json()["id"] != first.json()["id"]
    assert (await ana.http.post("/api/upload-sessions", json=WISH)).status_code == 201
    assert await sessions(as_owner) == 3


@pytest.mark.req("P-4")
async def test_work_and_answer_are_one_transaction(ana: Person, work: Work, as_owner: Any) -> None:
    before = await name(ana)
    work.error = RuntimeError("killed before the commit")
    assert (await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)).status_code == 500
    assert await name(ana) == before
    assert await as_owner.fetchval("SELECT count(*) FROM kept_answers") == 0
    work.error = None
    first = await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)
    assert (first.status_code, first.json()) == (201, {"name": f"{before}.a"})
    assert (await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)).json() == first.json()
    assert await name(ana) == f"{before}.a"


async def test_an_answer_without_a_body_is_kept_too(ana: Person, work: Work) -> None:
    before = await name(ana)
    for _ in range(2):
        answer = await ana.http.delete("/api/nothing", headers=KEY)
        assert (answer.status_code, answer.content) == (204, b"")
    assert await name(ana) == f"{before}-"


async def test_a_key_is_for_one_request(ana: Person, work: Work) -> None:
    assert (await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)).status_code == 201
    answer = await ana.http.post("/api/work", json={"say": "b"}, headers=KEY)
    assert problem(answer) == (422, "idempotency.key-reused")
    # Another place, another request.
    assert (await ana.http.delete("/api/nothing", headers=KEY)).status_code == 204
    assert (await ana.http.post("/api/work?x=1", json={"say": "b"}, headers=KEY)).status_code == 201


@pytest.mark.req("P-5")
async def test_a_key_is_its_owners(ana: Person, ben: Person, work: Work, product: Product) -> None:
    first = await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)
    other = await ben.http.post("/api/work", json={"say": "b"}, headers=KEY)
    assert other.status_code == 201
    assert other.json() != first.json()
    async with product.client(**KEY) as nobody:
        assert problem(await nobody.post("/api/work", json={"say": "a"})) == (401, "unauthenticated")


async def test_a_request_under_way_is_not_begun_again(ana: Person, work: Work) -> None:
    before = await name(ana)
    work.gate = asyncio.Event()
    running = asyncio.ensure_future(ana.http.post("/api/work", json={"say": "a"}, headers=KEY))
    await work.entered.wait()
    answer = await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)
    assert problem(answer) == (409, "idempotency.in-flight")
    assert answer.json()["retryAfter"] == 1
    work.gate.set()
    assert (await running).status_code == 201
    assert (await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)).json() == {"name": f"{before}.a"}


@pytest.mark.req("P-4")
async def test_a_claim_of_a_dead_process_is_taken_over(ana: Person, work: Work, as_owner: Any) -> None:
    work.gate = asyncio.Event()
    running = asyncio.ensure_future(ana.http.post("/api/work", json={"say": "a"}, headers=KEY))
    await work.entered.wait()
    await as_owner.execute("UPDATE kept_answers SET claimed_at = claimed_at - interval '3 minutes'")
    again = asyncio.ensure_future(ana.http.post("/api/work", json={"say": "a"}, headers=KEY))
    await asyncio.sleep(0)
    work.gate.set()
    # It was only slow: what it does is committed, and the answer is that of who holds the claim.
    answers = await asyncio.gather(running, again)
    assert {answer.status_code for answer in answers} == {201}
    kept = await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)
    assert kept.json() == answers[1].json()


async def test_a_refusal_is_not_kept(ana: Person, work: Work) -> None:
    work.error = ConflictError()
    assert (await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)).status_code == 409
    assert (await ana.http.post("/api/work", json=[], headers=KEY)).status_code == 422
    work.error = None
    assert (await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 256, "with space", "tab\there"])
async def test_a_key_that_is_none_is_refused(ana: Person, work: Work, key: str) -> None:
    answer = await ana.http.post("/api/work", json={"say": "a"}, headers={"Idempotency-Key": key})
    assert problem(answer) == (422, "idempotency.bad-key")


@pytest.mark.req("P-8")
async def test_what_is_streamed_takes_no_part(ana: Person, as_owner: Any) -> None:
    headers = KEY | {"Content-Type": FORM_TYPE}
    first = await ana.http.post("/api/upload", content=form(pictures.jpeg(1)), headers=headers)
    second = await ana.http.post("/api/upload", content=form(pictures.jpeg(2)), headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert await as_owner.fetchval("SELECT count(*) FROM kept_answers") == 0


async def test_answers_are_forgotten_after_a_day(ana: Person, work: Work, product: Product, as_owner: Any) -> None:
    await ana.http.post("/api/work", json={"say": "a"}, headers=KEY)
    assert await as_owner.fetchval("SELECT expires_at - claimed_at = interval '24 hours' FROM kept_answers")
    await ForgetAnswers(product.node.database)()
    assert await as_owner.fetchval("SELECT count(*) FROM kept_answers") == 1
    await as_owner.execute("UPDATE kept_answers SET expires_at = now()")
    again = await ana.http.post("/api/work", json={"say": "other"}, headers=KEY)
    assert again.status_code == 201
    await as_owner.execute("UPDATE kept_answers SET expires_at = now()")
    await ForgetAnswers(product.node.database)()
    assert await as_owner.fetchval("SELECT count(*) FROM kept_answers") == 0


@pytest.mark.req("ACC-3")
async def test_answers_with_secrets_are_never_kept(product: Product, as_owner: Any, ana: Person) -> None:
    for router in product.app.routes:
        path = getattr(router, "path", "")
        if path.startswith(("/api/auth", "/api/servers", "/api/api-keys", "/api/share-links")):
            assert not isinstance(router, IdempotentRoute), path
    body = {"email": ana.account.email, "password": "correct horse battery"}
    answer = await ana.http.post("/api/auth/login", json=body, headers=KEY)
    assert answer.status_code == 200
    assert await as_owner.fetchval("SELECT count(*) FROM kept_answers") == 0


@pytest.mark.req("P-8")
async def test_a_body_that_is_parsed_has_a_bound_and_one_that_is_streamed_has_none(ana: Person) -> None:
    large = b'{"checksums": ["' + b"a" * (9 * 2**20) + b'"]}'
    answer = await ana.http.post("/api/receipts", content=large, headers={"Content-Type": "application/json"})
    assert problem(answer) == (413, "request.too-large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield bytes(2**20)

    headers = {"Content-Type": "text/plain", "Transfer-Encoding": "chunked"}
    answer = await ana.http.post("/api/receipts", content=chunks(), headers=headers)
    assert problem(answer) == (413, "request.too-large")
    sent = await ana.http.post("/api/upload", files={"file": ("a.jpg", pictures.as_if_large(9 * 2**20))})
    assert sent.status_code == 201
    content = pictures.as_if_large(9 * 2**20 + 1)
    wish = {"filename": "a.jpg", "size": len(content)}
    session = (await ana.http.post("/api/upload-sessions", json=wish)).json()
    put = await ana.http.put(f"{session['uploadUrl']}?offset=0", content=content)
    assert put.json() == {"offset": len(content)}
