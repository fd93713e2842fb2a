"""The runner: claims, works, commits the end, and survives whatever the work does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from afterglow.entry.worker.runner import StepRunner, worker_name
from afterglow.features.photos.models import Derived, PhotoStatus
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import DERIVE, SIDECAR, PhotoFacts
from afterglow.features.pipeline.service import Completion
from afterglow.features.steps.models import Run
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.errors import CorruptError, UnavailableError
from afterglow.kernel.ids import PhotoId, UserId, new_id
from factories.rows import LONG_AGO, add_photo, add_user, get_status, get_step
from factories.waiting import until

NEW = PhotoFacts(is_derivable=True, is_metadata_read=True, is_stored=True)
DERIVED = Derived(7, 5, b"p", b"12345678", None, 1)
MAX_ATTEMPTS = 3
Work = Callable[[Run], Awaitable[Completion]]


@pytest.fixture
async def ana_id(as_owner: asyncpg.Connection) -> UserId:
    return await add_user(as_owner)


@pytest.fixture
async def photo_id(database: Database, as_owner: asyncpg.Connection, ana_id: UserId) -> PhotoId:
    new = await add_photo(as_owner, ana_id, status="INGESTED")
    await database.run([ana_id], lambda tx: pipeline.plan_photo(tx, ana_id, new, NEW))
    return new


class Fake:
    """Work that does what it is told, and remembers its runs."""

    def __init__(self, *ends: Completion | BaseException) -> None:
        self.ends = list(ends) or [Completion()]
        self.runs: list[Run] = []

    async def __call__(self, run: Run) -> Completion:
        self.runs.append(run)
        end = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if isinstance(end, BaseException):
            raise end
        return end


class Endless:
    """Work that goes on until it is stopped."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.was_stopped = False
        self.runs: list[Run] = []

    async def __call__(self, run: Run) -> Completion:
        self.runs.append(run)
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_stopped = True
            raise
        raise AssertionError("unreachable")


def runner_of(database: Database, work: Work, *, lease_s: float = 30) -> StepRunner:
    return StepRunner(
        database, {DERIVE: work, SIDECAR: work}, lease=timedelta(seconds=lease_s), max_attempts=MAX_ATTEMPTS
    )


async def pass_time(as_owner: asyncpg.Connection) -> None:
    """Let the time pass until waits and leases are over."""
    await as_owner.execute("UPDATE steps SET next_try_at = $1, lease_until = $1 WHERE state <> 'done'", LONG_AGO)


async def state_of(as_owner: asyncpg.Connection, photo_id: PhotoId) -> tuple[str, int, str | None]:
    row = await get_step(as_owner, photo_id)
    return row["state"], row["attempts"], row["error_code"]


@asynccontextmanager
async def leases_kept(runner: StepRunner) -> AsyncIterator[None]:
    task = asyncio.create_task(runner.keep_leases())
    yield
    assert not task.done(), "the keeper of leases has died"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class TestEnds:
    async def test_a_result_is_committed_with_the_end_of_its_run(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId, ana_id: UserId
    ) -> None:
        work = Fake(Completion(derived=DERIVED, wakes=(SIDECAR,)))
        await runner_of(database, work).handle(DERIVE, photo_id)
        row = await as_owner.fetchrow("SELECT status, width, height FROM photos")
        assert tuple(row) == ("STORED", 7, 5)
        assert await state_of(as_owner, photo_id) == ("done", 1, None)
        assert (await get_step(as_owner, photo_id))["worker"] == worker_name()
        assert [(run.owner_id, run.photo_id, run.step) for run in work.runs] == [(ana_id, photo_id, "derive")]

    async def test_a_step_that_did_nothing_is_skipped_with_its_reason(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        await runner_of(database, Fake(Completion(skipped_because="format.unsupported"))).handle(DERIVE, photo_id)
        row = await get_step(as_owner, photo_id)
        assert (row["state"], row["reason"]) == ("skipped", "format.unsupported")
        assert await get_status(as_owner, photo_id) == "STORED"

    @pytest.mark.req("LIFE-3")
    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (CorruptError("bad"), ("failed", 1, "corrupt")),
            (UnavailableError("away"), ("waiting", 0, "unavailable")),
            (ValueError("strange"), ("waiting", 1, "internal")),
            (asyncpg.DataError("a column that does not fit"), ("waiting", 1, "internal")),
            (OSError("the disk's"), ("waiting", 1, "internal")),
            (TimeoutError(), ("waiting", 1, "internal")),
            (ExceptionGroup("several", [ValueError("one")]), ("waiting", 1, "internal")),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    async def test_an_error_is_recorded_and_never_raised(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId, error: Exception,
        expected: tuple[str, int, str],
    ) -> None:  # fmt: skip
        await runner_of(database, Fake(error)).handle(DERIVE, photo_id)
        assert await state_of(as_owner, photo_id) == expected

    @pytest.mark.req("LIFE-1", "LIFE-3")
    async def test_after_three_strange_errors_the_photo_is_failed_and_is_not_touched_again(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        work = Fake(ValueError("strange"))
        for _ in range(5):
            await runner_of(database, work).handle(DERIVE, photo_id)
            await pass_time(as_owner)
        assert len(work.runs) == MAX_ATTEMPTS
        assert await get_status(as_owner, photo_id) == "FAILED"

    async def test_a_result_that_the_database_refuses_is_an_error_of_the_step(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        async def apply(tx: Tx, status: PhotoStatus) -> None:
            await tx.execute("UPDATE photos SET width = -1, status = $2 WHERE id = $1", photo_id, status.value)

        await runner_of(database, Fake(Completion(apply))).handle(DERIVE, photo_id)
        assert await state_of(as_owner, photo_id) == ("waiting", 1, "internal")
        assert await as_owner.fetchval("SELECT width FROM photos") == 400

    async def test_a_wake_up_for_nothing_costs_nothing(self, database: Database, photo_id: PhotoId) -> None:
        work = Fake()
        runner = runner_of(database, work)
        await runner.handle(DERIVE, PhotoId(new_id()))
        await runner.handle(DERIVE, photo_id)
        await runner.handle(DERIVE, photo_id)
        assert len(work.runs) == 1


class TestCompany:
    @pytest.fixture
    async def photo_ids(self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId) -> list[PhotoId]:
        added = [await add_photo(as_owner, ana_id, status="INGESTED") for _ in range(6)]
        for new in added:
            await database.run([ana_id], lambda tx, new=new: pipeline.plan_photo(tx, ana_id, new, NEW))
        return added

    async def test_runs_that_come_together_start_and_end_together(
        self, database: Database, as_owner: asyncpg.Connection, photo_ids: list[PhotoId]
    ) -> None:
        runner = runner_of(database, Fake(Completion(derived=DERIVED)))
        await asyncio.gather(*(runner.handle(DERIVE, each) for each in photo_ids))
        rows = await as_owner.fetch("SELECT DISTINCT started_at, finished_at FROM steps WHERE step = 'derive'")
        assert len(rows) == 1
        assert {await get_status(as_owner, each) for each in photo_ids} == {"STORED"}

    async def test_a_result_that_the_database_refuses_does_not_take_its_neighbours_with_it(
        self, database: Database, as_owner: asyncpg.Connection, photo_ids: list[PhotoId]
    ) -> None:
        async def work(run: Run) -> Completion:
            width = -1 if run.photo_id == photo_ids[2] else 7
            return Completion(derived=replace(DERIVED, width=width))

        runner = runner_of(database, work)
        await asyncio.gather(*(runner.handle(DERIVE, each) for each in photo_ids))
        assert await state_of(as_owner, photo_ids[2]) == ("waiting", 1, "internal")
        others = [each for each in photo_ids if each != photo_ids[2]]
        assert {await state_of(as_owner, each) for each in others} == {("done", 1, None)}

    @pytest.mark.req("LIFE-5")
    async def test_a_run_that_was_taken_over_does_not_take_its_neighbours_with_it(
        self, database: Database, as_owner: asyncpg.Connection, photo_ids: list[PhotoId]
    ) -> None:
        async def work(run: Run) -> Completion:
            if run.photo_id == photo_ids[2]:
                await as_owner.execute("UPDATE steps SET lease_until = $1 WHERE photo_id = $2", LONG_AGO, run.photo_id)
                other = runner_of(database, Fake(Completion(derived=replace(DERIVED, width=9))))
                await other.handle(DERIVE, run.photo_id)
            return Completion(derived=DERIVED)

        runner = runner_of(database, work)
        await asyncio.gather(*(runner.handle(DERIVE, each) for each in photo_ids))
        widths = {row["id"]: row["width"] for row in await as_owner.fetch("SELECT id, width FROM photos")}
        assert widths == {each: 9 if each == photo_ids[2] else DERIVED.width for each in photo_ids}

    async def test_a_photo_that_is_woken_twice_runs_once(self, database: Database, photo_ids: list[PhotoId]) -> None:
        work = Fake()
        runner = runner_of(database, work)
        await asyncio.gather(*(runner.handle(DERIVE, each) for each in [*photo_ids, *photo_ids]))
        assert sorted(run.photo_id for run in work.runs) == sorted(photo_ids)

    async def test_the_end_of_a_run_does_not_wait_for_one_that_never_ends(
        self, database: Database, as_owner: asyncpg.Connection, photo_ids: list[PhotoId]
    ) -> None:
        endless = Endless()

        async def work(run: Run) -> Completion:
            return await endless(run) if run.photo_id == photo_ids[0] else Completion(derived=DERIVED)

        runner = runner_of(database, work)
        handling = asyncio.create_task(runner.handle(DERIVE, photo_ids[0]))
        await endless.begun.wait()
        await runner.handle(DERIVE, photo_ids[1])
        assert await get_status(as_owner, photo_ids[1]) == "STORED"
        runner.give_up()
        await handling


class TestDeath:
    @pytest.mark.req("LIFE-3", "LIFE-5", "P-4")
    async def test_a_step_on_which_the_worker_dies_each_time_fails(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            # Killed after the start: nothing but the start is left.
            killed = await database.run(
                [], lambda tx: pipeline.start_runs(tx, DERIVE, [photo_id], "dead:1", timedelta(seconds=30))
            )
            assert [run.attempts for run in killed] == [attempt]
            await pass_time(as_owner)
        work = Fake()
        await runner_of(database, work).handle(DERIVE, photo_id)
        assert work.runs == []
        assert await state_of(as_owner, photo_id) == ("failed", 4, "step.died-repeatedly")
        assert await get_status(as_owner, photo_id) == "FAILED"

    @pytest.mark.req("LIFE-5")
    async def test_a_run_that_was_taken_over_is_dropped_without_a_word(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        async def be_overtaken(run: Run) -> Completion:
            await pass_time(as_owner)
            await runner_of(database, Fake()).handle(DERIVE, photo_id)
            raise CorruptError("what a lost run says does not count")

        await runner_of(database, be_overtaken).handle(DERIVE, photo_id)
        assert await state_of(as_owner, photo_id) == ("done", 2, None)

    async def test_a_photo_that_is_deleted_meanwhile_is_no_error(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        async def delete(run: Run) -> Completion:
            await as_owner.execute("DELETE FROM photos WHERE id = $1", run.photo_id)
            return Completion()

        await runner_of(database, delete).handle(DERIVE, photo_id)
        assert await as_owner.fetchval("SELECT count(*) FROM steps") == 0

    async def test_a_database_that_is_away_is_raised_and_the_lease_ends_the_run(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        async def lose_the_database(run: Run) -> Completion:
            await database.close()
            return Completion()

        with pytest.raises(UnavailableError):
            await runner_of(database, lose_the_database).handle(DERIVE, photo_id)
        assert (await state_of(as_owner, photo_id))[0] == "running"


class TestLeases:
    @pytest.mark.req("LIFE-5")
    async def test_the_lease_of_a_long_run_is_kept(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        work = Endless()
        runner = runner_of(database, work, lease_s=0.6)
        async with leases_kept(runner):
            handling = asyncio.create_task(runner.handle(DERIVE, photo_id))
            await work.begun.wait()
            first = (await get_step(as_owner, photo_id))["lease_until"]

            async def is_renewed() -> bool:
                return (await get_step(as_owner, photo_id))["lease_until"] > first

            await until(is_renewed)
            assert not handling.done()
            runner.give_up()
            await handling

    @pytest.mark.req("LIFE-5")
    async def test_a_run_that_lost_its_lease_is_stopped_and_its_successor_left_alone(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        work = Endless()
        runner = runner_of(database, work, lease_s=0.3)
        handling = asyncio.create_task(runner.handle(DERIVE, photo_id))
        await work.begun.wait()
        await pass_time(as_owner)
        await runner_of(database, Fake(UnavailableError())).handle(DERIVE, photo_id)
        async with leases_kept(runner):
            await handling
        assert work.was_stopped
        assert await state_of(as_owner, photo_id) == ("waiting", 1, "unavailable")

    async def test_the_keeper_of_leases_survives_an_absent_database(
        self, database: Database, photo_id: PhotoId, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        work = Endless()
        runner = runner_of(database, work, lease_s=0.3)
        tries, may_renew = 0, asyncio.Event()
        renew = runner._renew

        async def renew_with_trouble(held: list[object]) -> set[object]:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise UnavailableError
            if tries == 2:
                raise asyncpg.UndefinedTableError
            may_renew.set()
            return await renew(held)

        monkeypatch.setattr(runner, "_renew", renew_with_trouble)
        async with leases_kept(runner):
            handling = asyncio.create_task(runner.handle(DERIVE, photo_id))
            await may_renew.wait()
            runner.give_up()
            await handling


class TestStop:
    @pytest.mark.req("LIFE-3", "P-4")
    async def test_a_run_that_is_given_up_waits_for_the_next_start_and_was_no_attempt(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        for _ in range(MAX_ATTEMPTS + 1):
            work = Endless()
            runner = runner_of(database, work)
            handling = asyncio.create_task(runner.handle(DERIVE, photo_id))
            await work.begun.wait()
            runner.give_up()
            await handling
            assert work.was_stopped
            assert await state_of(as_owner, photo_id) == ("waiting", 0, "step.worker-stopped")
            await pass_time(as_owner)

    async def test_what_starts_after_that_is_given_up_at_once(
        self, database: Database, as_owner: asyncpg.Connection, photo_id: PhotoId
    ) -> None:
        work = Endless()
        runner = runner_of(database, work)
        runner.give_up()
        await runner.handle(DERIVE, photo_id)
        assert await state_of(as_owner, photo_id) == ("waiting", 0, "step.worker-stopped")

    async def test_a_cancelled_handler_takes_its_work_with_it(self, database: Database, photo_id: PhotoId) -> None:
        work = Endless()
        handling = asyncio.create_task(runner_of(database, work).handle(DERIVE, photo_id))
        await work.begun.wait()
        handling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handling
        assert work.was_stopped


@pytest.mark.req("LIFE-5")
async def test_many_workers_run_every_step_once(
    database: Database, as_owner: asyncpg.Connection, ana_id: UserId
) -> None:
    photo_ids = [await add_photo(as_owner, ana_id, status="INGESTED") for _ in range(10)]
    for new in photo_ids:
        await database.run([ana_id], lambda tx, new=new: pipeline.plan_photo(tx, ana_id, new, NEW))
    work = Fake()
    runners = [runner_of(database, work) for _ in range(4)]
    await asyncio.gather(*(runner.handle(DERIVE, new) for new in photo_ids for runner in runners))
    assert sorted(run.photo_id for run in work.runs) == sorted(photo_ids)
    assert {await get_status(as_owner, new) for new in photo_ids} == {"STORED"}
