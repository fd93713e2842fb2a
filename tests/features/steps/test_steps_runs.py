"""Runs of steps in the database: one at a time, counted when they start, and ended by their holder alone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import asyncpg
import pytest

from afterglow.features.steps import service as steps
from afterglow.features.steps.errors import RunLostError, StepNotFoundError, StepNotRetryableError
from afterglow.features.steps.models import Due, GoodEnd, NewStep, Run, StepState
from afterglow.features.steps.rules import BACKOFF_BASE, UNAVAILABLE_CAP
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.errors import CorruptError, UnavailableError
from afterglow.kernel.ids import PhotoId, RunId, UserId, new_id
from factories.rows import LONG_AGO, add_photo, add_step, add_user, get_step
from factories.waiting import until

LEASE = timedelta(seconds=30)
MAX_ATTEMPTS = 3
STEP = "derive"


@pytest.fixture
async def ana_id(as_owner: asyncpg.Connection) -> UserId:
    return await add_user(as_owner)


@pytest.fixture
async def photo_id(as_owner: asyncpg.Connection, ana_id: UserId) -> PhotoId:
    """A photo without steps."""
    return await add_photo(as_owner, ana_id, status="INGESTED")


@pytest.fixture
async def due_id(as_owner: asyncpg.Connection, ana_id: UserId, photo_id: PhotoId) -> PhotoId:
    """A photo whose step is due."""
    await add_step(as_owner, ana_id, photo_id, STEP)
    return photo_id


async def start(database: Database, *photo_ids: PhotoId, version: int = 1, worker: str = "host:1") -> list[Run]:
    return await database.run(
        [], lambda tx: steps.start_runs(tx, STEP, version, f"algorithm-{version}", photo_ids, worker, LEASE)
    )


async def start_one(database: Database, photo_id: PhotoId, **how: object) -> Run:
    (run,) = await start(database, photo_id, **how)
    return run


async def finish(database: Database, run: Run, skipped_because: str | None = None) -> None:
    await database.run([run.owner_id], lambda tx: steps.finish(tx, run, skipped_because=skipped_because))


async def fail(database: Database, run: Run, error: BaseException) -> None:
    await database.run([run.owner_id], lambda tx: steps.fail(tx, run, error, MAX_ATTEMPTS))


async def plan(database: Database, owner_id: UserId, photo_id: PhotoId, **values: object) -> None:
    new = NewStep(STEP, **({"version": 1, "algorithm": "test", "state": StepState.WAITING} | values))
    await database.run([owner_id], lambda tx: steps.plan_steps(tx, owner_id, photo_id, [new]))


async def make_due(as_owner: asyncpg.Connection, photo_id: PhotoId) -> None:
    """Let the time pass until the step is due, or its lease is over."""
    await as_owner.execute(
        "UPDATE steps SET next_try_at = $2, lease_until = $2 WHERE photo_id = $1", photo_id, LONG_AGO
    )


async def list_due(database: Database, limit: int = 100) -> list[Due]:
    return await database.run([], lambda tx: steps.list_due(tx, STEP, limit))


class TestStart:
    @pytest.mark.req("LIFE-5")
    async def test_of_many_that_start_a_step_at_once_one_gets_the_run(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        photo_ids = [await add_photo(as_owner, ana_id) for _ in range(3)]
        for photo_id in photo_ids:
            await add_step(as_owner, ana_id, photo_id, STEP)
        answers = await asyncio.gather(*(start(database, *photo_ids, worker=f"host:{n}") for n in range(40)))
        runs = [run for answer in answers for run in answer]
        assert sorted(run.photo_id for run in runs) == sorted(photo_ids)
        assert len({run.run_id for run in runs}) == 3

    @pytest.mark.req("LIFE-5")
    async def test_who_comes_while_another_start_is_under_way_neither_waits_for_it_nor_gets_the_run(
        self, database: Database, due_id: PhotoId
    ) -> None:
        async with database.transaction([]) as tx:
            assert len(await steps.start_runs(tx, STEP, 1, "test", [due_id], "host:1", LEASE)) == 1
            assert await start(database, due_id) == []
        assert await start(database, due_id) == []

    async def test_the_start_counts_the_attempt_and_names_the_worker(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId, ana_id: UserId
    ) -> None:
        run = await start_one(database, due_id, worker="pi:42")
        row = await get_step(as_owner, due_id)
        assert (row["state"], row["attempts"], row["worker"], row["run_id"]) == ("running", 1, "pi:42", run.run_id)
        assert (run.owner_id, run.attempts, run.step) == (ana_id, 1, STEP)
        assert row["lease_until"] > row["started_at"]

    async def test_a_step_that_is_not_due_does_not_start(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        await as_owner.execute("UPDATE steps SET next_try_at = now() + interval '1 h'")
        assert await start(database, due_id) == []

    @pytest.mark.parametrize("state", ["done", "failed", "skipped"])
    async def test_a_step_that_is_over_does_not_start(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, photo_id: PhotoId, state: str
    ) -> None:
        await add_step(as_owner, ana_id, photo_id, STEP, state=state)
        assert await start(database, photo_id) == []

    async def test_a_photo_without_the_step_starts_nothing(self, database: Database, photo_id: PhotoId) -> None:
        assert await start(database, photo_id, PhotoId(new_id())) == []

    @pytest.mark.req("LIFE-5")
    async def test_a_run_whose_lease_has_passed_is_taken_over(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        first = await start_one(database, due_id)
        assert await start(database, due_id) == []
        await make_due(as_owner, due_id)
        second = await start_one(database, due_id)
        assert second.run_id != first.run_id
        assert (second.attempts, first.attempts) == (2, 1)

    @pytest.mark.req("LIFE-2")
    async def test_a_step_runs_as_the_version_of_the_worker_that_runs_it(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        run = await start_one(database, due_id, version=3)
        row = await get_step(as_owner, due_id)
        assert (run.version, row["version"], row["algorithm"]) == (3, 3, "algorithm-3")

    @pytest.mark.req("LIFE-2")
    async def test_what_a_newer_version_has_planned_waits_for_a_worker_that_knows_it(
        self, database: Database, ana_id: UserId, photo_id: PhotoId
    ) -> None:
        await plan(database, ana_id, photo_id, version=2)
        assert await start(database, photo_id, version=1) == []
        assert len(await start(database, photo_id, version=2)) == 1


class TestLeases:
    @pytest.mark.req("LIFE-5")
    async def test_a_renewed_lease_keeps_others_away(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        run = await start_one(database, due_id)
        await make_due(as_owner, due_id)
        kept = await database.run([], lambda tx: steps.renew_leases(tx, [run.run_id], LEASE))
        assert kept == {run.run_id}
        assert await start(database, due_id) == []

    async def test_a_run_that_was_taken_over_or_has_ended_is_not_renewed(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        lost = await start_one(database, due_id)
        await make_due(as_owner, due_id)
        second = await start_one(database, due_id)
        runs = [lost.run_id, second.run_id]
        assert await database.run([], lambda tx: steps.renew_leases(tx, runs, LEASE)) == {second.run_id}
        await finish(database, second)
        assert await database.run([], lambda tx: steps.renew_leases(tx, runs, LEASE)) == set()


class TestFinish:
    async def test_a_run_ends_as_done(self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId) -> None:
        await finish(database, await start_one(database, due_id))
        row = await get_step(as_owner, due_id)
        assert (row["state"], row["reason"], row["error"], row["lease_until"]) == ("done", None, None, None)
        assert row["finished_at"] is not None

    async def test_a_run_that_had_nothing_to_do_ends_as_skipped_with_a_reason(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        await finish(database, await start_one(database, due_id), "format.unsupported")
        row = await get_step(as_owner, due_id)
        assert (row["state"], row["reason"]) == ("skipped", "format.unsupported")

    @pytest.mark.req("LIFE-5")
    async def test_of_two_overlapping_runs_the_lost_one_commits_nothing(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId, ana_id: UserId
    ) -> None:
        lost = await start_one(database, due_id)
        await make_due(as_owner, due_id)
        second = await start_one(database, due_id)

        async def write_and_finish(tx: Tx) -> None:
            await tx.execute("UPDATE photos SET width = 1 WHERE id = $1", due_id)
            await steps.finish(tx, lost)

        with pytest.raises(RunLostError):
            await database.run([ana_id], write_and_finish)
        with pytest.raises(RunLostError):
            await fail(database, lost, ValueError("too late"))
        assert await as_owner.fetchval("SELECT width FROM photos WHERE id = $1", due_id) == 400
        assert (await get_step(as_owner, due_id))["state"] == "running"
        await finish(database, second)
        assert (await get_step(as_owner, due_id))["state"] == "done"

    async def test_a_run_ends_once(self, database: Database, due_id: PhotoId) -> None:
        run = await start_one(database, due_id)
        await finish(database, run)
        with pytest.raises(RunLostError):
            await finish(database, run)

    async def test_the_run_of_a_photo_that_was_deleted_is_lost(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        run = await start_one(database, due_id)
        await as_owner.execute("DELETE FROM photos WHERE id = $1", due_id)
        with pytest.raises(RunLostError):
            await finish(database, run)


class TestAgain:
    @pytest.mark.req("LIFE-4")
    async def test_a_step_asked_for_while_it_runs_runs_once_more(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId, ana_id: UserId
    ) -> None:
        run = await start_one(database, due_id)
        for _ in range(3):
            await plan(database, ana_id, due_id)
        assert (await get_step(as_owner, due_id))["state"] == "running"
        await finish(database, run)
        row = await get_step(as_owner, due_id)
        assert (row["state"], row["attempts"], row["again"]) == ("waiting", 0, False)
        await finish(database, await start_one(database, due_id))
        assert (await get_step(as_owner, due_id))["state"] == "done"
        assert await start(database, due_id) == []

    async def test_also_when_the_first_run_fails_for_good(
        self, database: Database, due_id: PhotoId, ana_id: UserId
    ) -> None:
        run = await start_one(database, due_id)
        await plan(database, ana_id, due_id)
        await fail(database, run, CorruptError("bad bytes"))
        assert (await start_one(database, due_id)).attempts == 1

    async def test_a_run_that_takes_over_knows_the_latest_input_and_runs_once(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId, ana_id: UserId
    ) -> None:
        await start_one(database, due_id)
        await plan(database, ana_id, due_id)
        await make_due(as_owner, due_id)
        await finish(database, await start_one(database, due_id))
        assert (await get_step(as_owner, due_id))["state"] == "done"

    @pytest.mark.parametrize("state", ["waiting", "done", "failed", "skipped"])
    async def test_a_step_that_does_not_run_is_put_back_with_fresh_attempts(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, photo_id: PhotoId, state: str
    ) -> None:
        await add_step(as_owner, ana_id, photo_id, STEP, state=state, attempts=3, waits=2, error="x", error_code="y")
        await plan(database, ana_id, photo_id)
        row = await get_step(as_owner, photo_id)
        assert (row["state"], row["attempts"], row["waits"]) == ("waiting", 0, 0)
        assert (row["error"], row["error_code"], row["reason"]) == (None, None, None)
        assert len(await start(database, photo_id)) == 1


@pytest.mark.req("LIFE-3")
class TestFail:
    async def test_content_that_is_proven_bad_fails_at_once_and_tells_why(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        await fail(database, await start_one(database, due_id), CorruptError("bad bytes"))
        row = await get_step(as_owner, due_id)
        assert (row["state"], row["attempts"]) == ("failed", 1)
        assert (row["error_code"], row["error"]) == ("corrupt", "bad bytes")

    async def test_an_unclassified_error_gets_three_attempts(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        states = []
        for attempt in range(1, MAX_ATTEMPTS + 1):
            run = await start_one(database, due_id)
            assert run.attempts == attempt
            await fail(database, run, ValueError("strange"))
            states.append((await get_step(as_owner, due_id))["state"])
            await make_due(as_owner, due_id)
        assert states == ["waiting", "waiting", "failed"]
        assert await start(database, due_id) == []

    async def test_the_next_try_waits_for_the_back_off(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        await fail(database, await start_one(database, due_id), ValueError("strange"))
        row = await get_step(as_owner, due_id)
        delay = row["next_try_at"] - await as_owner.fetchval("SELECT now()")
        assert timedelta(0) < delay <= BACKOFF_BASE
        assert await start(database, due_id) == []

    async def test_a_part_that_is_away_costs_no_attempt_and_is_asked_ever_more_rarely(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        for waits in range(12):
            run = await start_one(database, due_id)
            assert (run.attempts, run.waits) == (1, waits)
            await fail(database, run, UnavailableError("the disk is away"))
            row = await get_step(as_owner, due_id)
            assert (row["state"], row["attempts"]) == ("waiting", 0)
            delay = row["next_try_at"] - await as_owner.fetchval("SELECT now()")
            await make_due(as_owner, due_id)
        assert delay > UNAVAILABLE_CAP / 3
        await fail(database, await start_one(database, due_id), ValueError("strange"))
        row = await get_step(as_owner, due_id)
        assert (row["attempts"], row["waits"]) == (1, 0)

    async def test_an_error_is_told_while_the_step_waits_and_forgotten_when_it_runs_again(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        await fail(database, await start_one(database, due_id), ValueError("strange"))
        assert (await get_step(as_owner, due_id))["error"] == "ValueError: strange"
        await make_due(as_owner, due_id)
        await start_one(database, due_id)
        assert (await get_step(as_owner, due_id))["error"] is None

    async def test_a_message_with_hostile_bytes_is_kept_as_far_as_it_goes(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId
    ) -> None:
        await fail(database, await start_one(database, due_id), CorruptError("bad\0name \udcff.jpg\n" + "x" * 1000))
        assert (await get_step(as_owner, due_id))["error"].startswith("bad name ?.jpg xxx")


@pytest.mark.req("LIFE-3")
class TestRetry:
    async def retry(self, database: Database, owner_id: UserId, photo_id: PhotoId, step: str = STEP) -> None:
        await database.run([owner_id], lambda tx: steps.retry(tx, owner_id, photo_id, step))

    async def test_a_person_tries_a_failed_step_again_with_all_attempts(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId, ana_id: UserId
    ) -> None:
        await fail(database, await start_one(database, due_id), CorruptError())
        await self.retry(database, ana_id, due_id)
        assert (await start_one(database, due_id)).attempts == 1
        assert await as_owner.fetchval("SELECT entrypoint FROM pgqueuer") == STEP

    @pytest.mark.parametrize("state", ["waiting", "running", "done", "skipped"])
    async def test_what_has_not_failed_is_not_retried(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, photo_id: PhotoId, state: str
    ) -> None:
        await add_step(as_owner, ana_id, photo_id, STEP, state=state)
        with pytest.raises(StepNotRetryableError):
            await self.retry(database, ana_id, photo_id)

    async def test_a_step_that_the_photo_does_not_have_is_not_found(
        self, database: Database, as_owner: asyncpg.Connection, due_id: PhotoId, ana_id: UserId
    ) -> None:
        with pytest.raises(StepNotFoundError):
            await self.retry(database, ana_id, due_id, "faces")
        with pytest.raises(StepNotFoundError):
            await self.retry(database, await add_user(as_owner, "ben"), due_id)


class TestPlan:
    async def test_a_waiting_step_is_woken_and_others_are_not(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, photo_id: PhotoId
    ) -> None:
        new = [
            NewStep("metadata", 1, "a", StepState.DONE),
            NewStep("derive", 1, "b", StepState.WAITING, priority=7),
            NewStep("faces", 1, "c", StepState.SKIPPED, reason="no.model"),
        ]
        await database.run([ana_id], lambda tx: steps.plan_steps(tx, ana_id, photo_id, new))
        jobs = await as_owner.fetch("SELECT entrypoint, priority, payload FROM pgqueuer")
        assert [tuple(job) for job in jobs] == [("derive", -7, photo_id.bytes)]
        known = await database.run([ana_id], lambda tx: steps.list_steps(tx, ana_id, [photo_id]))
        assert {step.name: step.state for step in known} == {step.name: step.state for step in new}

    async def test_a_new_step_is_due_at_once_whatever_the_clock_of_this_machine_says(
        self, database: Database, ana_id: UserId, photo_id: PhotoId
    ) -> None:
        async def plan_in_the_future(tx: Tx) -> None:
            tx.now += timedelta(days=1)
            await steps.plan_steps(tx, ana_id, photo_id, [NewStep(STEP, 1, "test", StepState.WAITING)])

        await database.run([ana_id], plan_in_the_future)
        assert len(await start(database, photo_id)) == 1


@pytest.mark.req("LIFE-5")
class TestDue:
    async def test_first_in_is_first_out_within_a_priority(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        expected = {}
        for number, (priority, age_min) in enumerate([(10, 9), (0, 1), (5, 7), (0, 3), (10, 8), (0, 2)]):
            photo_id = await add_photo(as_owner, ana_id)
            moment = await as_owner.fetchval("SELECT now() - $1::interval", timedelta(minutes=age_min))
            await add_step(as_owner, ana_id, photo_id, STEP, priority=priority, next_try_at=moment)
            expected[photo_id] = (priority, -age_min, number)
        order = [due.photo_id for due in await list_due(database)]
        assert order == sorted(expected, key=expected.__getitem__)
        assert [due.photo_id for due in await list_due(database, 4)] == order[:4]

    async def test_due_are_expired_leases_and_no_later_tries_other_steps_or_ends(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        async def add(step: str = STEP, **columns: object) -> PhotoId:
            photo_id = await add_photo(as_owner, ana_id)
            await add_step(as_owner, ana_id, photo_id, step, **columns)
            return photo_id

        later = await as_owner.fetchval("SELECT now() + interval '1 h'")
        expired = await add(state="running")
        waiting = await add()
        for state in ("done", "failed", "skipped"):
            await add(state=state)
        await add(state="running", lease_until=later)
        await add(next_try_at=later)
        await add("metadata")
        assert [due.photo_id for due in await list_due(database)] == [expired, waiting]


async def end_all(database: Database, owner_id: UserId, runs: Sequence[Run]) -> set[RunId]:
    return await database.run([owner_id], lambda tx: steps.finish_all(tx, [GoodEnd(run) for run in runs]))


async def renew_all(database: Database, _: UserId, runs: Sequence[Run]) -> set[RunId]:
    return await database.run([], lambda tx: steps.renew_leases(tx, [run.run_id for run in runs], LEASE))


@pytest.mark.req("LIFE-5")
@pytest.mark.parametrize("change", [end_all, renew_all])
async def test_what_changes_several_runs_locks_them_in_the_order_of_their_photos(
    database: Database, as_owner: asyncpg.Connection, ana_id: UserId,
    change: Callable[[Database, UserId, Sequence[Run]], Awaitable[set[RunId]]],
) -> None:  # fmt: skip
    """In any other order two of them could wait for each other."""
    photo_ids = [await add_photo(as_owner, ana_id) for _ in range(10)]
    for photo_id in photo_ids:
        await add_step(as_owner, ana_id, photo_id, STEP)
    # One by one, so that their rows do not lie in that order already.
    runs = [await start_one(database, photo_id) for photo_id in sorted(photo_ids, reverse=True)]

    async def somebody_waits() -> bool:
        return bool(await as_owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    async with as_owner.transaction():
        await as_owner.execute("SELECT FROM steps WHERE photo_id = $1 FOR UPDATE", runs[-1].photo_id)
        changing = asyncio.create_task(change(database, ana_id, runs))
        await until(somebody_waits)
        free = await as_owner.fetch(
            "SELECT photo_id FROM steps WHERE photo_id <> $1 FOR UPDATE SKIP LOCKED", runs[-1].photo_id
        )
        assert len(free) == len(runs) - 1
    assert await changing == {run.run_id for run in runs}
