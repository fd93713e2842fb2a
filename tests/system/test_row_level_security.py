"""The second fence: whatever a query forgets, the database shows an owner's transaction that owner's rows alone.

Every table is asked, also those that are added later: one that holds owners' data and is not guarded fails here.
"""

from collections.abc import Mapping, Sequence

import asyncpg
import pytest

from afterglow.infra.db.database import Database, Tx
from afterglow.infra.db.embedded import APP_ROLE
from factories.pictures import jpeg
from factories.product import Person, Product
from factories.rows import LONG_AGO, insert

pytestmark = pytest.mark.req("P-5", "ACC-4")

# Tables without owners' data, each with the reason why nobody learns of another's photos from it.
NOBODYS = {
    "server": "this server's own name and identity",
    "alembic_version": "the schema's version",
    "feed_epochs": "when the feed began anew",
    "photo_transitions": "the transition table",
    "pgqueuer": "wake-ups: a step's name and a photo's id, neither owner nor content",
    "pgqueuer_log": "ends of wake-ups; prune_log removes them",
    "pgqueuer_schedules": "when recurring jobs run",
    "pgqueuer_statistics": "unused",
    "paused_steps": "which queues are paused, and which administrator did it",
    "schedule_runs": "when recurring jobs ran",
    "step_results": "how many runs of steps ended how; of all owners together",
    "processes": "this node's processes and what they counted; no label is a photo or a person",
    "measures": "totals of all owners together, told to administrators",
}
# Shared by all who have the same bytes; visible to whoever has a file of them.
SHARED_BYTES = ["originals", "original_locations"]
OWNER_COLUMNS = ("owner_id", "user_id")

# SECURITY DEFINER functions look across owners: each was reviewed for what it gives, and to whom it may matter.
REVIEWED = {
    "all_due_steps(text,integer)": "reconciler: photo ids",
    "claim_due_steps(text,integer,text,uuid[],text,interval)": "worker: ids of what it is to work on",
    "count_originals()": "administration: totals",
    "count_photos()": "administration: totals",
    "count_steps()": "administration: totals",
    "expire_downloads(timestamp with time zone,integer)": "sweeper: a count",
    "doubt_original(bytea,text)": "ingest: answers nothing; marks a copy that was read back and is wrong",
    "due_purges(integer)": "purge: photo ids, their owners and checksums, for the worker alone",
    "ensure_epoch()": "start: the epoch's number; sees no owner's rows, but writes where the app role may not",
    "expire_kept_answers(integer)": "sweeper: a count",
    "expire_uploads(integer)": "sweeper: upload ids",
    "expired_trash(timestamp with time zone,integer)": "retention: photo ids and their owners, for the worker alone",
    "failed_jobs(text,integer)": "administration: photo ids and their owners",
    "find_job(uuid,uuid[],text[])": "administration: a step with its photo's id; the use case asks for the role",
    "find_account(text)": "log-in: the account behind an address, before anybody is known",
    "forget_original(bytea,text)": "purge: whether anybody uses bytes; the worker holds an order to remove them",
    "find_refresh_token(bytea)": "refresh: needs 256 random bits",
    "keep_crcs(bytea[],bigint[])": "download: answers nothing",
    "keep_original(bytea,bigint,bytea,text,text)": "ingest: answers nothing",
    "list_accounts()": "administration: accounts without secrets",
    "list_jobs(text[],text,uuid,timestamp with time zone,timestamp with time zone,uuid,text,integer)": (
        "administration: steps with their photos' ids; the use case asks for the role"
    ),
    "mint_epoch(text)": "restore: the epoch's number; sees no owner's rows, but writes where the app role may not",
    "open_uploads(uuid[])": "sweeper: upload ids it knows, and their owners",
    "owners_of_jobs(text,uuid[])": "administration: owners of photos it knows",
    "queue_depths(integer)": "administration: totals",
    "renew_leases(uuid[],interval)": "worker: run ids it knows",
    "stale_steps(text,integer,smallint,integer)": "backfill: photo ids and their owners",
    "store_in_use(text)": "start: yes or no",
    "unknown_objects(text,text[])": "sweeper: keys it knows",
}


async def list_tables(connection: asyncpg.Connection) -> list[str]:
    rows = await connection.fetch(
        """
        SELECT relname FROM pg_class
        WHERE relnamespace = 'afterglow'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
        """
    )
    return sorted(row["relname"] for row in rows)


async def find_owner_columns(connection: asyncpg.Connection) -> dict[str, str]:
    """Return the column that names the owner, by table."""
    rows = await connection.fetch(
        """
        SELECT c.relname, a.attname
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'afterglow'::regnamespace AND c.relkind <> 'i' AND a.attname = ANY ($1)
              AND NOT a.attisdropped
        """,
        OWNER_COLUMNS,
    )
    return {row["relname"]: row["attname"] for row in rows} | {"users": "id"}


async def list_unguarded(connection: asyncpg.Connection) -> list[str]:
    """Return the tables with an owner that have no policy on that owner, or one more that opens them."""
    unguarded = []
    for table, column in (await find_owner_columns(connection)).items():
        is_on = await connection.fetchval("SELECT relrowsecurity FROM pg_class WHERE oid = $1::text::regclass", table)
        policies = await connection.fetch(
            "SELECT cmd, qual, with_check FROM pg_policies WHERE schemaname = 'afterglow' AND tablename = $1", table
        )
        expected = f"({column} = ANY (( SELECT visible_owners() AS visible_owners)::uuid[]))"
        if not is_on or [tuple(policy) for policy in policies] != [("ALL", expected, None)]:
            unguarded.append(table)
    return unguarded


@pytest.fixture
async def filled(
    product: Product, ana: Person, ben: Person, as_owner: asyncpg.Connection
) -> dict[str, Sequence[asyncpg.Record]]:
    """Two owners with rows in every table that has owners' data, one picture in common; returns all rows by table."""
    for number, person in enumerate((ana, ben)):
        for seed in (0, 1 + number):
            sent = await person.http.post("/api/upload", files={"file": (f"{seed}.jpg", jpeg(seed), "image/jpeg")})
            assert sent.status_code == 201
        key = {"Idempotency-Key": "same-for-both"}
        opened = await person.http.post("/api/upload-sessions", json={"filename": "b.jpg", "size": 7}, headers=key)
        assert opened.status_code == 201
        photo_id, owner_id = sent.json()["photoId"], person.account.id
        ordered = await person.http.post("/api/downloads", json={"photoIds": [photo_id]})
        assert ordered.status_code == 201
        await insert(as_owner, "photo_aliases", old_id=opened.json()["id"], new_id=photo_id, owner_id=owner_id)
        await insert(
            as_owner, "tombstones", owner_id=owner_id, checksum=bytes([number]) * 32, filename="c.jpg",
            created_at=LONG_AGO,
        )  # fmt: skip
        assert (await person.http.get("/api/timeline/layout")).status_code == 200
        await as_owner.execute("INSERT INTO feed_floors VALUES ($1, 1, '1', 1)", owner_id)
        await insert(
            as_owner, "tombstone_refusals", owner_id=owner_id, checksum=bytes([number]) * 32, kind="upload",
            name="c.jpg", last_at=LONG_AGO, count=1,
        )  # fmt: skip
        await insert(
            as_owner, "purges", photo_id=opened.json()["id"], owner_id=owner_id, checksums=[], not_before=LONG_AGO
        )
    assert await product.work() > 0
    return {table: await as_owner.fetch(f"SELECT * FROM {table}") for table in await list_tables(as_owner)}


@pytest.fixture
def database(product: Product) -> Database:
    return product.node.database


def texts(rows: Sequence[asyncpg.Record]) -> list[str]:
    return sorted(repr(dict(row)) for row in rows)


async def test_every_table_is_either_an_owners_or_reviewed(as_owner: asyncpg.Connection) -> None:
    owned = set(await find_owner_columns(as_owner))
    assert owned.isdisjoint(NOBODYS)
    assert set(await list_tables(as_owner)) == owned | set(SHARED_BYTES) | set(NOBODYS)


async def test_every_table_with_an_owner_is_guarded(as_owner: asyncpg.Connection) -> None:
    assert len(await find_owner_columns(as_owner)) >= 13
    assert await list_unguarded(as_owner) == []


@pytest.mark.parametrize("column", OWNER_COLUMNS)
async def test_a_new_table_with_an_owner_and_no_policy_would_be_found(
    as_owner: asyncpg.Connection, column: str
) -> None:
    transaction = as_owner.transaction()
    await transaction.start()
    try:
        await as_owner.execute(f"CREATE TABLE forgotten (id uuid, {column} uuid)")
        assert await list_unguarded(as_owner) == ["forgotten"]
        await as_owner.execute(f"CALL guard('forgotten', '{column}')")
        assert await list_unguarded(as_owner) == []
        await as_owner.execute("CREATE POLICY hole ON forgotten USING (true)")
        assert await list_unguarded(as_owner) == ["forgotten"]
    finally:
        await transaction.rollback()


async def test_an_owner_sees_their_own_rows_of_every_table_and_no_other(
    database: Database, as_owner: asyncpg.Connection, filled: Mapping[str, Sequence[asyncpg.Record]], ana: Person,
    ben: Person,
) -> None:  # fmt: skip
    for person in (ana, ben):
        async with database.transaction([person.account.id], read_only=True) as tx:
            for table, column in (await find_owner_columns(as_owner)).items():
                expected = [row for row in filled[table] if row[column] == person.account.id]
                assert expected, f"{table} holds nothing of {person.account.name}: the test would prove nothing"
                assert texts(await tx.fetch(f"SELECT * FROM {table}")) == texts(expected), table


async def test_an_original_is_visible_to_whoever_has_its_bytes(
    database: Database, filled: Mapping[str, Sequence[asyncpg.Record]], ana: Person, ben: Person
) -> None:
    seen = {}
    for person in (ana, ben):
        own = {row["checksum"] for row in filled["photo_files"] if row["owner_id"] == person.account.id}
        async with database.transaction([person.account.id], read_only=True) as tx:
            for table in SHARED_BYTES:
                expected = [row for row in filled[table] if row["checksum"] in own]
                assert texts(await tx.fetch(f"SELECT * FROM {table}")) == texts(expected), table
        seen[person.account.id] = own
    assert [len(own) for own in seen.values()] == [2, 2]
    assert len(set.intersection(*seen.values())) == 1


async def test_without_an_owner_nothing_is_visible(
    database: Database, app_dsn: str, filled: Mapping[str, Sequence[asyncpg.Record]]
) -> None:
    async def count(tx: Tx) -> dict[str, int]:
        return {
            table: found
            for table in filled.keys() - NOBODYS
            if (found := await tx.fetch_value(f"SELECT count(*) FROM {table}"))
        }

    assert await database.run([], count, read_only=True) == {}
    bare = await asyncpg.connect(app_dsn, server_settings={"search_path": "afterglow"})
    try:
        for _ in range(2):
            # The setting is missing at first, and an empty text ever after.
            for table in filled.keys() - NOBODYS:
                assert await bare.fetchval(f"SELECT count(*) FROM {table}") == 0, table
            await bare.execute("BEGIN; SET LOCAL afterglow.owners = '{}'; COMMIT")
    finally:
        await bare.close()


async def test_nobody_adds_changes_or_removes_rows_of_another(
    database: Database, as_owner: asyncpg.Connection, filled: Mapping[str, Sequence[asyncpg.Record]], ana: Person,
    ben: Person,
) -> None:  # fmt: skip
    for table, column in (await find_owner_columns(as_owner)).items():
        await refuse_insert_of(database, as_owner, table, column, ana, ben)
        await refuse_gift_to(database, table, column, ana, ben)
        async with database.transaction([ana.account.id]) as tx:
            for verb in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
                assert await tx.execute_count(f"{verb} WHERE {column} = $1", ben.account.id) == 0, table
        left = await as_owner.fetch(f"SELECT * FROM {table} WHERE {column} = $1", ben.account.id)
        assert texts(left) == texts([row for row in filled[table] if row[column] == ben.account.id])


async def refuse_insert_of(
    database: Database, as_owner: asyncpg.Connection, table: str, column: str, ana: Person, ben: Person
) -> None:
    """Put Ben's own row in once more, as Ana: the policy answers before any constraint."""
    row = await as_owner.fetchval(f"SELECT to_json(t)::text FROM {table} t WHERE {column} = $1 LIMIT 1", ben.account.id)
    again = (
        f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT (json_populate_record(NULL::{table}, $1::text::json)).*"
    )
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await database.run([ana.account.id], lambda tx: tx.execute(again, row))


async def refuse_gift_to(database: Database, table: str, column: str, ana: Person, ben: Person) -> None:
    gift = f"UPDATE {table} SET {column} = $2 WHERE {column} = $1"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await database.run([ana.account.id], lambda tx: tx.execute(gift, ana.account.id, ben.account.id))


async def test_the_functions_that_look_across_owners_are_the_reviewed_ones(as_owner: asyncpg.Connection) -> None:
    rows = await as_owner.fetch(
        """
        SELECT p.oid::regprocedure::text AS name, p.proconfig
        FROM pg_proc p WHERE p.pronamespace = 'afterglow'::regnamespace AND p.prosecdef
        """
    )
    assert {row["name"] for row in rows} == set(REVIEWED)
    # Whoever may make tables in a schema that is searched first would otherwise choose what these functions read.
    assert {row["name"] for row in rows if row["proconfig"] != ["search_path=afterglow, pg_temp"]} == set()


async def test_no_function_is_for_everybody_and_no_procedure_for_the_app_role(as_owner: asyncpg.Connection) -> None:
    rows = await as_owner.fetch(
        """
        SELECT p.oid::regprocedure::text AS name, p.prokind::text AS kind,
               has_function_privilege('public', p.oid, 'EXECUTE') AS for_everybody,
               has_function_privilege($1, p.oid, 'EXECUTE') AS for_the_app
        FROM pg_proc p WHERE p.pronamespace = 'afterglow'::regnamespace
        """,
        APP_ROLE,
    )
    assert [row["name"] for row in rows if row["for_everybody"]] == []
    assert [row["name"] for row in rows if row["kind"] == "p" and row["for_the_app"]] == []
    assert len(rows) > len(REVIEWED)
