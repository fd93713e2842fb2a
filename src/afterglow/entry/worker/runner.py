"""Runs steps: claims, keeps leases alive, commits ends. One of the two places that catch everything."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from afterglow.features.admin.service import RunLedger
from afterglow.features.photos.errors import PhotoNotFoundError
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import StepDefinition
from afterglow.features.pipeline.service import Completion, DiedRepeatedlyError
from afterglow.features.pipeline.tasks import StepWork
from afterglow.features.steps import service as steps
from afterglow.features.steps.errors import RunLostError
from afterglow.features.steps.models import Run
from afterglow.features.steps.rules import GiveUp, describe
from afterglow.infra.db.batches import Batches
from afterglow.infra.db.database import Database
from afterglow.infra.telemetry.counts import Counts
from afterglow.infra.telemetry.process import process_name
from afterglow.infra.telemetry.traces import span
from afterglow.kernel.errors import AfterglowError, UnavailableError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import PhotoId, RunId

# Starts or ends that are committed together: in far less than a write transaction may last.
_BATCH = 64
# An end waits so long for the ends of runs that are under way beside it: unseen, while photos arrive in numbers.
_PATIENCE = timedelta(seconds=0.1)

log = structlog.get_logger()


def worker_name() -> str:
    """Return the name under which this process's runs are shown."""
    return process_name()


class WorkerStoppedError(UnavailableError):
    """The worker was stopped during this; it begins anew."""

    code = "step.worker-stopped"


@dataclass(frozen=True, slots=True)
class _End:
    """How a run ended: done, skipped, retried, failed or lost, and the error's code."""

    result: str
    code: str = ""


class StepRunner:
    """Runs the steps that wake-ups ask for."""

    def __init__(
        self,
        database: Database,
        work: Mapping[StepDefinition, StepWork],
        *,
        lease: timedelta,
        max_attempts: int,
        ledger: RunLedger | None = None,
    ) -> None:
        self._database = database
        self._work = work
        self._lease = lease
        self._max_attempts = max_attempts
        self._ledger = ledger or RunLedger(Counts())
        self._name = worker_name()
        self._running: dict[RunId, asyncio.Task[_End]] = {}
        self._ending = 0
        self._gives_up = False
        self._starts = {definition: Batches(partial(self._start, definition), most=_BATCH) for definition in work}
        self._ends = Batches(self._complete, most=_BATCH, patience=_PATIENCE, expected=self._count_working)

    async def handle(self, definition: StepDefinition, photo_id: PhotoId) -> None:
        """Run a step of a photo if it is due; a wake-up for one that is not costs one look.

        Never raises but when the database is away, and when this process stops.
        """
        run = await self._starts[definition].ask(photo_id)
        fault_point(f"step.{definition.name}.started")
        if run is None:
            return
        # Every line that is logged meanwhile, by whatever does the work, says what it belongs to.
        ids = {"step": run.step, "photo_id": str(run.photo_id), "run_id": str(run.run_id)}
        with structlog.contextvars.bound_contextvars(**ids, attempt=run.attempts):
            await self._run(definition, run)

    def give_up(self) -> None:
        """End what still runs, to begin anew after the next start: that is no attempt, a killed run would be one."""
        self._gives_up = True
        for task in self._running.values():
            task.cancel()

    async def keep_leases(self) -> None:
        """Renew the leases of what runs here, until cancelled; a run that lost its lease is stopped."""
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            held = list(self._running)
            if not held:
                continue
            try:
                kept = await self._renew(held)
            except Exception as error:
                # The lease outlives two missed renewals; if the database stays away, the runs can't commit anyway.
                log.warning(
                    "leases not renewed", error=repr(error)[:500], exc_info=not isinstance(error, AfterglowError)
                )
                continue
            for run_id in set(held) - kept:
                if task := self._running.get(run_id):
                    task.cancel()

    async def _renew(self, held: list[RunId]) -> set[RunId]:
        return await self._database.run([], lambda tx: steps.renew_leases(tx, held, self._lease), repeatable=True)

    async def _start(self, definition: StepDefinition, photo_ids: Sequence[PhotoId]) -> list[Run | None]:
        """Return a run for each of the photos whose step is due; None for the others, and for one that comes twice."""
        runs = await self._database.run(
            [],
            lambda tx: pipeline.start_runs(tx, definition, photo_ids, self._name, self._lease),
            repeatable=True,
        )
        by_photo = {run.photo_id: run for run in runs}
        return [by_photo.pop(photo_id, None) for photo_id in photo_ids]

    async def _complete(self, ends: pipeline.Ends) -> list[AfterglowError | None]:
        """Commit good ends; return why one was not kept."""
        owners = sorted({run.owner_id for run, _ in ends})
        lost = await self._database.run(owners, lambda tx: pipeline.complete_runs(tx, ends), repeatable=True)
        return [lost.get(run.run_id) for run, _ in ends]

    def _count_working(self) -> int:
        return len(self._running) - self._ending

    async def _run(self, definition: StepDefinition, run: Run) -> None:
        end = _End("lost")
        self._ledger.begin(run.run_id)
        task = asyncio.ensure_future(self._run_to_its_end(definition, run))
        self._running[run.run_id] = task
        if self._gives_up:
            task.cancel()
        try:
            await asyncio.wait([task])
            if task.cancelled() and self._gives_up:
                end = await self._fail(run, WorkerStoppedError())
            elif task.cancelled():
                log.warning("run lost its lease")
            else:
                end = task.result()
        except (RunLostError, PhotoNotFoundError) as error:
            end = _End("lost", error.code)
        except BaseException:
            # This process stops: what the run still does must not outlive its record.
            task.cancel()
            await asyncio.wait([task])
            raise
        finally:
            del self._running[run.run_id]
            duration_s = self._ledger.end(run.run_id, run.step, end.result, end.code)
            log.info("step ended", result=end.result, code=end.code or None, duration_ms=round(duration_s * 1000, 1))

    async def _run_to_its_end(self, definition: StepDefinition, run: Run) -> _End:
        try:
            if run.attempts > self._max_attempts:
                raise DiedRepeatedlyError
            with span("step", step=run.step, photo_id=str(run.photo_id), run_id=str(run.run_id)):
                completion = await self._work[definition](run)
            fault_point(f"step.{run.step}.before-commit")
            await self._commit(run, completion)
            end = _End("skipped" if completion.skipped_because else "done")
        except (RunLostError, PhotoNotFoundError):
            raise
        except Exception as error:
            log.warning("step failed", error=repr(error)[:500], exc_info=not isinstance(error, AfterglowError))
            end = await self._fail(run, error)
        fault_point(f"step.{run.step}.after-commit")
        return end

    async def _commit(self, run: Run, completion: Completion) -> None:
        if completion.apply:
            await self._database.run(
                [run.owner_id], lambda tx: pipeline.complete_run(tx, run, completion), repeatable=True
            )
            return
        self._ending += 1
        try:
            if error := await self._ends.ask((run, completion)):
                raise error
        finally:
            self._ending -= 1

    async def _fail(self, run: Run, error: Exception) -> _End:
        verdict = await self._database.run(
            [run.owner_id], lambda tx: pipeline.fail_run(tx, run, error, self._max_attempts)
        )
        return _End("failed" if isinstance(verdict, GiveUp) else "retried", describe(error)[0])
