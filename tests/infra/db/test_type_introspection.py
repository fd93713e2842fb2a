"""Built-in types are looked up once for all connections of the process."""

from uuid import UUID

import asyncpg
import pytest

from afterglow.infra.db import introspection
from afterglow.infra.db.database import create_pool

IDS = [UUID(int=1), UUID(int=2)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[int]]:
    """What the driver asks the server about types; nothing is known at first."""
    monkeypatch.setattr(introspection, "_known", {})
    questions, ask = [], asyncpg.Connection._introspect_types

    async def ask_and_tell(connection: asyncpg.Connection, typeoids: set[int], timeout: float) -> object:  # noqa: ASYNC109
        questions.append(frozenset(typeoids))
        return await ask(connection, typeoids, timeout)

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", ask_and_tell)
    return questions


async def test_a_second_connection_does_not_ask_for_built_in_types(app_dsn: str, asked: list[frozenset[int]]) -> None:
    pool = await create_pool(app_dsn, max_connections=2, application_name="test-types")
    async with pool.acquire() as first, pool.acquire() as second:
        for connection in (first, second, second):
            assert await connection.fetchval("SELECT $1::uuid[]", IDS) == IDS
            assert await connection.fetchval("SELECT $1::uuid[] || $2::uuid", IDS, UUID(int=3)) == [*IDS, UUID(int=3)]
            row = await connection.fetchrow("SELECT $1::int[], $2::timestamptz[], $3::uuid[]", [1], [], IDS)
            assert tuple(row) == ([1], [], IDS)
    await pool.close()
    assert len(asked) == len(set(asked)) == 2


async def test_types_of_the_schema_are_asked_for_by_each_connection(app_dsn: str, asked: list[frozenset[int]]) -> None:
    pool = await create_pool(app_dsn, max_connections=2, application_name="test-types")
    async with pool.acquire() as first, pool.acquire() as second:
        for connection in (first, second):
            assert await connection.fetchval("SELECT $1::pgqueuer_status[]", ["queued"]) == ["queued"]
    await pool.close()
    assert len(asked) == 2
