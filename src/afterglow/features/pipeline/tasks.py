"""Jobs of the pipeline: what a step's work looks like, and the reconciler."""

import contextlib
from functools import partial
from typing import Protocol

from afterglow.features.photos.errors import PhotoNotFoundError
from afterglow.features.pipeline import service
from afterglow.features.pipeline.rules import StepDefinition
from afterglow.features.pipeline.service import Completion
from afterglow.features.steps.models import Run
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.ids import PhotoId, UserId

_WAKE_WINDOW = 500
# Backfill steps that may wait at once, of each kind.
_STALE_WINDOW = 200


class StepWork(Protocol):
    """Does one step for one photo.

    Idempotent: run twice, or killed half-way and run again, the result is the same. Its effects outside the
    transaction of the returned completion are disposable or equal for every run.
    """

    async def __call__(self, run: Run) -> Completion:
        """Do the work and return its good end; an error is the bad end, judged by `steps.rules`."""


class WakeDue:
    """The reconciler: wakes due steps whose wake-up was lost, and runs whose worker has gone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        """Wake a bounded window of each step."""
        await self._database.run([], lambda tx: service.wake_due(tx, _WAKE_WINDOW))


class PlanStale:
    """Plans anew what a newer version of a step has overtaken, a bounded window at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        """Fill the window; each step in a transaction of its own, so that no photo is locked for long."""
        stale = await self._database.run([], lambda tx: service.list_stale(tx, _STALE_WINDOW), read_only=True)
        for definition, owner_id, photo_id in stale:
            # The photo may be deleted meanwhile.
            with contextlib.suppress(PhotoNotFoundError):
                await self._database.run([owner_id], partial(_plan, definition, owner_id, photo_id))


async def _plan(definition: StepDefinition, owner_id: UserId, photo_id: PhotoId, tx: Tx) -> None:
    await service.plan_stale(tx, definition, owner_id, photo_id)
