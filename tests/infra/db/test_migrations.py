"""From an empty database to this version's schema, once or many times, and who may do what in it afterwards."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from afterglow.config import load_settings
from afterglow.infra.db import migrate as migration
from afterglow.infra.db.embedded import APP_ROLE, OWNER_ROLE, SUPERUSER, Endpoint
from afterglow.infra.db.errors import DatabaseAwayError
from afterglow.infra.db.migrate import (
    MIGRATIONS_DIR,
    DatabaseTooOldError,
    SuperuserRefusedError,
    migrate,
    migration_state,
)
from factories.pictures import jpeg
from factories.product import open_product

NAME = "afterglow_migrated"
GUARDED = "c.relnamespace = 'afterglow'::regnamespace AND c.relkind = 'r' AND c.relrowsecurity"
# Whatever migrations make: objects, their rights, their policies, and how far these reach.
EVERYTHING = f"""
    SELECT 'relation', c.relname, c.relkind::text, c.relacl::text, c.relforcerowsecurity
    FROM pg_class c WHERE c.relnamespace = 'afterglow'::regnamespace
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, md5(p.prosrc), p.proacl::text, p.prosecdef
    FROM pg_proc p WHERE p.pronamespace = 'afterglow'::regnamespace
    UNION ALL
    SELECT 'policy', p.polname, p.polrelid::regclass::text, pg_get_expr(p.polqual, p.polrelid), p.polpermissive
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE {GUARDED}
    ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Fresh:
    """An empty database."""

    endpoint: Endpoint

    def dsn(self, role: str) -> str:
        return self.endpoint.dsn(role, NAME)

    async def migrate(self, app_role: str = APP_ROLE) -> migration.MigrationState:
        return await migrate(self.dsn(OWNER_ROLE), self.dsn(app_role))

    async def fetch(self, sql: str, *args: object, role: str = SUPERUSER) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.dsn(role))
        try:
            return await connection.fetch(sql, *args)
        finally:
            await connection.close()

    async def column(self, sql: str, role: str = SUPERUSER) -> list[object]:
        return [row[0] for row in await self.fetch(sql, role=role)]


@pytest.fixture
async def fresh(postgres: Endpoint, cleaner: asyncpg.Connection) -> AsyncIterator[Fresh]:
    await cleaner.execute(f"CREATE DATABASE {NAME} OWNER {OWNER_ROLE}")
    yield Fresh(postgres)
    await cleaner.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


@pytest.fixture
async def migrated(fresh: Fresh) -> Fresh:
    await fresh.migrate()
    return fresh


class TestUpgrade:
    async def test_an_empty_database_is_brought_to_the_present(self, fresh: Fresh) -> None:
        before = await migration_state(fresh.dsn(APP_ROLE))
        assert (before.current, before.up_to_date) == (None, False)
        after = await fresh.migrate()
        assert after.up_to_date
        assert after == await migration_state(fresh.dsn(APP_ROLE))

    async def test_a_second_run_changes_nothing(self, migrated: Fresh) -> None:
        before = await migrated.fetch(EVERYTHING)
        assert (await migrated.migrate()).up_to_date
        assert await migrated.fetch(EVERYTHING) == before
        assert len(before) > 100

    async def test_nodes_that_start_together_migrate_once(self, fresh: Fresh) -> None:
        states = await asyncio.gather(*(fresh.migrate() for _ in range(4)))
        assert all(state.up_to_date for state in states)
        assert await fresh.column("SELECT count(*) FROM afterglow.feed_epochs") == [1]

    @pytest.mark.req("P-4")
    async def test_a_migration_that_breaks_off_leaves_nothing(
        self, fresh: Fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS_DIR, broken)
        script = broken / "versions" / "0001_foundation.py"
        script.write_text(script.read_text() + '\n    raise KeyboardInterrupt("the power went")\n')
        with monkeypatch.context() as patch:
            patch.setattr(migration, "MIGRATIONS_DIR", broken)
            with pytest.raises(KeyboardInterrupt):
                await fresh.migrate()
        assert await fresh.column("SELECT relname FROM pg_class WHERE relnamespace = 'afterglow'::regnamespace") == []
        assert (await fresh.migrate()).up_to_date

    async def test_an_old_server_is_refused(self, fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(migration, "_MIN_SERVER_VERSION", 99)
        with pytest.raises(DatabaseTooOldError):
            await fresh.migrate()

    async def test_an_absent_server_is_away(self) -> None:
        nowhere = "postgresql://nobody@/none?host=/nowhere"
        with pytest.raises(DatabaseAwayError):
            await migrate(nowhere, nowhere)


class TestAppRole:
    @pytest.mark.req("ACC-4", "P-5")
    @pytest.mark.parametrize("right", ["SUPERUSER", "BYPASSRLS"])
    async def test_a_role_that_no_policy_binds_is_refused(
        self, fresh: Fresh, cleaner: asyncpg.Connection, right: str
    ) -> None:
        await cleaner.execute(f"ALTER ROLE {APP_ROLE} {right}")
        try:
            with pytest.raises(SuperuserRefusedError):
                await fresh.migrate()
        finally:
            await cleaner.execute(f"ALTER ROLE {APP_ROLE} NO{right}")

    @pytest.mark.req("ACC-4", "P-5")
    @pytest.mark.parametrize(
        "statement",
        [
            "CREATE TABLE afterglow.mine (id integer)",
            "CREATE TABLE public.mine (id integer)",
            "CREATE SCHEMA mine",
            "CREATE FUNCTION afterglow.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "CREATE INDEX mine ON afterglow.photos (filename)",
            "ALTER TABLE afterglow.photos ADD COLUMN mine integer",
            "ALTER TABLE afterglow.photos DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE afterglow.photos DISABLE TRIGGER ALL",
            "ALTER POLICY owner_rows ON afterglow.photos USING (true)",
            "CREATE POLICY mine ON afterglow.photos USING (true)",
            "DROP TABLE afterglow.photos",
            "DROP SCHEMA afterglow CASCADE",
            "DROP FUNCTION afterglow.visible_owners CASCADE",
            "CREATE OR REPLACE FUNCTION afterglow.visible_owners() RETURNS uuid[] LANGUAGE sql AS 'SELECT NULL'",
            "TRUNCATE afterglow.photos CASCADE",
            "TRUNCATE afterglow.pgqueuer",
            "CALL afterglow.fence(false)",
            "CALL afterglow.grant_app('afterglow_app')",
            "UPDATE afterglow.alembic_version SET version_num = '0000'",
            "UPDATE afterglow.originals SET size_bytes = 0",
            "DELETE FROM afterglow.original_locations",
            "INSERT INTO afterglow.photo_transitions VALUES ('STORED', 'UPLOADED')",
            "INSERT INTO afterglow.feed_epochs (reason) VALUES ('mine')",
            "SET ROLE afterglow_owner",
            "SET session_replication_role = replica",
        ],
    )
    async def test_it_has_rows_and_no_structure(self, app_dsn: str, statement: str) -> None:
        connection = await asyncpg.connect(app_dsn)
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"BEGIN; {statement}; COMMIT")
        finally:
            await connection.close()

    async def test_it_may_read_which_version_the_schema_has(self, migrated: Fresh) -> None:
        rows = await migrated.fetch("SELECT version_num FROM afterglow.alembic_version", role=APP_ROLE)
        assert len(rows) == 1


async def list_unforced(fresh: Fresh) -> list[object]:
    return await fresh.column(f"SELECT relname FROM pg_class c WHERE {GUARDED} AND NOT relforcerowsecurity ORDER BY 1")


async def list_forced(fresh: Fresh) -> list[object]:
    return await fresh.column(f"SELECT relname FROM pg_class c WHERE {GUARDED} AND relforcerowsecurity ORDER BY 1")


async def list_open_to_definers(fresh: Fresh) -> list[object]:
    return await fresh.column(
        "SELECT tablename FROM pg_policies WHERE schemaname = 'afterglow' AND policyname = 'definer_rows' ORDER BY 1"
    )


@pytest.mark.req("ACC-4")
class TestSingleRole:
    async def test_the_policies_bind_the_owner_when_it_is_the_app_role(self, fresh: Fresh) -> None:
        await fresh.migrate(OWNER_ROLE)
        assert await list_unforced(fresh) == []
        assert await list_forced(fresh) == await list_open_to_definers(fresh)
        assert "photos" in await list_forced(fresh)

    async def test_two_roles_need_neither_and_have_neither(self, migrated: Fresh) -> None:
        assert await list_forced(migrated) == []
        assert await list_open_to_definers(migrated) == []

    async def test_a_node_may_change_from_two_roles_to_one_and_back(self, migrated: Fresh) -> None:
        guarded = await list_unforced(migrated)
        await migrated.migrate(OWNER_ROLE)
        assert await list_forced(migrated) == await list_open_to_definers(migrated) == guarded
        await migrated.migrate(APP_ROLE)
        assert await list_unforced(migrated) == guarded
        assert await list_open_to_definers(migrated) == []

    async def test_a_role_that_may_act_as_the_owner_is_bound_like_it(
        self, fresh: Fresh, cleaner: asyncpg.Connection
    ) -> None:
        await cleaner.execute(f"GRANT {OWNER_ROLE} TO {APP_ROLE}")
        try:
            await fresh.migrate()
            assert await list_unforced(fresh) == []
        finally:
            await cleaner.execute(f"REVOKE {OWNER_ROLE} FROM {APP_ROLE}")


@pytest.mark.req("ACC-4", "P-5")
@pytest.mark.parametrize("app_role", [APP_ROLE, OWNER_ROLE], ids=["two-roles", "one-role"])
async def test_the_product_works_and_is_fenced_with_one_role_as_with_two(
    fresh: Fresh, tmp_path: Path, app_role: str
) -> None:
    await fresh.migrate(app_role)
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    settings = load_settings(data_dir=data_dir, database_url=fresh.dsn(app_role), decoders=1)
    async with open_product(settings) as product:
        ana, ben = await product.person("ana"), await product.person("ben")
        sent = await ana.http.post("/api/upload", files={"file": ("a.jpg", jpeg(1), "image/jpeg")})
        assert sent.status_code == 201
        assert await product.work() > 0
        photo_id, checksum = sent.json()["photoId"], sent.json()["checksum"]
        photo = (await ana.http.get(f"/api/photos/{photo_id}")).json()
        assert photo["status"] == "STORED"
        receipts = (await ana.http.post("/api/receipts", json={"checksums": [checksum]})).json()["items"]
        assert [receipt["state"] for receipt in receipts] == ["stored"]
        assert (await ana.http.get("/api/timeline")).json()["months"] != []
        assert (await ben.http.get("/api/photos")).json()["items"] == []
        assert (await ben.http.post("/api/receipts", json={"checksums": [checksum]})).json()["items"] == []
        async with product.node.database.transaction([ben.account.id]) as tx:
            assert await tx.fetch_value("SELECT count(*) FROM photos") == 0
        async with product.node.database.transaction([]) as tx:
            assert await tx.fetch_value("SELECT count(*) FROM photos") == 0
        for person in (ana, ben):
            await person.http.aclose()
