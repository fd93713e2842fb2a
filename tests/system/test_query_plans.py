"""What the queries of pages and workers read of a library of 100,000 photos among others', as the app role.

Row-level security can take an index away from a query without anybody noticing: a condition that is not leakproof is
checked only after the policy, on every row. So each query is planned as it is prepared (with and without its values)
and run, and the rows that it touched are counted.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from afterglow.features.admin.models import Mark
from afterglow.features.admin.repository import jobs
from afterglow.features.changes import repository as changes
from afterglow.features.changes.models import Position
from afterglow.features.downloads import repository as downloads
from afterglow.features.photos import repository as photos
from afterglow.features.photos.models import PhotoFilter, PhotoStatus
from afterglow.features.pipeline import repository as pipeline
from afterglow.features.steps import repository as steps
from afterglow.features.steps.models import GoodEnd, Run, StepState
from afterglow.features.timeline import repository as timeline
from afterglow.features.timeline.models import MonthCount
from afterglow.infra.db.database import Database, Tx
from afterglow.infra.db.embedded import APP_ROLE, SUPERUSER, Endpoint
from afterglow.infra.queue.pgqueuer import enqueue
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, RunId, UserId

pytestmark = pytest.mark.req("P-9", "ACC-4")

NAME = "afterglow_plans"
PHOTOS = 100_000
OTHERS = 9
PHOTOS_OF_OTHERS = 3_000
PAGE = 50
BIG = (
    "photos", "photo_files", "originals", "original_locations", "steps", "timeline_days", "timeline_ratios",
    "tombstones", "purges",
)  # fmt: skip
LEASE = timedelta(seconds=30)

OWNER = UserId(UUID(int=1))
# As a replica: no trigger fires, so the days are counted here.
FILL = f"""
    SET session_replication_role = replica;
    SET search_path = afterglow, public;
    CREATE TEMP TABLE owners AS
        SELECT lpad(n::text, 32, '0')::uuid AS id, n FROM generate_series(1, {OTHERS + 1}) n;
    INSERT INTO users (id, email, name, role, created_at, updated_at)
        SELECT id, n || '@example.org', 'Somebody', 'member', now(), now() FROM owners;
    CREATE TEMP TABLE made AS
        SELECT o.id AS owner_id, lpad((o.n * 1000000 + p)::text, 32, '0')::uuid AS id,
               sha256((o.n || '-' || p)::bytea) AS checksum, p,
               timestamp '2014-01-01' + p * interval '50 minutes' AS taken_local
        FROM owners o, generate_series(1, CASE o.n WHEN 1 THEN {PHOTOS} ELSE {PHOTOS_OF_OTHERS} END) p;
    INSERT INTO photos (id, owner_id, status, kind, mime, filename, taken_local, taken_at, taken_source, favorite,
                        archived, deleted_at, width, height, created_at, updated_at)
        SELECT id, owner_id, CASE p % 400 WHEN 1 THEN 'FAILED' WHEN 2 THEN 'PROCESSING' ELSE 'STORED' END,
               CASE p % 500 WHEN 3 THEN 'video' ELSE 'photo' END, 'image/jpeg', 'a.jpg', taken_local,
               taken_local AT TIME ZONE 'UTC', 'exif', p % 200 = 4, p % 100 = 5,
               CASE p % 300 WHEN 6 THEN now() END, 4, 3, now(), now()
        FROM made;
    INSERT INTO photo_files (id, photo_id, owner_id, role, checksum, size_bytes, mime, name, source, created_at)
        SELECT id, id, owner_id, 'primary', checksum, 1, 'image/jpeg', 'a.jpg', 'upload', now() FROM made;
    INSERT INTO originals (checksum, size_bytes, created_at) SELECT checksum, 1, now() FROM made;
    INSERT INTO original_locations (checksum, store, key, state, verified_at)
        SELECT checksum, 'home', encode(checksum, 'hex'), 'present', now() FROM made;
    -- Half of all steps are done, and of the others most are to be tried again much later: a disk is away.
    INSERT INTO steps (photo_id, owner_id, step, version, algorithm, state, priority, next_try_at, run_id, lease_until,
                       worker, created_at)
        SELECT id, owner_id, 'derive', 1, 'test',
               CASE WHEN p % 2 = 0 THEN 'done' WHEN p % 4000 = 1 THEN 'running' ELSE 'waiting' END,
               CASE WHEN p % 1000 < 500 THEN 0 ELSE 10 END,
               now() + CASE WHEN p % 1000 IN (3, 503) THEN interval '-1 h' ELSE interval '1 h' END,
               id, now() + CASE WHEN p % 8000 = 1 THEN interval '-1 h' ELSE interval '1 h' END, 'host:1', now()
        FROM made;
    INSERT INTO tombstones (owner_id, checksum, filename, created_at)
        SELECT owner_id, sha256(checksum), 'a.jpg', taken_local AT TIME ZONE 'UTC' FROM made WHERE p % 10 = 0;
    INSERT INTO purges (photo_id, owner_id, checksums, not_before)
        SELECT gen_random_uuid(), owner_id, '{{}}', now() + CASE p % 500 WHEN 0 THEN -1 ELSE 1 END * interval '1 h'
        FROM made WHERE p % 10 = 0;
    INSERT INTO timeline_days (owner_id, day, count)
        SELECT owner_id, taken_local::date, count(*) FROM made GROUP BY 1, 2;
    -- Of a few hundred transactions of former times.
    INSERT INTO changes (owner_id, xid, type, entity_id)
        SELECT owner_id, (3 + p % 300)::text::xid8, 'photo', id FROM made;
    INSERT INTO timeline_ratios (owner_id, month, version, ratios)
        SELECT owner_id, date_trunc('month', taken_local), 1, '' FROM made GROUP BY 1, 2;
"""


@dataclass
class Recorder(Tx):
    """A unit of work that remembers what it was asked."""

    tx: Tx
    queries: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.tx.now

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        self.queries.append((sql, args))
        return await self.tx.fetch(sql, *args)

    async def fetch_row(self, sql: str, *args: object) -> asyncpg.Record | None:
        self.queries.append((sql, args))
        return await self.tx.fetch_row(sql, *args)

    async def fetch_value(self, sql: str, *args: object) -> Any:
        self.queries.append((sql, args))
        return await self.tx.fetch_value(sql, *args)


@pytest.fixture(scope="module")
async def library(postgres: Endpoint, template: str, cleaner: asyncpg.Connection) -> AsyncIterator[Database]:
    """A database with a large library and several small ones."""
    await cleaner.execute(f"CREATE DATABASE {NAME} TEMPLATE {template} OWNER afterglow_owner")
    filler = await asyncpg.connect(postgres.dsn(SUPERUSER, NAME))
    await filler.execute(FILL)
    await filler.execute("VACUUM ANALYZE")
    await filler.close()
    opened = await Database.connect(
        postgres.dsn(APP_ROLE, NAME), enqueue=enqueue, subscribers={}, max_connections=2, application_name="test-plans"
    )
    yield opened
    await opened.close()
    await cleaner.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def photo(number: int) -> PhotoId:
    return PhotoId(UUID(f"{1_000_000 + number:032}"))


def moment(number: int) -> datetime:
    return datetime(2014, 1, 1) + number * timedelta(minutes=50)


async def some_checksums(tx: Tx) -> list[Checksum]:
    rows = await tx.fetch("SELECT checksum FROM photo_files WHERE owner_id = $1 LIMIT 100", OWNER)
    return [Checksum(row["checksum"]) for row in rows]


def listing(**which: object) -> Callable[[Tx], Awaitable[object]]:
    return lambda tx: photos.list_photos(tx, OWNER, PhotoFilter(**which), None, PAGE)


JUNE, JULY = date(2016, 6, 1), date(2016, 7, 1)
AFTER = (moment(50_000), photo(50_000))
SOME = {photo(number): OWNER for number in range(1, PAGE)}
# Those that run: see FILL.
ENDS = [
    GoodEnd(Run(RunId(photo(number)), photo(number), OWNER, "derive", 1, 1, 0)) for number in range(1, 40_000, 4_000)
]


@dataclass(frozen=True)
class Case:
    """A query of the product, and how many rows it may touch; what it has to find in the index."""

    work: Callable[[Tx], Awaitable[object]]
    most_rows: int
    index: str
    condition: str = ""


# A row of a list is the photo, its file, its location, and the file again for the location's policy.
LIST = 5 * (PAGE + 1)
QUERIES: Mapping[str, Case] = {
    "months": Case(lambda tx: timeline.list_months(tx, OWNER), 4_000, "timeline_days_pkey", "owner_id"),
    "version of a month": Case(
        lambda tx: timeline.find_version(tx, OWNER, JUNE, JULY), 31, "timeline_days_pkey", "day"
    ),
    "a month": Case(lambda tx: timeline.get_month(tx, OWNER, JUNE), 931, "photos_timeline", "taken_local"),
    # Of the index alone: no row of the table is touched.
    "layout of months": Case(
        lambda tx: timeline.read_ratios(tx, OWNER, [MonthCount(JUNE, 1, 1), MonthCount(JULY, 1, 1)]), 0,
        "photos_timeline", "taken_local",
    ),
    "layout that is kept": Case(
        lambda tx: timeline.list_kept_ratios(tx, OWNER), 115, "timeline_ratios_pkey", "owner_id"
    ),
    "days that are counted wrong": Case(
        lambda tx: timeline.list_miscounted_days(tx, OWNER), 4_000, "photos_timeline", "owner_id"
    ),
    "days to be counted again": Case(
        lambda tx: timeline.lock_days(tx, OWNER, [JUNE, JULY]), 4, "timeline_days_pkey", "day"
    ),
    "changes after a position": Case(
        lambda tx: changes.list_changes(tx, OWNER, Position(1, 33, 301), PAGE), PAGE + 1, "changes_pkey", "xid"
    ),
    "a walk over photos": Case(
        lambda tx: photos.list_ids_after(tx, OWNER, photo(50_000), PAGE), PAGE + 1, "photos_walk", "id"
    ),
    "photos": Case(listing(), LIST, "photos_timeline", "owner_id"),
    "photos after a cursor": Case(
        lambda tx: photos.list_photos(tx, OWNER, PhotoFilter(), AFTER, PAGE), LIST, "photos_timeline", "taken_local"
    ),
    "photos between two moments": Case(
        listing(taken_from=moment(60_000), taken_to=moment(60_500)), LIST, "photos_timeline", "taken_local"
    ),
    "photos that failed": Case(listing(status=PhotoStatus.FAILED), LIST, "photos_unfinished", "status"),
    "photos that are stored": Case(listing(status=PhotoStatus.STORED), LIST, "photos_timeline", "owner_id"),
    "favourites": Case(listing(favorite=True), LIST, "photos_favorite", "owner_id"),
    "photos that are no favourites": Case(listing(favorite=False), LIST, "photos_timeline", "owner_id"),
    "archived": Case(listing(archived=True), LIST, "photos_archived", "owner_id"),
    "videos": Case(listing(kind="video"), LIST, "photos_videos", "owner_id"),
    "stills": Case(listing(kind="photo"), LIST, "photos_timeline", "owner_id"),
    "the trash": Case(lambda tx: photos.list_trash(tx, OWNER, None, PAGE), LIST, "photos_trash", "owner_id"),
    "the trash after a cursor": Case(
        lambda tx: photos.list_trash(tx, OWNER, (datetime.now(UTC), photo(50_000)), PAGE), LIST, "photos_trash",
        "deleted_at",
    ),
    "the trash, to be emptied": Case(
        lambda tx: photos.list_trashed_before(tx, OWNER, datetime.now(UTC), PAGE), PAGE, "photos_trash", "deleted_at"
    ),
    "tombstones": Case(
        lambda tx: photos.list_tombstones(tx, OWNER, None, PAGE), PAGE, "tombstones_newest", "owner_id"
    ),
    "tombstones after a cursor": Case(
        lambda tx: photos.list_tombstones(tx, OWNER, (moment(50_000).replace(tzinfo=UTC), Checksum.of(b"")), PAGE),
        PAGE, "tombstones_newest", "created_at",
    ),
    "a photo, for its thumbnail": Case(lambda tx: photos.find_photo(tx, OWNER, photo(77)), 5, "photos_pkey", "id"),
    "a photo's status": Case(lambda tx: photos.lock_status(tx, OWNER, photo(77)), 2, "photos_pkey", "id"),
    "steps of a page": Case(
        lambda tx: steps.list_steps(tx, OWNER, [photo(n) for n in range(1, PAGE)]), PAGE, "steps_pkey", "photo_id"
    ),
    "photos of runs": Case(lambda tx: photos.find_photos(tx, SOME), LIST, "photos_pkey", "id"),
    "statuses of photos whose runs end": Case(
        lambda tx: pipeline.lock_statuses(tx, SOME), 2 * PAGE, "photos_pkey", "id"
    ),
    "steps of photos whose runs end": Case(lambda tx: steps.list_steps_of(tx, SOME), PAGE, "steps_pkey", "photo_id"),
    "files of chosen photos": Case(
        lambda tx: downloads.list_files(tx, OWNER, [photo(n) for n in range(1, PAGE)]), 2 * PAGE, "photo_files_photo",
        "photo_id",
    ),
}  # fmt: skip
ALL_STATES = [StepState.WAITING, StepState.RUNNING, StepState.FAILED, StepState.DONE]
LATEST = Mark(datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1), "")
# These run in the reviewed functions, whose plans nobody sees from outside: their rows are counted.
FUNCTIONS: Mapping[str, tuple[Callable[[Tx], Awaitable[object]], int, bool]] = {
    "due steps": (lambda tx: steps.list_due(tx, "derive", 20), 70, True),
    "due steps, all there are": (lambda tx: steps.list_due(tx, "derive", 1_000), 600, True),
    "due steps, none of this kind": (lambda tx: steps.list_due(tx, "sidecar", 20), 0, False),
    "a start": (lambda tx: steps.claim_steps(tx, "derive", 1, "test", [photo(3)], "host:1", LEASE), 4, True),
    "a start that finds nothing due": (
        lambda tx: steps.claim_steps(tx, "derive", 1, "test", [photo(5)], "host:1", LEASE), 4, False
    ),
    # The row by three ways, each also by what an update of another test left of it when it was rolled back.
    "a lease": (lambda tx: steps.renew_leases(tx, [RunId(photo(1))], LEASE), 6, True),
    "stale steps": (lambda tx: pipeline.list_stale(tx, "derive", 2, 5, 50), 50, True),
    "stale steps while the window is full": (lambda tx: pipeline.list_stale(tx, "derive", 2, 10, 50), 50, False),
    "stale steps, none": (lambda tx: pipeline.list_stale(tx, "derive", 1, 5, 50), 0, False),
    # Of each state, step and priority a page; and what runs.
    "jobs of everybody": (lambda tx: list_jobs(tx, ALL_STATES, LATEST), 3 * PAGE + 70, True),
    "jobs of everybody after a cursor": (
        lambda tx: list_jobs(tx, ALL_STATES, Mark(datetime.now(UTC), photo(50_000), "derive")), 3 * PAGE + 70, True
    ),
    "jobs that wait": (lambda tx: list_jobs(tx, [StepState.WAITING], LATEST), 2 * PAGE + 10, True),
    "jobs that failed, none": (lambda tx: list_jobs(tx, [StepState.FAILED], LATEST), 0, False),
    "a job by its run": (lambda tx: jobs.find_job(tx, RunId(photo(1)), []), 1, True),
    "a job that never ran": (lambda tx: jobs.find_job(tx, RunId(UUID(int=7)), [(photo(5), "derive")]), 1, True),
    "what has been in the trash for too long": (
        lambda tx: photos.list_expired(tx, datetime.now(UTC) + timedelta(hours=1), PAGE), PAGE, True
    ),
    "what has been in the trash for too long, nothing": (
        lambda tx: photos.list_expired(tx, datetime(2020, 1, 1, tzinfo=UTC), PAGE), 0, False
    ),
    "purges that are due": (lambda tx: photos.list_due(tx, 1_000), 300, True),
    "an original that somebody uses": (
        lambda tx: photos.forget_original(tx, Checksum(hashlib.sha256(b"1-77").digest()), "home"), 1, False
    ),
    "objects without a row": (
        lambda tx: photos.list_unknown_objects(tx, "home", [Checksum.of(b"new").hex(), "other"]), 2, True
    ),
}  # fmt: skip


def list_jobs(tx: Tx, states: Sequence[StepState], after: Mark) -> Awaitable[object]:
    return jobs.list_jobs(tx, states, None, None, datetime(2020, 1, 1, tzinfo=UTC), after, PAGE)


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_of(child)


def literal(value: object) -> str:
    """A value as it stands in SQL; there is no other way to hand values to EXECUTE."""
    if isinstance(value, list):
        inner = ",".join('"' + literal(item).strip("'").replace("\\", "\\\\") + '"' for item in value)
        return f"'{{{inner}}}'"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    return str(value) if isinstance(value, int) else f"'{value}'"


async def plan_of(tx: Tx, sql: str, args: tuple[object, ...], mode: str) -> list[dict[str, Any]]:
    """Return the nodes of the plan that a prepared statement gets, with its values in view or for any values."""
    await tx.execute(f"SET LOCAL plan_cache_mode = {mode}")
    await tx.execute(f"PREPARE planned AS {sql}")
    values = ", ".join(literal(value) for value in args)
    plan = await tx.fetch_value(f"EXPLAIN (FORMAT JSON) EXECUTE planned ({values})")
    await tx.execute("DEALLOCATE planned")
    return list(nodes_of(json.loads(plan)[0]["Plan"]))


async def count_rows(tx: Tx) -> int:
    """Return how many rows of big tables this session has touched so far, by index or without one.

    The figures are the session's own, not yet handed over to the server's statistics, which happens between
    transactions.
    """
    sql = """
        SELECT sum(seq_tup_read + COALESCE(idx_tup_fetch, 0))::bigint FROM pg_stat_xact_user_tables
        WHERE schemaname = 'afterglow' AND relname = ANY ($1)
    """
    return int(await tx.fetch_value(sql, BIG))


def require_index(nodes: list[dict[str, Any]], case: Case) -> None:
    scans = {node["Relation Name"]: node["Node Type"] for node in nodes if "Relation Name" in node}
    assert not [table for table, kind in scans.items() if kind == "Seq Scan" and table in BIG]
    conditions = [node.get("Index Cond", "") for node in nodes if node.get("Index Name") == case.index]
    assert conditions, f"{case.index} is not used: {[node.get('Index Name') for node in nodes]}"
    assert any(case.condition in condition for condition in conditions), conditions


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_finds_its_rows_by_its_index(library: Database, name: str, mode: str) -> None:
    case = QUERIES[name]
    async with library.transaction([OWNER]) as tx:
        recorder = Recorder(tx)
        await case.work(recorder)
        ((sql, args),) = recorder.queries
        require_index(await plan_of(tx, sql, args, mode), case)


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_touches_no_more_rows_than_it_shows(library: Database, name: str) -> None:
    case = QUERIES[name]
    async with library.transaction([OWNER]) as tx:
        before = await count_rows(tx)
        assert await case.work(tx)
        assert await count_rows(tx) - before <= case.most_rows


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_receipts_are_found_by_their_checksums(library: Database, mode: str) -> None:
    async with library.transaction([OWNER]) as tx:
        checksums = await some_checksums(tx)
        recorder, before = Recorder(tx), await count_rows(tx)
        assert len(await photos.find_known(recorder, OWNER, checksums)) == len(checksums)
        assert await count_rows(tx) - before <= 5 * len(checksums)
        ((sql, args),) = recorder.queries
        nodes = await plan_of(tx, sql, args, mode)
        # One is by owner and checksum, the other by checksum and owner: equally good.
        used = {node.get("Index Name") for node in nodes if "checksum" in node.get("Index Cond", "")}
        assert used & {"photo_files_checksum", "photo_files_original"}
        assert [node for node in nodes if node["Node Type"] == "Seq Scan" and node["Relation Name"] in BIG] == []


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_runs_that_end_are_found_by_their_photos(library: Database, mode: str) -> None:
    case = Case(lambda tx: steps.finish_runs(tx, ENDS), 5 * len(ENDS), "steps_pkey", "photo_id")
    async with library.transaction([OWNER]) as tx:
        await tx.execute("SAVEPOINT untouched")
        recorder, before = Recorder(tx), await count_rows(tx)
        assert len(await case.work(recorder)) == len(ENDS)
        assert await count_rows(tx) - before <= case.most_rows
        ((sql, args),) = recorder.queries
        require_index(await plan_of(tx, sql, args, mode), case)
        await tx.execute("ROLLBACK TO untouched")


@pytest.mark.parametrize("name", FUNCTIONS)
async def test_a_function_that_looks_across_owners_touches_no_more_rows_than_it_gives(
    library: Database, name: str
) -> None:
    work, most_rows, finds = FUNCTIONS[name]
    async with library.transaction([]) as tx:
        before = await count_rows(tx)
        found = await work(tx)
        assert await count_rows(tx) - before <= most_rows
        assert bool(found) == finds


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
async def test_days_are_counted_again_by_the_index_of_their_photos(library: Database, mode: str) -> None:
    days = [JUNE + timedelta(days=number) for number in range(30)]
    async with library.transaction([OWNER]) as tx:
        await tx.execute("UPDATE timeline_days SET count = 0 WHERE owner_id = $1 AND day = ANY ($2)", OWNER, days)
        recorder, before = Recorder(tx), await count_rows(tx)
        assert len(await timeline.recount_days(recorder, OWNER, dict.fromkeys(days, 0))) == len(days)
        # Those days with their photos, and no others.
        assert await count_rows(tx) - before <= 931
        ((sql, args),) = recorder.queries
        case = Case(lambda tx: timeline.list_months(tx, OWNER), 0, "photos_timeline", "taken_local")
        require_index(await plan_of(tx, sql, args, mode), case)


async def test_due_steps_are_found_among_very_many_that_wait_for_later(library: Database) -> None:
    async with library.transaction([]) as tx:
        due = await steps.list_due(tx, "derive", 1_000)
    assert [step.priority for step in due] == sorted(step.priority for step in due)
    assert {step.priority for step in due} == {0, 10}


async def test_the_rows_are_as_many_as_the_tests_believe(library: Database) -> None:
    async with library.transaction([OWNER], read_only=True) as tx:
        assert await tx.fetch_value("SELECT count(*) FROM photos") == PHOTOS
        columns = await timeline.get_month(tx, OWNER, JUNE)
        assert len(columns.ids.split(",")) > 800
        assert all(moment.startswith('"2016-06-') for moment in columns.taken_local.split(","))
        assert (await photos.list_photos(tx, OWNER, PhotoFilter(kind="video"), None, 5))[0].kind == "video"
