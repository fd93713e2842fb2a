"""Runs in the database: the photo's status follows from them, and their results are committed with their ends."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from afterglow.features.photos import service as photos
from afterglow.features.photos.errors import PhotoNotFoundError
from afterglow.features.photos.models import Derived, PhotoStatus
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import (
    BACKFILL_PRIORITY,
    DEFINITIONS,
    DERIVE,
    FORMAT_UNSUPPORTED,
    METADATA,
    OFFLOAD,
    SIDECAR,
    PhotoFacts,
    StepDefinition,
    status_of,
)
from afterglow.features.pipeline.service import Completion
from afterglow.features.pipeline.tasks import PlanStale, WakeDue
from afterglow.features.steps import service as steps
from afterglow.features.steps.errors import RunLostError, StepNotRetryableError
from afterglow.features.steps.models import Run
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.errors import CorruptError, UnavailableError
from afterglow.kernel.ids import PhotoId, RunId, UserId
from factories.rows import LONG_AGO, add_photo, add_step, add_user, get_status, get_step

LEASE = timedelta(seconds=30)
NEW = PhotoFacts(is_derivable=True, is_metadata_read=True, is_stored=True)
DERIVED = Derived(40, 30, b"\1" * 20, b"\2" * 8, None, 1)


@pytest.fixture
async def ana_id(as_owner: asyncpg.Connection) -> UserId:
    return await add_user(as_owner)


async def ingest(
    database: Database, as_owner: asyncpg.Connection, owner_id: UserId, facts: PhotoFacts = NEW
) -> PhotoId:
    """A photo as ingest leaves it."""
    photo_id = await add_photo(as_owner, owner_id, status="INGESTED", width=None, height=None)
    await database.run([owner_id], lambda tx: pipeline.plan_photo(tx, owner_id, photo_id, facts))
    return photo_id


@pytest.fixture
async def photo_id(database: Database, as_owner: asyncpg.Connection, ana_id: UserId) -> PhotoId:
    return await ingest(database, as_owner, ana_id)


async def start(database: Database, definition: StepDefinition, *photo_ids: PhotoId) -> list[Run]:
    return await database.run([], lambda tx: pipeline.start_runs(tx, definition, photo_ids, "host:1", LEASE))


async def start_one(database: Database, photo_id: PhotoId, definition: StepDefinition = DERIVE) -> Run:
    (run,) = await start(database, definition, photo_id)
    return run


async def complete(database: Database, run: Run, completion: Completion | None = None) -> None:
    await database.run([run.owner_id], lambda tx: pipeline.complete_run(tx, run, completion or Completion()))


async def fail(database: Database, run: Run, error: BaseException) -> None:
    await database.run([run.owner_id], lambda tx: pipeline.fail_run(tx, run, error, 3))


RESULT = Completion(derived=DERIVED, wakes=(SIDECAR,))


async def list_wakes(as_owner: asyncpg.Connection) -> list[tuple[str, bytes, int]]:
    return [tuple(row) for row in await as_owner.fetch("SELECT entrypoint, payload, priority FROM pgqueuer ORDER BY 1")]


async def follows_from_its_steps(database: Database, owner_id: UserId, photo_id: PhotoId) -> bool:
    known = await database.run([owner_id], lambda tx: steps.list_steps(tx, owner_id, [photo_id]))
    status = await database.run([owner_id], lambda tx: photos.lock_status(tx, owner_id, photo_id))
    return status is status_of(known)


@pytest.mark.req("LIFE-1", "LIFE-2")
class TestStatusFollows:
    async def test_a_new_photo_is_ingested_and_its_waiting_steps_are_woken(
        self, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        assert await get_status(as_owner, photo_id) == "INGESTED"
        # The sidecar waits for the derivatives, so that it is written once.
        assert await list_wakes(as_owner) == [("derive", photo_id.bytes, 0)]
        due = "SELECT step FROM steps WHERE photo_id = $1 AND state = 'waiting' AND next_try_at <= now()"
        assert await as_owner.fetchval(due, photo_id) == "derive"

    async def test_a_format_that_has_no_derivatives_is_stored_at_once_and_says_why(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        photo_id = await ingest(database, as_owner, ana_id, replace(NEW, is_derivable=False))
        assert await get_status(as_owner, photo_id) == "STORED"
        assert (await get_step(as_owner, photo_id))["reason"] == FORMAT_UNSUPPORTED

    async def test_a_photo_is_processing_from_the_start_and_stored_with_its_result(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        run = await start_one(database, photo_id)
        assert await get_status(as_owner, photo_id) == "PROCESSING"
        await complete(database, run, RESULT)
        row = await as_owner.fetchrow("SELECT status, width, derive_version FROM photos WHERE id = $1", photo_id)
        assert tuple(row) == ("STORED", 40, 1)

    async def test_a_photo_whose_original_is_not_home_is_processed(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        photo_id = await ingest(database, as_owner, ana_id, replace(NEW, is_stored=False))
        await complete(database, await start_one(database, photo_id))
        assert await get_status(as_owner, photo_id) == "PROCESSED"
        await complete(database, await start_one(database, photo_id, OFFLOAD))
        assert await get_status(as_owner, photo_id) == "STORED"

    async def test_a_step_that_had_nothing_to_do_counts_as_over(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        run = await start_one(database, photo_id)
        await complete(database, run, Completion(skipped_because=FORMAT_UNSUPPORTED))
        assert await get_status(as_owner, photo_id) == "STORED"

    async def test_bad_content_makes_it_failed_and_a_persons_retry_brings_it_back(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, photo_id: PhotoId
    ) -> None:
        await fail(database, await start_one(database, photo_id), CorruptError())
        assert await get_status(as_owner, photo_id) == "FAILED"
        await database.run([ana_id], lambda tx: pipeline.retry_step(tx, ana_id, photo_id, DERIVE.name))
        assert await get_status(as_owner, photo_id) == "INGESTED"
        await complete(database, await start_one(database, photo_id))
        assert await get_status(as_owner, photo_id) == "STORED"
        with pytest.raises(StepNotRetryableError):
            await database.run([ana_id], lambda tx: pipeline.retry_step(tx, ana_id, photo_id, DERIVE.name))

    async def test_while_a_part_is_away_the_status_stays_and_the_feed_is_quiet(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        await fail(database, await start_one(database, photo_id), UnavailableError())
        before = await as_owner.fetchval("SELECT count(*) FROM changes")
        for _ in range(3):
            await as_owner.execute("UPDATE steps SET next_try_at = $1", LONG_AGO)
            await fail(database, await start_one(database, photo_id), UnavailableError())
        assert await get_status(as_owner, photo_id) == "PROCESSING"
        assert await as_owner.fetchval("SELECT count(*) FROM changes") == before

    async def test_a_sidecar_that_fails_changes_nothing(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        await as_owner.execute("UPDATE steps SET next_try_at = now()")
        await fail(database, await start_one(database, photo_id, SIDECAR), CorruptError())
        assert await get_status(as_owner, photo_id) == "INGESTED"
        await complete(database, await start_one(database, photo_id))
        assert await get_status(as_owner, photo_id) == "STORED"

    async def test_runs_of_several_owners_start_together(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        ben_id = await add_user(as_owner, "ben")
        photo_ids = [await ingest(database, as_owner, owner_id) for owner_id in (ana_id, ben_id, ana_id)]
        runs = await start(database, DERIVE, *photo_ids)
        assert sorted(run.photo_id for run in runs) == sorted(photo_ids)
        assert {await get_status(as_owner, photo_id) for photo_id in photo_ids} == {"PROCESSING"}

    async def test_derivatives_that_are_made_again_show_in_the_status(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, photo_id: PhotoId
    ) -> None:
        await complete(database, await start_one(database, photo_id))
        await database.run([ana_id], lambda tx: pipeline.wake_step(tx, ana_id, photo_id, DERIVE))
        assert await follows_from_its_steps(database, ana_id, photo_id)
        await complete(database, await start_one(database, photo_id))
        assert await get_status(as_owner, photo_id) == "STORED"


@pytest.mark.req("LIFE-4", "LIFE-5")
class TestEnds:
    async def test_the_result_of_a_lost_run_is_not_visible(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        lost = await start_one(database, photo_id)
        await as_owner.execute("UPDATE steps SET lease_until = $1", LONG_AGO)
        second = await start_one(database, photo_id)
        with pytest.raises(RunLostError):
            await complete(database, lost, RESULT)
        with pytest.raises(RunLostError):
            await fail(database, lost, CorruptError())
        row = await as_owner.fetchrow("SELECT status, width FROM photos WHERE id = $1", photo_id)
        assert tuple(row) == ("PROCESSING", None)
        await complete(database, second, RESULT)
        assert await get_status(as_owner, photo_id) == "STORED"

    async def test_a_result_that_cannot_be_written_leaves_the_step_running(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        async def apply(tx: Tx, status: PhotoStatus) -> None:
            await tx.execute("UPDATE photos SET width = -1 WHERE id = $1", photo_id)

        run = await start_one(database, photo_id)
        with pytest.raises(asyncpg.CheckViolationError):
            await complete(database, run, Completion(apply))
        assert (await get_step(as_owner, photo_id))["state"] == "running"

    async def test_a_result_wakes_the_steps_whose_input_it_is(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        await as_owner.execute("UPDATE steps SET next_try_at = now()")
        await complete(database, await start_one(database, photo_id, SIDECAR))
        run = await start_one(database, photo_id)
        await as_owner.execute("DELETE FROM pgqueuer")
        await complete(database, run, RESULT)
        assert (await get_step(as_owner, photo_id, "sidecar"))["state"] == "waiting"
        assert await list_wakes(as_owner) == [("sidecar", photo_id.bytes, 0)]

    @pytest.mark.parametrize("end", [Completion, CorruptError])
    async def test_a_photo_deleted_while_its_step_ran_is_not_found(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId, end: type[Completion | CorruptError]
    ) -> None:
        run = await start_one(database, photo_id)
        await as_owner.execute("DELETE FROM photos WHERE id = $1", photo_id)
        result = end()
        with pytest.raises(PhotoNotFoundError):
            await (complete if isinstance(result, Completion) else fail)(database, run, result)

    async def test_two_steps_of_one_photo_that_end_together_agree_on_its_status(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        for _ in range(5):
            photo_id = await ingest(database, as_owner, ana_id, PhotoFacts(True, False, False))
            runs = [await start_one(database, photo_id, definition) for definition in (METADATA, DERIVE, OFFLOAD)]
            await asyncio.gather(*(complete(database, run) for run in runs))
            assert await get_status(as_owner, photo_id) == "STORED"


async def complete_all(
    database: Database, *ends: tuple[Run, Completion]
) -> dict[RunId, RunLostError | PhotoNotFoundError]:
    owners = sorted({run.owner_id for run, _ in ends})
    return await database.run(owners, lambda tx: pipeline.complete_runs(tx, ends))


@pytest.mark.req("LIFE-2", "LIFE-4", "LIFE-5")
class TestEndsTogether:
    async def test_a_step_that_was_asked_for_while_it_ran_is_woken_at_its_end(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, photo_id: PhotoId
    ) -> None:
        run = await start_one(database, photo_id)
        await database.run([ana_id], lambda tx: pipeline.wake_step(tx, ana_id, photo_id, DERIVE))
        await as_owner.execute("DELETE FROM pgqueuer")
        await complete_all(database, (run, RESULT))
        assert (await get_step(as_owner, photo_id))["state"] == "waiting"
        assert await list_wakes(as_owner) == [("derive", photo_id.bytes, 0), ("sidecar", photo_id.bytes, 0)]
        assert await get_status(as_owner, photo_id) == "INGESTED"

    async def test_runs_of_several_owners_end_together_each_with_its_own_result(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        ben_id = await add_user(as_owner, "ben")
        photo_ids = [await ingest(database, as_owner, owner_id) for owner_id in (ana_id, ben_id, ana_id)]
        runs = await start(database, DERIVE, *photo_ids)
        await as_owner.execute("DELETE FROM pgqueuer")
        results = {
            run.run_id: replace(RESULT, derived=replace(DERIVED, width=10 + index)) for index, run in enumerate(runs)
        }
        assert await complete_all(database, *((run, results[run.run_id]) for run in runs)) == {}
        for run in runs:
            row = await as_owner.fetchrow("SELECT status, width, height FROM photos WHERE id = $1", run.photo_id)
            assert tuple(row) == ("STORED", results[run.run_id].derived.width, DERIVED.height)
        assert sorted(await list_wakes(as_owner)) == sorted(("sidecar", each.bytes, 0) for each in photo_ids)

    async def test_what_is_lost_or_gone_does_not_keep_the_others(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        kept, lost, gone = [await ingest(database, as_owner, ana_id) for _ in range(3)]
        runs = {run.photo_id: run for run in await start(database, DERIVE, kept, lost, gone)}
        await as_owner.execute("UPDATE steps SET lease_until = $1 WHERE photo_id = $2", LONG_AGO, lost)
        await start_one(database, lost)
        await as_owner.execute("DELETE FROM photos WHERE id = $1", gone)
        errors = await complete_all(database, *((run, RESULT) for run in runs.values()))
        assert {run_id: type(error) for run_id, error in errors.items()} == {
            runs[lost].run_id: RunLostError,
            runs[gone].run_id: PhotoNotFoundError,
        }
        assert await get_status(as_owner, kept) == "STORED"
        row = await as_owner.fetchrow("SELECT status, width FROM photos WHERE id = $1", lost)
        assert tuple(row) == ("PROCESSING", None)

    async def test_steps_of_one_photo_that_end_together_wake_what_follows_once(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        photo_id = await ingest(database, as_owner, ana_id, PhotoFacts(True, False, False))
        metadata, derive, offload = [
            await start_one(database, photo_id, definition) for definition in (METADATA, DERIVE, OFFLOAD)
        ]
        await as_owner.execute("DELETE FROM pgqueuer")
        read = Completion(wakes=(SIDECAR,))
        assert await complete_all(database, (metadata, read), (derive, RESULT), (offload, Completion())) == {}
        row = await as_owner.fetchrow("SELECT status, width FROM photos WHERE id = $1", photo_id)
        assert tuple(row) == ("STORED", 40)
        assert await list_wakes(as_owner) == [("sidecar", photo_id.bytes, 0)]

    async def test_what_the_pixels_told_stays_where_a_neighbour_did_nothing(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        photo_ids = [await ingest(database, as_owner, ana_id) for _ in range(2)]
        await complete_all(database, *((run, RESULT) for run in await start(database, DERIVE, *photo_ids)))
        for photo_id in photo_ids:
            await database.run([ana_id], lambda tx, each=photo_id: pipeline.wake_step(tx, ana_id, each, DERIVE))
        damaged = Completion(derived=replace(DERIVED, width=7, damaged="cut off"))
        first, second = await start(database, DERIVE, *photo_ids)
        await complete_all(database, (first, damaged), (second, Completion(skipped_because=FORMAT_UNSUPPORTED)))
        columns = (
            "SELECT width, height, placeholder, perceptual_hash, damaged, derive_version FROM photos WHERE id = $1"
        )
        assert tuple(await as_owner.fetchrow(columns, first.photo_id)) == (
            7, 30, DERIVED.placeholder, DERIVED.perceptual_hash, "cut off", 1,
        )  # fmt: skip
        assert tuple(await as_owner.fetchrow(columns, second.photo_id)) == (
            40, 30, DERIVED.placeholder, DERIVED.perceptual_hash, None, 1,
        )  # fmt: skip

    async def test_a_batch_that_cannot_be_written_leaves_all_its_steps_running(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        photo_ids = [await ingest(database, as_owner, ana_id) for _ in range(2)]
        good, bad = await start(database, DERIVE, *photo_ids)
        broken = Completion(derived=replace(DERIVED, width=-1))
        with pytest.raises(asyncpg.CheckViolationError):
            await complete_all(database, (good, RESULT), (bad, broken))
        assert {(await get_step(as_owner, each))["state"] for each in photo_ids} == {"running"}


@pytest.mark.req("LIFE-5", "P-4")
class TestReconciler:
    async def test_it_wakes_what_a_lost_queue_forgot(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId, ana_id: UserId
    ) -> None:
        crashed = await ingest(database, as_owner, ana_id)
        await start_one(database, crashed)
        await as_owner.execute("UPDATE steps SET lease_until = $1 WHERE photo_id = $2", LONG_AGO, crashed)
        await as_owner.execute("UPDATE steps SET next_try_at = now()")
        await as_owner.execute("TRUNCATE pgqueuer, pgqueuer_log")
        await WakeDue(database)()
        expected = {(name, each.bytes, 0) for name in ("derive", "sidecar") for each in (photo_id, crashed)}
        assert set(await list_wakes(as_owner)) == expected

    async def test_it_wakes_nobody_twice_and_nothing_that_is_not_due(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        await start_one(database, photo_id)
        await as_owner.execute("DELETE FROM pgqueuer")
        await WakeDue(database)()
        assert await list_wakes(as_owner) == []
        await as_owner.execute("UPDATE steps SET next_try_at = now()")
        for _ in range(2):
            await WakeDue(database)()
        assert await list_wakes(as_owner) == [("sidecar", photo_id.bytes, 0)]


@pytest.mark.req("LIFE-2")
class TestVersionBump:
    @pytest.fixture
    def newer(self, monkeypatch: pytest.MonkeyPatch) -> StepDefinition:
        """The derive step of a later release."""
        definition = replace(DERIVE, version=2, algorithm="better")
        definitions: Mapping[str, StepDefinition] = {**DEFINITIONS, definition.name: definition}
        for module in ("rules", "service"):
            monkeypatch.setattr(f"afterglow.features.pipeline.{module}.DEFINITIONS", definitions)
        return definition

    async def test_only_what_is_stale_is_planned_anew_behind_new_photos(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, newer: StepDefinition
    ) -> None:
        stale, fresh = [await add_photo(as_owner, ana_id) for _ in range(2)]
        for photo_id, version in ((stale, 1), (fresh, 2)):
            for name in ("metadata", "sidecar", "offload"):
                await add_step(as_owner, ana_id, photo_id, name, state="done")
            await add_step(as_owner, ana_id, photo_id, "derive", state="done", version=version)
        await PlanStale(database)()
        assert await list_wakes(as_owner) == [("derive", stale.bytes, -BACKFILL_PRIORITY)]
        row = await get_step(as_owner, stale)
        assert (row["state"], row["version"], row["algorithm"]) == ("waiting", 2, "better")
        assert await follows_from_its_steps(database, ana_id, stale)
        assert await get_status(as_owner, fresh) == "STORED"
        run = await start_one(database, stale, newer)
        await complete(database, run)
        assert (run.version, await get_status(as_owner, stale)) == (2, "STORED")

    async def test_a_failed_step_gets_its_chance_with_the_new_version(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, newer: StepDefinition
    ) -> None:
        photo_id = await add_photo(as_owner, ana_id, status="FAILED")
        await add_step(as_owner, ana_id, photo_id, "derive", state="failed", attempts=3)
        await PlanStale(database)()
        assert (await start_one(database, photo_id, newer)).attempts == 1

    @pytest.mark.req("P-9")
    async def test_no_more_wait_than_fill_the_window(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, newer: StepDefinition,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr("afterglow.features.pipeline.tasks._STALE_WINDOW", 3)
        photo_ids = sorted([await add_photo(as_owner, ana_id) for _ in range(5)])
        for photo_id in photo_ids:
            await add_step(as_owner, ana_id, photo_id, "derive", state="done")

        async def list_waiting() -> list[PhotoId]:
            rows = await as_owner.fetch("SELECT photo_id FROM steps WHERE state = 'waiting' ORDER BY photo_id")
            return [row["photo_id"] for row in rows]

        for _ in range(2):
            await PlanStale(database)()
            assert await list_waiting() == photo_ids[:3]
        await complete(database, await start_one(database, photo_ids[0], newer))
        await PlanStale(database)()
        assert await list_waiting() == photo_ids[1:4]

    async def test_what_was_planned_or_deleted_meanwhile_is_left_alone(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, newer: StepDefinition
    ) -> None:
        photo_id = await add_photo(as_owner, ana_id)
        await add_step(as_owner, ana_id, photo_id, "derive", state="done")

        async def plan() -> bool:
            return await database.run([ana_id], lambda tx: pipeline.plan_stale(tx, newer, ana_id, photo_id))

        assert await plan()
        await start_one(database, photo_id, newer)
        assert not await plan()
        assert not (await get_step(as_owner, photo_id))["again"]
        await as_owner.execute("DELETE FROM photos")
        with pytest.raises(PhotoNotFoundError):
            await plan()
