"""A request's transaction: committed before the answer, run again after a deadlock."""

from uuid import uuid4

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request

from afterglow.infra.db.database import Database
from afterglow.infra.web import problems
from afterglow.infra.web.auth import Authentication
from afterglow.infra.web.provide import provide
from afterglow.infra.web.tx import TransactionalRoute, WriteTx
from afterglow.kernel.ids import UserId
from afterglow.kernel.principal import ALL_SCOPES, Principal, Role

ME = Principal(UserId(uuid4()), Role.MEMBER, ALL_SCOPES)
ADD = "INSERT INTO notes (n) VALUES ($1)"


class Everybody:
    async def authenticate(self, request: Request) -> Principal:  # noqa: ARG002 - the port's
        return ME


@pytest.fixture
async def notes(as_owner: asyncpg.Connection):
    """A table to write to; a number may be there once, which is only checked at the commit."""
    await as_owner.execute("CREATE TABLE notes (n int, UNIQUE (n) DEFERRABLE INITIALLY DEFERRED)")
    await as_owner.execute("GRANT ALL ON notes TO afterglow_app")
    yield as_owner
    await as_owner.execute("DROP TABLE notes")


def client_of(database: Database, deadlocks: int) -> httpx.AsyncClient:
    """A route that writes the number it is sent, after it has been the victim of some deadlocks."""
    router = APIRouter(route_class=TransactionalRoute)
    left = [deadlocks]

    @router.post("/notes")
    async def write(body: dict[str, int], tx: WriteTx) -> dict[str, int]:
        await tx.execute(ADD, body["n"])
        if left[0]:
            left[0] -= 1
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        return body

    app = FastAPI()
    problems.install(app)
    app.include_router(router)
    provide(app, database, Authentication(Everybody()))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://afterglow.test")


async def numbers(notes: asyncpg.Connection) -> list[int]:
    return [row["n"] for row in await notes.fetch("SELECT n FROM notes ORDER BY n")]


async def test_the_victim_of_a_deadlock_is_run_again_with_its_body(
    database: Database, notes: asyncpg.Connection
) -> None:
    async with client_of(database, deadlocks=2) as client:
        answer = await client.post("/notes", json={"n": 7})
    assert (answer.status_code, answer.json()) == (200, {"n": 7})
    assert await numbers(notes) == [7]


async def test_who_is_always_the_victim_is_told_to_come_again(database: Database, notes: asyncpg.Connection) -> None:
    async with client_of(database, deadlocks=1000) as client:
        answer = await client.post("/notes", json={"n": 7})
    assert (answer.status_code, answer.json()["code"]) == (503, "database.busy")
    assert "retry-after" in answer.headers
    assert await numbers(notes) == []


@pytest.mark.req("P-2")
async def test_a_commit_that_fails_is_never_answered_as_a_success(
    database: Database, notes: asyncpg.Connection
) -> None:
    async with client_of(database, deadlocks=0) as client:
        assert (await client.post("/notes", json={"n": 7})).status_code == 200
        assert (await client.post("/notes", json={"n": 7})).status_code == 500
    assert await numbers(notes) == [7]
