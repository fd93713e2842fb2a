"""Jobs over HTTP: what is listed, to whom, and what an administrator can do with one."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from afterglow.features.admin.rules import unrun_id
from afterglow.features.pipeline.rules import DERIVE, SIDECAR
from afterglow.features.pipeline.service import Completion
from afterglow.features.steps.models import Run
from afterglow.kernel.errors import CorruptError
from afterglow.kernel.ids import PhotoId, UserId, new_id
from factories.pictures import jpeg
from factories.product import Person, Product
from factories.rows import add_photo, add_step, get_status, get_step
from factories.sending import sent

pytestmark = pytest.mark.req("ADM-1")
JOBS = "/api/admin/jobs"
NOBODYS_JOB = "01970000-0000-7000-8000-000000000000"
_NOW = datetime.now(UTC)


async def listed(person: Person, **params: object) -> list[dict[str, Any]]:
    """The jobs of one page."""
    answer = await person.http.get(JOBS, params={name: str(value) for name, value in params.items()})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def all_pages(person: Person, limit: int, **params: str) -> list[dict[str, Any]]:
    """The jobs of all pages."""
    jobs, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = (await person.http.get(JOBS, params={"limit": str(limit), **params, **more})).json()
        assert len(page["items"]) <= limit
        jobs += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return jobs


async def only_job(person: Person, photo_id: str, step: str = "derive") -> dict[str, Any]:
    """The job of a photo's step."""
    (job,) = await listed(person, photoId=photo_id, type=step)
    return job


async def act(person: Person, job: dict[str, Any] | str, action: str) -> dict[str, Any]:
    """Retry or cancel a job; return what became of it."""
    job_id = job if isinstance(job, str) else job["id"]
    answer = await person.http.post(f"{JOBS}/{job_id}/{action}")
    assert answer.status_code == 200, answer.text
    became: dict[str, Any] = answer.json()
    return became


async def filled(connection: asyncpg.Connection, owner_id: UserId, count: int) -> dict[str, list[PhotoId]]:
    """Photos with a derive step each: so many in every state, all at moments of their own."""
    now, photos = datetime.now(UTC), {}
    for offset, state in enumerate(("waiting", "running", "failed", "done", "skipped")):
        photos[state] = [await add_photo(connection, owner_id) for _ in range(count)]
        for number, photo_id in enumerate(photos[state]):
            moment = now - timedelta(minutes=5 * number + offset)
            ended = {"started_at": moment, "finished_at": moment, "run_id": new_id(), "worker": "host:1"}
            columns = {
                "waiting": {"next_try_at": moment, "priority": 10 * (number % 2)},
                "running": {"started_at": moment, "run_id": new_id(), "worker": "host:1", "lease_until": now},
            }.get(state, ended)
            await add_step(connection, owner_id, photo_id, state=state, **columns)
    return photos


class TestWho:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", JOBS),
            ("GET", f"{JOBS}/{NOBODYS_JOB}"),
            ("POST", f"{JOBS}/{NOBODYS_JOB}/retry"),
            ("POST", f"{JOBS}/{NOBODYS_JOB}/cancel"),
            ("GET", "/api/admin/queues"),
            ("POST", "/api/admin/queues/derive/pause"),
            ("POST", "/api/admin/queues/derive/resume"),
            ("POST", "/api/admin/queues/derive/retry"),
            ("POST", "/api/admin/queues/derive/run"),
            ("GET", "/api/admin/schedules"),
            ("GET", "/api/admin/status"),
        ],
    )
    async def test_a_member_may_not_and_nobody_neither(
        self, ana: Person, product: Product, method: str, path: str
    ) -> None:
        body = {"photoIds": [str(new_id())]} if path.endswith("/run") else None
        refused = await ana.http.request(method, path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "account.role-forbidden")
        async with product.client() as nobody:
            assert (await nobody.request(method, path, json=body)).status_code == 401

    async def test_of_other_peoples_photos_ids_are_shown_and_no_names(
        self, root: Person, ana: Person, product: Product
    ) -> None:
        photo_id = await sent(ana, jpeg(1), "our-secret-wedding.jpg")
        await product.work()
        answer = await root.http.get(JOBS)
        assert photo_id in answer.text
        assert "wedding" not in answer.text
        assert {job["ownerId"] for job in answer.json()["items"]} == {str(ana.account.id)}
        # And the photo itself stays theirs.
        assert (await root.http.get(f"/api/photos/{photo_id}")).status_code == 404

    async def test_an_error_names_no_checksum_of_others(self, root: Person, ana: Person, as_owner) -> None:
        photo_id = await add_photo(as_owner, ana.account.id)
        columns = {"error": f"{'cd' * 32} is broken", "error_code": "internal", "run_id": new_id()}
        await add_step(as_owner, ana.account.id, photo_id, state="failed", finished_at=datetime.now(UTC), **columns)
        assert (await only_job(root, str(photo_id)))["error"] == "… is broken"


class TestListing:
    async def test_a_job_says_what_it_is_and_how_it_went(self, root: Person, ana: Person, product: Product) -> None:
        photo_id = await sent(ana, jpeg(1))
        waiting = await only_job(root, photo_id)
        assert waiting["id"] == str(unrun_id(UUID(photo_id), "derive"))
        assert (waiting["status"], waiting["attempts"], waiting["maxAttempts"]) == ("pending", 0, 3)
        assert waiting["payload"]["nextTryAt"] is not None
        await product.work()
        done = await only_job(root, photo_id)
        assert UUID(done["id"]) != UUID(waiting["id"])
        assert (done["type"], done["status"], done["attempts"], done["error"]) == ("derive", "completed", 1, None)
        assert done["workerId"]
        assert done["lockedAt"] is None
        assert done["createdAt"] <= done["startedAt"] <= done["finishedAt"]
        assert done["payload"] | {"version": 1, "reason": None, "step": "derive"} == done["payload"]

    async def test_what_ingest_did_itself_was_no_job(self, root: Person, ana: Person, product: Product) -> None:
        await sent(ana, jpeg(1))
        await product.work()
        assert {job["type"] for job in await listed(root)} == {"derive", "sidecar"}

    @pytest.mark.parametrize(
        ("status", "states"),
        [
            ("pending", {"waiting"}),
            ("running", {"running"}),
            ("failed", {"failed"}),
            ("completed", {"done", "skipped"}),
            (None, {"waiting", "running", "failed", "done", "skipped"}),
        ],
    )
    @pytest.mark.parametrize("limit", [1, 3, 500])
    async def test_pages_show_every_job_of_a_status_once_latest_first(
        self, root: Person, ana: Person, as_owner, status: str | None, states: set[str], limit: int
    ) -> None:
        photos = await filled(as_owner, ana.account.id, 4)
        jobs = await all_pages(root, limit, **({"status": status} if status else {}))
        expected = [str(photo_id) for state in states for photo_id in photos[state]]
        assert sorted(job["photoId"] for job in jobs) == sorted(expected)
        moments = [
            {"pending": job["payload"]["nextTryAt"], "running": job["startedAt"]}.get(job["status"], job["finishedAt"])
            for job in jobs
        ]
        assert moments == sorted(moments, reverse=True)
        assert status is None or {job["status"] for job in jobs} == {status}

    async def test_jobs_of_the_same_moment_are_paged_through_too(self, root: Person, ana: Person, as_owner) -> None:
        now = datetime.now(UTC)
        photos = [await add_photo(as_owner, ana.account.id) for _ in range(5)]
        for photo_id in photos:
            await add_step(as_owner, ana.account.id, photo_id, next_try_at=now)
            await add_step(as_owner, ana.account.id, photo_id, "sidecar", next_try_at=now)
        jobs = await all_pages(root, 3, status="pending")
        assert len(jobs) == len({job["id"] for job in jobs}) == 10

    async def test_a_type_and_a_photo_can_be_asked_for(self, root: Person, ana: Person, as_owner) -> None:
        photos = await filled(as_owner, ana.account.id, 2)
        await add_step(as_owner, ana.account.id, photos["failed"][0], "sidecar")
        assert [job["photoId"] for job in await listed(root, type="sidecar")] == [str(photos["failed"][0])]
        of_photo = await listed(root, photoId=photos["failed"][0])
        assert {(job["type"], job["status"]) for job in of_photo} == {("sidecar", "pending"), ("derive", "failed")}
        (one,) = await listed(root, photoId=photos["failed"][0], status="failed")
        assert one["type"] == "derive"
        assert len(await all_pages(root, 1, photoId=str(photos["failed"][0]))) == 2
        assert await listed(root, type="derive", photoId=new_id()) == []
        assert await listed(root, type="faces") == []

    async def test_finished_jobs_are_listed_for_a_week_and_failed_ones_until_they_are_tried_again(
        self, root: Person, ana: Person, as_owner
    ) -> None:
        now = datetime.now(UTC)
        for state in ("done", "skipped", "failed"):
            for age in (timedelta(days=6, hours=23), timedelta(days=7, hours=1)):
                photo_id = await add_photo(as_owner, ana.account.id)
                columns = {"finished_at": now - age, "run_id": new_id()}
                await add_step(as_owner, ana.account.id, photo_id, state=state, **columns)
        statuses = sorted(job["status"] for job in await listed(root))
        assert statuses == ["completed", "completed", "failed", "failed"]

    async def test_an_old_job_is_found_by_its_id_all_the_same(self, root: Person, ana: Person, as_owner) -> None:
        photo_id, run_id = await add_photo(as_owner, ana.account.id), new_id()
        long_ago = datetime.now(UTC) - timedelta(days=400)
        await add_step(as_owner, ana.account.id, photo_id, state="done", finished_at=long_ago, run_id=run_id)
        assert (await root.http.get(f"{JOBS}/{run_id}")).json()["photoId"] == str(photo_id)

    @pytest.mark.parametrize("params", [{"status": "lost"}, {"photoId": "7"}, {"type": "DROP"}, {"limit": "501"}])
    async def test_a_filter_that_makes_no_sense_is_refused(self, root: Person, params: dict[str, str]) -> None:
        refused = await root.http.get(JOBS, params=params)
        assert (refused.status_code, refused.json()["code"]) == (422, "request.invalid")

    async def test_a_cursor_of_another_list_is_refused(self, root: Person) -> None:
        refused = await root.http.get(JOBS, params={"cursor": "bm9uc2Vuc2U"})
        assert (refused.status_code, refused.json()["code"]) == (422, "page.bad-cursor")

    async def test_an_id_that_was_never_given_is_not_found(self, root: Person) -> None:
        refused = await root.http.get(f"{JOBS}/{new_id()}")
        assert (refused.status_code, refused.json()["code"]) == (404, "job.not-found")


class TestRetry:
    @pytest.mark.req("LIFE-3")
    async def test_a_failed_job_runs_again_with_fresh_attempts(
        self, root: Person, ana: Person, product: Product, as_owner
    ) -> None:
        photo_id = await sent(ana, jpeg(1))
        good, product.steps[DERIVE] = product.steps[DERIVE], _broken
        await product.work()
        failed = await only_job(root, photo_id)
        assert (failed["status"], failed["errorCode"]) == ("failed", "corrupt")
        assert await get_status(as_owner, UUID(photo_id)) == "FAILED"
        again = await act(root, failed, "retry")
        assert (again["id"], again["status"], again["attempts"], again["error"]) == (failed["id"], "pending", 0, None)
        assert await get_status(as_owner, UUID(photo_id)) == "INGESTED"
        product.steps[DERIVE] = good
        await product.work()
        assert (await only_job(root, photo_id))["status"] == "completed"
        assert await get_status(as_owner, UUID(photo_id)) == "STORED"

    async def test_a_finished_job_runs_again_too_under_another_id(
        self, root: Person, ana: Person, product: Product
    ) -> None:
        photo_id = await sent(ana, jpeg(1))
        await product.work()
        done = await only_job(root, photo_id)
        assert (await act(root, done, "retry"))["status"] == "pending"
        await product.work()
        assert (await only_job(root, photo_id))["id"] != done["id"]
        assert (await root.http.get(f"{JOBS}/{done['id']}")).status_code == 404

    async def test_a_job_that_waits_for_a_later_try_is_tried_now(
        self, root: Person, ana: Person, product: Product, as_owner
    ) -> None:
        photo_id = await sent(ana, jpeg(1))
        later = datetime.now(UTC) + timedelta(hours=1)
        await as_owner.execute("UPDATE steps SET next_try_at = $1, attempts = 2", later)
        await act(root, await only_job(root, photo_id), "retry")
        assert await product.work() > 0
        assert (await only_job(root, photo_id))["status"] == "completed"

    async def test_a_running_job_is_left_alone(self, root: Person, ana: Person, as_owner) -> None:
        photos = await filled(as_owner, ana.account.id, 1)
        job = await only_job(root, str(photos["running"][0]))
        refused = await root.http.post(f"{JOBS}/{job['id']}/retry")
        assert (refused.status_code, refused.json()["code"]) == (409, "job.not-retryable")

    async def test_a_step_that_no_worker_here_does_is_not_made_to_wait_for_one(
        self, root: Person, ana: Person, as_owner
    ) -> None:
        photo_id = await add_photo(as_owner, ana.account.id)
        await add_step(as_owner, ana.account.id, photo_id, "offload", state="failed", run_id=new_id(), finished_at=_NOW)
        job = await only_job(root, str(photo_id), "offload")
        refused = await root.http.post(f"{JOBS}/{job['id']}/retry")
        assert (refused.status_code, refused.json()["code"]) == (409, "job.not-retryable")

    async def test_a_deleted_photos_job_is_gone_with_it(self, root: Person, ana: Person, as_owner) -> None:
        photos = await filled(as_owner, ana.account.id, 1)
        job = await only_job(root, str(photos["failed"][0]))
        await as_owner.execute("DELETE FROM photos WHERE id = $1", photos["failed"][0])
        assert (await root.http.post(f"{JOBS}/{job['id']}/retry")).status_code == 404


class TestCancel:
    async def test_a_job_that_waits_is_skipped_and_keeps_its_id(
        self, root: Person, ana: Person, product: Product, as_owner
    ) -> None:
        photo_id = await sent(ana, jpeg(1))
        job = await only_job(root, photo_id)
        gone = await act(root, job, "cancel")
        assert (gone["id"], gone["status"], gone["payload"]["reason"]) == (job["id"], "completed", "cancelled")
        assert await only_job(root, photo_id) == gone
        await product.work()
        assert (await get_step(as_owner, UUID(photo_id)))["state"] == "skipped"
        # Nothing is left to wait for; the original is there as ever.
        assert await get_status(as_owner, UUID(photo_id)) == "STORED"
        refused = await ana.http.get(f"/api/photos/{photo_id}/preview")
        assert (refused.status_code, refused.json()["code"]) == (404, "derivative.none")

    @pytest.mark.req("LIFE-5")
    async def test_what_a_running_job_brings_after_that_is_dropped(
        self, root: Person, ana: Person, product: Product, as_owner
    ) -> None:
        photo_id = await sent(ana, jpeg(1))
        begun, go_on, good = asyncio.Event(), asyncio.Event(), product.steps[DERIVE]

        async def slowly(run: Run) -> Completion:
            begun.set()
            await go_on.wait()
            return await good(run)

        product.steps[DERIVE] = slowly
        running = asyncio.ensure_future(product.runner().handle(DERIVE, PhotoId(UUID(photo_id))))
        await begun.wait()
        job = await only_job(root, photo_id)
        assert (job["status"], job["lockedAt"]) == ("running", job["startedAt"])
        assert (await act(root, job, "cancel"))["status"] == "completed"
        go_on.set()
        await running
        step = await get_step(as_owner, UUID(photo_id))
        assert (step["state"], step["reason"], str(step["run_id"])) == ("skipped", "cancelled", job["id"])
        assert await as_owner.fetchval("SELECT derive_version FROM photos") == 0

    async def test_a_worker_stops_what_was_cancelled_when_it_next_renews_its_leases(
        self, root: Person, ana: Person, product: Product
    ) -> None:
        photo_id = await sent(ana, jpeg(1))
        begun, was_stopped = asyncio.Event(), asyncio.Event()

        async def endlessly(run: Run) -> Completion:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                was_stopped.set()
            raise AssertionError

        product.steps[DERIVE] = endlessly
        runner = product.runner(lease=timedelta(seconds=0.3))
        leases = asyncio.ensure_future(runner.keep_leases())
        running = asyncio.ensure_future(runner.handle(DERIVE, PhotoId(UUID(photo_id))))
        await begun.wait()
        await act(root, await only_job(root, photo_id), "cancel")
        await asyncio.wait_for(running, 30)
        assert was_stopped.is_set()
        leases.cancel()

    async def test_a_cancelled_job_can_be_run_after_all(self, root: Person, ana: Person, product: Product) -> None:
        photo_id = await sent(ana, jpeg(1))
        gone = await act(root, await only_job(root, photo_id), "cancel")
        assert (await act(root, gone, "retry"))["status"] == "pending"
        await product.work()
        assert (await ana.http.get(f"/api/photos/{photo_id}/preview")).status_code == 200

    @pytest.mark.parametrize("state", ["done", "skipped", "failed"])
    async def test_what_is_over_cannot_be_cancelled(self, root: Person, ana: Person, as_owner, state: str) -> None:
        photos = await filled(as_owner, ana.account.id, 1)
        job = await only_job(root, str(photos[state][0]))
        refused = await root.http.post(f"{JOBS}/{job['id']}/cancel")
        assert (refused.status_code, refused.json()["code"]) == (409, "job.not-cancellable")

    async def test_a_cancelled_step_does_not_hold_up_the_others(
        self, root: Person, ana: Person, product: Product
    ) -> None:
        photo_id = await sent(ana, jpeg(1))
        await act(root, await only_job(root, photo_id, SIDECAR.name), "cancel")
        await product.work()
        assert (await ana.http.get(f"/api/photos/{photo_id}/preview")).status_code == 200


async def _broken(run: Run) -> Completion:
    raise CorruptError
