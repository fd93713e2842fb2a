"""Queues: how long they are, pause and resume, and running many jobs again."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from afterglow.bootstrap import WORKED_STEPS
from afterglow.features.admin import service as admin
from afterglow.features.admin.models import Ended
from afterglow.features.admin.repository import queues as repository
from afterglow.features.admin.rules import COUNT_BOUND
from afterglow.features.admin.service.reporting import slot_of
from afterglow.features.pipeline.rules import DEFINITIONS, DERIVE
from afterglow.features.pipeline.service import Completion
from afterglow.features.pipeline.tasks import WakeDue
from afterglow.features.steps.models import Run
from afterglow.infra.db.database import Database
from afterglow.kernel.errors import CorruptError
from afterglow.kernel.ids import new_id
from factories.pictures import jpeg
from factories.product import Person, Product, open_product
from factories.rows import add_photo, add_step, get_step
from factories.sending import sent

pytestmark = pytest.mark.req("ADM-1")
QUEUES = "/api/admin/queues"
NOW = datetime.now(UTC)


async def queue_of(person: Person, name: str = "derive") -> dict[str, Any]:
    """A queue as it is shown."""
    items = (await person.http.get(QUEUES)).json()["items"]
    return next(item for item in items if item["name"] == name)


async def act(person: Person, action: str, name: str = "derive", **body: object) -> dict[str, Any]:
    """Do something with a queue."""
    answer = await person.http.post(f"{QUEUES}/{name}/{action}", json=body or None)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def count_wake_ups(as_owner) -> int:
    return int(await as_owner.fetchval("SELECT count(*) FROM pgqueuer"))


class TestDepths:
    async def test_every_step_of_the_pipeline_has_a_queue(self, root: Person) -> None:
        items = (await root.http.get(QUEUES)).json()["items"]
        assert [item["name"] for item in items] == list(DEFINITIONS)
        assert {(item["waiting"], item["running"], item["failed"], item["paused"]) for item in items} == {
            (0, 0, 0, False)
        }

    async def test_a_queue_tells_what_waits_runs_and_has_failed(self, root: Person, ana: Person, as_owner) -> None:
        moments = {"waiting": 3, "running": 1, "failed": 2, "done": 4}
        for state, count in moments.items():
            for number in range(count):
                photo_id = await add_photo(as_owner, ana.account.id)
                columns = {"next_try_at": NOW - timedelta(minutes=number)}
                if state in ("failed", "done"):
                    columns |= {"run_id": new_id(), "finished_at": NOW}
                await add_step(as_owner, ana.account.id, photo_id, state=state, **columns)
        queue = await queue_of(root)
        assert (queue["waiting"], queue["running"], queue["failed"], queue["isEstimate"]) == (3, 1, 2, False)
        since = datetime.fromisoformat(queue["oldestWaitingSince"])
        assert abs(since - (NOW - timedelta(minutes=2))) < timedelta(milliseconds=1)

    async def test_the_longest_waiting_job_is_found_behind_those_of_other_priorities(
        self, root: Person, ana: Person, as_owner
    ) -> None:
        for priority, minutes in ((0, 1), (10, 9), (20, 3)):
            photo_id = await add_photo(as_owner, ana.account.id)
            moment = NOW - timedelta(minutes=minutes)
            await add_step(as_owner, ana.account.id, photo_id, priority=priority, next_try_at=moment)
        since = datetime.fromisoformat((await queue_of(root))["oldestWaitingSince"])
        assert abs(since - (NOW - timedelta(minutes=9))) < timedelta(milliseconds=1)

    async def test_a_step_of_another_version_that_waits_is_shown_too(self, root: Person, ana: Person, as_owner) -> None:
        photo_id = await add_photo(as_owner, ana.account.id)
        await add_step(as_owner, ana.account.id, photo_id, "faces")
        assert (await queue_of(root, "faces"))["waiting"] == 1

    async def test_rates_are_of_the_last_hour(self, root: Person, database: Database) -> None:
        async with database.transaction([]) as tx:
            await repository.add_results(tx, slot_of(tx.now), [Ended("derive", "done", "", 4, 2.0)])
            await repository.add_results(tx, slot_of(tx.now), [Ended("derive", "done", "", 1, 0.5)])
            await repository.add_results(tx, slot_of(tx.now), [Ended("derive", "failed", "internal", 2, 0.2)])
            await repository.add_results(
                tx, slot_of(tx.now - timedelta(hours=2)), [Ended("derive", "done", "", 9, 9.0)]
            )
        queue = await queue_of(root)
        assert (queue["completedLastHour"], queue["failedLastHour"], queue["retriedLastHour"]) == (5, 2, 0)
        assert queue["meanDurationMs"] == pytest.approx(2.7 / 7 * 1000, abs=0.1)

    @pytest.mark.req("P-9")
    async def test_beyond_the_bound_the_last_full_count_is_told(self, root: Person, ana: Person, as_owner) -> None:
        photo_id = await add_photo(as_owner, ana.account.id)
        await as_owner.execute(
            """
            WITH made AS (
                INSERT INTO photos SELECT (p).* FROM (
                    SELECT jsonb_populate_record(photo, jsonb_build_object('id', gen_random_uuid())) AS p
                    FROM photos photo, generate_series(1, $2) WHERE photo.id = $1) rows
                RETURNING id, owner_id)
            INSERT INTO steps (photo_id, owner_id, step, version, algorithm, state, next_try_at, created_at)
            SELECT id, owner_id, 'derive', 1, 'test', 'waiting', now(), now() FROM made
            """,
            photo_id,
            COUNT_BOUND + 5,
        )
        queue = await queue_of(root)
        assert (queue["waiting"], queue["isEstimate"]) == (COUNT_BOUND, True)

    async def test_a_full_count_counts_every_one(self, database: Database, as_owner, ana: Person) -> None:
        for state in ("waiting", "waiting", "failed"):
            columns = {"run_id": new_id(), "finished_at": NOW} if state == "failed" else {}
            photo_id = await add_photo(as_owner, ana.account.id)
            await add_step(as_owner, ana.account.id, photo_id, state=state, **columns)
        assert await admin.needs_measuring(database, timedelta(minutes=1))
        await admin.measure(database)
        assert not await admin.needs_measuring(database, timedelta(minutes=1))
        rows = dict(await as_owner.fetch("SELECT name, figures::text FROM measures"))
        assert rows["waiting"] == '{"derive": 2}'
        assert rows["failed"] == '{"derive": 1}'


class TestPause:
    async def test_no_worker_starts_a_step_of_a_paused_queue_and_what_comes_waits(
        self, root: Person, ana: Person, product: Product, as_owner
    ) -> None:
        shown = await act(root, "pause")
        assert (shown["paused"], shown["pausedBy"]) == (True, str(root.account.id))
        photo_id = await sent(ana, jpeg(1))
        await as_owner.execute("UPDATE steps SET next_try_at = now()")
        await product.runner().handle(DERIVE, UUID(photo_id))
        await product.work()
        assert (await get_step(as_owner, UUID(photo_id)))["state"] == "waiting"
        # The other queues go on.
        assert (await get_step(as_owner, UUID(photo_id), "sidecar"))["state"] == "done"
        shown = await act(root, "resume")
        assert (shown["paused"], shown["waiting"]) == (False, 1)
        await product.work()
        assert (await get_step(as_owner, UUID(photo_id)))["state"] == "done"

    async def test_what_runs_ends_as_usual(self, root: Person, ana: Person, product: Product, as_owner) -> None:
        photo_id = await sent(ana, jpeg(1))
        good = product.steps[DERIVE]

        async def paused_meanwhile(run: Run) -> Completion:
            await act(root, "pause")
            return await good(run)

        product.steps[DERIVE] = paused_meanwhile
        await product.work()
        assert (await get_step(as_owner, UUID(photo_id)))["state"] == "done"

    async def test_a_paused_queue_is_not_woken_and_a_resumed_one_is_at_once(
        self, root: Person, ana: Person, product: Product, as_owner
    ) -> None:
        await sent(ana, jpeg(1))
        await act(root, "pause")
        await act(root, "pause", "sidecar")
        await as_owner.execute("DELETE FROM pgqueuer")
        await WakeDue(product.node.database)()
        assert await count_wake_ups(as_owner) == 0
        await act(root, "resume")
        assert await count_wake_ups(as_owner) == 1

    async def test_a_pause_survives_a_restart(self, root: Person, ana: Person, settings) -> None:
        await sent(ana, jpeg(1))
        await act(root, "pause")
        async with open_product(settings) as again:
            await again.work()
        assert (await queue_of(root))["waiting"] == 1
        assert (await queue_of(root))["paused"]

    async def test_pausing_and_resuming_twice_changes_nothing(self, root: Person) -> None:
        first = await act(root, "pause")
        assert (await act(root, "pause"))["pausedAt"] == first["pausedAt"]
        assert not (await act(root, "resume"))["paused"]
        assert not (await act(root, "resume"))["paused"]

    @pytest.mark.parametrize("action", ["pause", "resume", "retry"])
    async def test_a_queue_that_is_none_is_not_found(self, root: Person, action: str) -> None:
        refused = await root.http.post(f"{QUEUES}/faces/{action}")
        assert (refused.status_code, refused.json()["code"]) == (404, "queue.not-found")
        assert refused.json()["queues"] == list(DEFINITIONS)


class TestAgain:
    @pytest.mark.req("LIFE-3")
    async def test_all_failed_jobs_are_tried_again(
        self, root: Person, ana: Person, ben: Person, product: Product
    ) -> None:
        good = product.steps[DERIVE]

        async def broken(run: Run) -> Completion:
            raise CorruptError

        product.steps[DERIVE] = broken
        photos = [(person, await sent(person, jpeg(number))) for number, person in enumerate((ana, ana, ben))]
        await product.work()
        assert (await queue_of(root))["failed"] == 3
        assert await act(root, "retry") == {"count": 3, "hasMore": False}
        product.steps[DERIVE] = good
        await product.work()
        for person, photo_id in photos:
            assert (await person.http.get(f"/api/photos/{photo_id}")).json()["status"] == "STORED"

    async def test_very_many_failed_jobs_are_tried_again_in_portions(
        self, root: Person, ana: Person, as_owner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("afterglow.features.admin.service.queues.RETRIED_AT_ONCE", 2)
        for _ in range(3):
            photo_id = await add_photo(as_owner, ana.account.id)
            await add_step(as_owner, ana.account.id, photo_id, state="failed", run_id=new_id(), finished_at=NOW)
        assert await act(root, "retry") == {"count": 2, "hasMore": True}
        assert await act(root, "retry") == {"count": 1, "hasMore": False}

    async def test_a_step_is_run_again_for_a_selection(
        self, root: Person, ana: Person, ben: Person, product: Product, as_owner
    ) -> None:
        photos = [await sent(person, jpeg(number)) for number, person in enumerate((ana, ana, ben))]
        await product.work()
        runs = [(await get_step(as_owner, UUID(photo_id)))["run_id"] for photo_id in photos]
        chosen = [photos[0], photos[2], str(new_id())]
        assert await act(root, "run", photoIds=chosen) == {"count": 2}
        await product.work()
        again = [(await get_step(as_owner, UUID(photo_id)))["run_id"] for photo_id in photos]
        assert [run != new for run, new in zip(runs, again, strict=True)] == [True, False, True]

    async def test_a_selection_has_bounds(self, root: Person) -> None:
        for count in (0, 201):
            refused = await root.http.post(f"{QUEUES}/derive/run", json={"photoIds": [str(new_id())] * count})
            assert refused.status_code == 422

    async def test_a_step_that_no_worker_here_does_cannot_be_run(self, root: Person) -> None:
        refused = await root.http.post(f"{QUEUES}/offload/run", json={"photoIds": [str(new_id())]})
        assert (refused.status_code, refused.json()["code"]) == (409, "job.not-retryable")

    async def test_the_steps_that_workers_do_are_the_ones_that_can_be_run(self, product: Product) -> None:
        assert set(WORKED_STEPS) == set(product.steps)


def test_a_slot_of_time_begins_every_five_minutes() -> None:
    moment = datetime(2026, 5, 1, 12, 34, 56, 7, tzinfo=UTC)
    assert slot_of(moment) == datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    assert slot_of(slot_of(moment)) == slot_of(moment)
