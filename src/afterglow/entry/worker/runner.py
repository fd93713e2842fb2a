"""Runs steps: claims, keeps leases alive, commits ends. One of the two places that catch everything."""

import asyncio
import os
import socket
from collections.abc import Mapping
from datetime import timedelta

import structlog

from afterglow.features.photos.errors import PhotoNotFoundError
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import StepDefinition
from afterglow.features.pipeline.service import DiedRepeatedlyError
from afterglow.features.pipeline.tasks import StepWork
from afterglow.features.steps import service as steps
from afterglow.features.steps.errors import RunLostError
from afterglow.features.steps.models import Run
from afterglow.infra.db.database import Database
from afterglow.kernel.errors import AfterglowError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import PhotoId, RunId

log = structlog.get_logger()


def worker_name() -> str:
    """Return the name under which this process's runs are shown."""
    return f"{socket.gethostname()}:{os.getpid()}"


class StepRunner:
    """Runs the steps that wake-ups ask for."""

    def __init__(
        self, database: Database, work: Mapping[StepDefinition, StepWork], *, lease: timedelta, max_attempts: int
    ) -> None:
        self._database = database
        self._work = work
        self._lease = lease
        self._max_attempts = max_attempts
        self._name = worker_name()
        self._running: dict[RunId, asyncio.Task[None]] = {}

    async def handle(self, definition: StepDefinition, photo_id: PhotoId) -> None:
        """Run a step of a photo if it is due; a wake-up for one that is not costs one look.

        Never raises but when the database is away, and when this process stops.
        """
        runs = await self._database.run(
            [], lambda tx: pipeline.start_runs(tx, definition, [photo_id], self._name, self._lease)
        )
        fault_point(f"step.{definition.name}.started")
        for run in runs:
            await self._run(definition, run)

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
                log.warning("leases not renewed", error=repr(error)[:500])
                continue
            for run_id in set(held) - kept:
                if task := self._running.get(run_id):
                    task.cancel()

    async def _renew(self, held: list[RunId]) -> set[RunId]:
        return await self._database.run([], lambda tx: steps.renew_leases(tx, held, self._lease))

    async def _run(self, definition: StepDefinition, run: Run) -> None:
        bound = log.bind(step=run.step, photo_id=str(run.photo_id), run_id=str(run.run_id), attempt=run.attempts)
        task = asyncio.ensure_future(self._run_to_its_end(definition, run))
        self._running[run.run_id] = task
        try:
            await asyncio.wait([task])
            if task.cancelled():
                bound.warning("run lost its lease")
            elif error := task.exception():
                raise error
        except (RunLostError, PhotoNotFoundError) as error:
            bound.info("run dropped", code=error.code)
        except BaseException:
            # This process stops: what the run still does must not outlive its record.
            task.cancel()
            await asyncio.wait([task])
            raise
        finally:
            del self._running[run.run_id]

    async def _run_to_its_end(self, definition: StepDefinition, run: Run) -> None:
        try:
            if run.attempts > self._max_attempts:
                raise DiedRepeatedlyError
            completion = await self._work[definition](run)
            fault_point(f"step.{run.step}.before-commit")
            await self._database.run([run.owner_id], lambda tx: pipeline.complete_run(tx, run, completion))
        except (RunLostError, PhotoNotFoundError):
            raise
        except Exception as error:
            log.warning(
                "step failed",
                step=run.step,
                photo_id=str(run.photo_id),
                error=repr(error)[:500],
                exc_info=not isinstance(error, AfterglowError),
            )
            cause = error
            await self._database.run([run.owner_id], lambda tx: pipeline.fail_run(tx, run, cause, self._max_attempts))
        fault_point(f"step.{run.step}.after-commit")
