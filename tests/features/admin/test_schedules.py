"""Recurring jobs: what is recorded of their runs, and told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from afterglow.features.admin import service as admin
from afterglow.features.admin.tasks import Recorded
from afterglow.infra.db.database import Database
from afterglow.infra.queue.cron import next_time
from afterglow.kernel.errors import UnavailableError
from factories.product import Person, Product

pytestmark = pytest.mark.req("ADM-4")


async def schedules(person: Person) -> dict[str, dict[str, Any]]:
    """The recurring jobs as they are shown, by name."""
    items = (await person.http.get("/api/admin/schedules")).json()["items"]
    return {item["name"]: item for item in items}


async def announce(database: Database, *entries: tuple[str, str]) -> None:
    await database.run([], lambda tx: admin.announce_schedules(tx, entries))


async def test_all_recurring_jobs_of_the_worker_are_shown_with_their_next_run(root: Person, product: Product) -> None:
    shown = await schedules(root)
    assert {"sweep-uploads", "sweep-originals", "evict-derivatives", "prune-queue-log"} <= set(shown)
    for schedule in shown.values():
        assert schedule["status"] == "new"
        assert datetime.fromisoformat(schedule["nextRunAt"]) == next_time(schedule["cron"], datetime.now(UTC))


async def test_a_run_is_recorded_with_its_beginning_and_end(root: Person, database: Database) -> None:
    await announce(database, ("sweep", "* * * * *"))
    seen: list[str] = []

    async def work() -> None:
        seen.append((await schedules(root))["sweep"]["status"])

    await Recorded(database, "sweep", "* * * * *", work)()
    shown = (await schedules(root))["sweep"]
    assert (seen, shown["status"], shown["lastError"]) == (["running"], "ok", None)
    assert shown["lastRunAt"] <= shown["lastFinishedAt"] <= shown["nextRunAt"]


async def test_an_error_is_recorded_and_raised_and_kept_beyond_the_next_good_run(
    root: Person, database: Database
) -> None:
    await announce(database, ("sweep", "* * * * *"))
    ends: list[Exception | None] = [UnavailableError("the disk is away"), None]

    async def work() -> None:
        if error := ends.pop(0):
            raise error

    recorded = Recorded(database, "sweep", "* * * * *", work)
    with pytest.raises(UnavailableError):
        await recorded()
    failed = (await schedules(root))["sweep"]
    assert (failed["status"], failed["lastError"]) == ("failed", "unavailable: the disk is away")
    assert failed["lastFailedAt"] == failed["lastFinishedAt"]
    await recorded()
    good = (await schedules(root))["sweep"]
    assert (good["status"], good["lastError"]) == ("ok", failed["lastError"])
    assert good["lastFailedAt"] == failed["lastFailedAt"] <= good["lastFinishedAt"]


async def test_a_restart_forgets_jobs_that_are_no_more_and_nothing_of_the_others(
    root: Person, database: Database
) -> None:
    async def nothing() -> None:
        pass

    await announce(database, ("sweep", "* * * * *"), ("old", "* * * * *"))
    await Recorded(database, "sweep", "* * * * *", nothing)()
    ran = (await schedules(root))["sweep"]["lastFinishedAt"]
    await announce(database, ("sweep", "5 4 * * *"), ("new", "* * * * *"))
    shown = await schedules(root)
    assert set(shown) == {"sweep", "new"}
    assert (shown["sweep"]["cron"], shown["sweep"]["lastFinishedAt"]) == ("5 4 * * *", ran)


@pytest.mark.parametrize(
    ("cron", "after", "following"),
    [
        ("23 3 * * *", "2026-05-01T03:22:59+00:00", "2026-05-01T03:23:00+00:00"),
        ("23 3 * * *", "2026-05-01T03:23:00+00:00", "2026-05-02T03:23:00+00:00"),
        ("*/10 * * * *", "2026-05-01T05:55:00+02:00", "2026-05-01T04:00:00+00:00"),
    ],
)
def test_the_next_run_follows_from_the_cron_expression_in_utc(cron: str, after: str, following: str) -> None:
    assert next_time(cron, datetime.fromisoformat(after)) == datetime.fromisoformat(following)
    assert next_time(cron, datetime.fromisoformat(after)).utcoffset() == timedelta(0)


def test_nonsense_is_no_cron_expression() -> None:
    with pytest.raises(ValueError, match="columns"):
        next_time("nonsense", datetime.now(UTC))
