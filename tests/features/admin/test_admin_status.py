"""The node's status, and the workers that tell of themselves."""

import stat as stat_module
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

import afterglow
from afterglow import bootstrap
from afterglow.entry.worker.runner import StepRunner
from afterglow.features.admin import service as admin
from afterglow.features.admin.models import Ended
from afterglow.features.admin.service import Reserves, RunLedger
from afterglow.features.admin.service import status as status_module
from afterglow.features.admin.tasks import ReportWorker, TakeMeasures
from afterglow.features.pipeline.rules import DERIVE
from afterglow.features.pipeline.service import Completion
from afterglow.features.steps.models import Run
from afterglow.infra.db.errors import DatabaseAwayError
from afterglow.infra.storage.room import DiskUsage
from afterglow.infra.telemetry.counts import Counts
from afterglow.infra.telemetry.process import process_name
from afterglow.kernel.errors import CorruptError, UnavailableError
from afterglow.kernel.ids import PhotoId, RunId, new_id
from afterglow.kernel.units import GIB
from factories.pictures import jpeg
from factories.product import Person, Product
from factories.sending import sent

pytestmark = pytest.mark.req("ADM-1")


async def status_of(person: Person) -> dict[str, Any]:
    """The status as it is shown."""
    answer = await person.http.get("/api/admin/status")
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


@pytest.fixture
def ledger() -> RunLedger:
    return RunLedger(Counts())


@pytest.fixture
def report(product: Product, ledger: RunLedger) -> ReportWorker:
    return ReportWorker(bootstrap.admin_ports(product.node, "worker"), ledger)


async def test_the_node_tells_its_version_its_disk_and_its_database(root: Person) -> None:
    status = await status_of(root)
    assert (status["version"], status["role"]) == (afterglow.__version__, "home")
    assert status["uptimeS"] >= 0
    assert 0 < status["disk"]["freeBytes"] <= status["disk"]["totalBytes"]
    assert status["disk"]["fullBelowBytes"] <= status["disk"]["lowBelowBytes"]
    assert int(status["database"]["version"].split(".")[0]) >= 15
    assert status["database"]["sizeBytes"] > 1_000_000
    assert status["database"]["revision"]


async def test_the_disk_is_the_fullest_of_those_that_hold_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {"spool": 30 * GIB, "originals": 3 * GIB}

    def usage(folder: Path) -> DiskUsage:
        return DiskUsage(total_bytes=1000 * GIB, free_bytes=free.get(folder.name, 500 * GIB))

    def stat(folder: Path, **_: object) -> SimpleNamespace:
        return SimpleNamespace(st_dev=hash(folder.name), st_mode=stat_module.S_IFDIR)

    for name in free:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(status_module, "disk_usage", usage)
    monkeypatch.setattr(Path, "stat", stat)
    disk = await status_module.read_disk(tmp_path, Reserves(10 * GIB, 5.0, 2 * GIB, 1.0))
    assert (disk.free_bytes, disk.state) == (3 * GIB, "full")


async def test_photos_are_counted_by_status_and_the_trash_apart(
    root: Person, ana: Person, product: Product, as_owner
) -> None:
    assert (await status_of(root))["photos"] is None
    content = jpeg(1)
    done = await sent(ana, content)
    await product.work()
    await sent(ana, jpeg(2))
    trashed = await sent(ana, jpeg(3))
    await as_owner.execute("UPDATE photos SET deleted_at = now() WHERE id = $1", trashed)
    await TakeMeasures(product.node.database)()
    status = await status_of(root)
    photos = status["photos"]
    assert (photos["total"], photos["trashed"], photos["byStatus"]) == (2, 1, {"STORED": 1, "INGESTED": 1})
    assert status["originals"]["count"] == 3
    assert status["originals"]["sizeBytes"] > len(content)
    assert done != trashed


async def test_measures_are_taken_once_a_minute_by_all_workers_together(product: Product, as_owner) -> None:
    first, second = TakeMeasures(product.node.database), TakeMeasures(product.node.database)
    await first()
    taken = await as_owner.fetchval("SELECT measured_at FROM measures WHERE name = 'photos'")
    await first()
    await second()
    assert await as_owner.fetchval("SELECT measured_at FROM measures WHERE name = 'photos'") == taken


async def test_a_worker_that_told_of_itself_is_shown(root: Person, report: ReportWorker) -> None:
    assert (await status_of(root))["workers"] == []
    await report()
    await report()
    (worker,) = (await status_of(root))["workers"]
    assert (worker["kind"], worker["name"], worker["running"]) == ("worker", process_name(), 0)
    assert worker["residentBytes"] is None or worker["residentBytes"] > 1_000_000
    assert datetime.fromisoformat(worker["startedAt"]) <= datetime.fromisoformat(worker["seenAt"])


async def test_a_worker_that_fell_silent_is_not(root: Person, report: ReportWorker, as_owner) -> None:
    await report()
    await as_owner.execute("UPDATE processes SET seen_at = seen_at - interval '3 minutes'")
    assert (await status_of(root))["workers"] == []


async def test_failures_of_the_last_day_are_told_by_step_and_code(
    root: Person, ana: Person, product: Product, report: ReportWorker, ledger: RunLedger
) -> None:
    async def broken(run: Run) -> Completion:
        raise CorruptError

    product.steps[DERIVE] = broken
    runner = StepRunner(product.node.database, product.steps, lease=timedelta(minutes=1), max_attempts=3, ledger=ledger)
    for seed in range(2):
        await runner.handle(DERIVE, PhotoId(UUID(await sent(ana, jpeg(seed)))))
    await report()
    assert (await status_of(root))["failuresLastDay"] == [{"step": "derive", "code": "corrupt", "count": 2}]


async def test_a_ledger_knows_how_runs_end_and_how_many_run(ledger: RunLedger) -> None:
    runs = [RunId(new_id()) for _ in range(3)]
    for run_id in runs:
        ledger.begin(run_id)
    assert ledger.running == 3
    assert ledger.end(runs[0], "derive", "done") >= 0
    ledger.end(runs[1], "derive", "done")
    ledger.end(runs[2], "derive", "retried", "internal")
    assert ledger.running == 0
    taken = {(ended.result, ended.code): ended.runs for ended in ledger.take()}
    assert taken == {("done", ""): 2, ("retried", "internal"): 1}
    assert ledger.take() == []


async def test_what_could_not_be_written_is_written_the_next_time(
    report: ReportWorker, ledger: RunLedger, as_owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.give_back([Ended("derive", "done", "", 2, 1.0)])

    async def away(*_: object) -> None:
        raise DatabaseAwayError

    with monkeypatch.context() as patch:
        patch.setattr("afterglow.features.admin.service.reporting.tell_of_process", away)
        with pytest.raises(UnavailableError):
            await report()
    assert await as_owner.fetchval("SELECT count(*) FROM step_results") == 0
    run_id = RunId(new_id())
    ledger.begin(run_id)
    ledger.end(run_id, "derive", "done")
    await report()
    assert await as_owner.fetchval("SELECT sum(runs) FROM step_results") == 3


async def test_old_results_are_forgotten(report: ReportWorker, ledger: RunLedger, as_owner) -> None:
    ended = [Ended("derive", "done", "", 1, 1.0)]
    ledger.give_back(ended)
    await report()
    await as_owner.execute("UPDATE step_results SET slot = slot - interval '9 days'")
    ledger.give_back(ended)
    await report()
    assert await as_owner.fetchval("SELECT count(*) FROM step_results") == 1


async def test_processes_of_earlier_starts_are_forgotten(report: ReportWorker, product: Product, as_owner) -> None:
    await report()
    await product.node.database.run([], admin.forget_processes)
    assert await as_owner.fetchval("SELECT count(*) FROM processes") == 0
    assert await admin.needs_measuring(product.node.database, timedelta(minutes=1))
