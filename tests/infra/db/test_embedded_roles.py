"""Who may connect to the embedded database, and what they may do there."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from embedded_kit import connection, fetch_value, open_folder, stopped_at_end

from afterglow.infra.db.embedded import APP_ROLE, OWNER_ROLE, SUPERUSER, EmbeddedPostgres, Endpoint


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder / "data"


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedPostgres]:
    """A running server for tests that only look."""
    with open_folder() as folder, stopped_at_end(EmbeddedPostgres(folder / "data", durable=False)) as made:
        made.start()
        yield made


@pytest.mark.req("ACC-4")
async def test_only_the_superuser_has_rights_beyond_its_own(shared: EmbeddedPostgres) -> None:
    async with connection(shared.endpoint()) as made:
        rows = await made.fetch(
            "SELECT rolname, rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication AS mighty "
            "FROM pg_roles WHERE rolcanlogin"
        )
    assert dict(rows) == {SUPERUSER: True, OWNER_ROLE: False, APP_ROLE: False}


async def test_owner_makes_tables_in_the_database_it_owns(shared: EmbeddedPostgres) -> None:
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    async with connection(shared.endpoint(), OWNER_ROLE) as made:
        await made.execute("CREATE TABLE owned (v halfvec(3))")
        await made.execute("DROP TABLE owned")
        assert await made.fetchval(owner) == OWNER_ROLE


@pytest.mark.req("ACC-4")
@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE mine (id int)", "CREATE SCHEMA mine", "CREATE DATABASE mine", "SET ROLE afterglow_owner"],
)
async def test_app_role_may_not(shared: EmbeddedPostgres, statement: str) -> None:
    async with connection(shared.endpoint()) as made:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await made.execute(statement)


async def test_vector_extension_is_there(shared: EmbeddedPostgres) -> None:
    distance = await fetch_value(shared.endpoint(), "SELECT '[1,2]'::vector <-> '[1,4]'::vector", APP_ROLE)
    assert distance == 2


@pytest.mark.parametrize("role", [SUPERUSER, OWNER_ROLE, APP_ROLE])
async def test_wrong_password_is_refused(shared: EmbeddedPostgres, role: str) -> None:
    forged = Endpoint(shared.endpoint().socket_dir, shared.endpoint().port, {role: "guess"})
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(forged.dsn(role))


async def test_no_network_no_trust(shared: EmbeddedPostgres) -> None:
    async with connection(shared.endpoint(), SUPERUSER) as made:
        assert await made.fetchval("SHOW listen_addresses") == ""
        assert {row[0] for row in await made.fetch("SELECT auth_method FROM pg_hba_file_rules")} == {"scram-sha-256"}
        stored = await made.fetch("SELECT rolpassword FROM pg_authid WHERE rolcanlogin")
    assert all(row[0].startswith("SCRAM-SHA-256$") for row in stored)


async def test_text_is_sorted_by_code_point_whatever_the_operating_system(shared: EmbeddedPostgres) -> None:
    async with connection(shared.endpoint()) as made:
        rows = await made.fetch("SELECT v FROM unnest(ARRAY['é', 'a', 'Z', 'z']) AS v ORDER BY v")
        assert [row[0] for row in rows] == ["Z", "a", "z", "é"]
        assert await made.fetchval("SELECT lower('É') = 'é' AND to_tsvector('simple', 'ÉTÉ') = '''été'':1'::tsvector")


@pytest.mark.parametrize(("durable", "expected"), [(True, "on"), (False, "off")])
async def test_only_tests_run_without_fsync(data_dir: Path, durable: bool, expected: str) -> None:
    with stopped_at_end(EmbeddedPostgres(data_dir, durable=durable)) as server:
        endpoint = server.start()
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await fetch_value(endpoint, f"SHOW {setting}") == expected
        assert await fetch_value(endpoint, "SHOW data_checksums") == "on"
