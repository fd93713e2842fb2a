"""Use cases of the pipeline: plan a photo, run its steps, and let its status follow."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from afterglow.features.photos import service as photos
from afterglow.features.photos.models import PhotoStatus
from afterglow.features.pipeline import repository
from afterglow.features.pipeline.rules import (
    BACKFILL_PRIORITY,
    DEFINITIONS,
    PhotoFacts,
    StepDefinition,
    StepKind,
    is_stale,
    plan,
    plan_again,
    status_of,
)
from afterglow.features.steps import service as steps
from afterglow.features.steps.models import Run
from afterglow.features.steps.rules import Verdict
from afterglow.infra.db.database import Tx
from afterglow.infra.queue.port import Job
from afterglow.kernel.errors import AfterglowError
from afterglow.kernel.ids import PhotoId, RunId, UserId


class DiedRepeatedlyError(AfterglowError):
    """The worker died each time it tried this."""

    code = "step.died-repeatedly"


Apply = Callable[[Tx, PhotoStatus], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Completion:
    """The good end of a run, to be committed with it.

    Attributes:
        apply: Writes the result. It is handed the status that follows from this end and sets it with the result; None
            when there is nothing but the status to write.
        skipped_because: Why the step did nothing, when it did nothing.
        wakes: Steps whose input this result is.
    """

    apply: Apply | None = None
    skipped_because: str | None = None
    wakes: tuple[StepDefinition, ...] = ()


async def plan_photo(tx: Tx, owner_id: UserId, photo_id: PhotoId, facts: PhotoFacts) -> PhotoStatus:
    """Plan a new photo's steps, wake them at the commit, and return the photo's status."""
    await steps.plan_steps(tx, owner_id, photo_id, plan(facts))
    return await _settle(tx, owner_id, photo_id, PhotoStatus.INGESTED)


async def wake_step(tx: Tx, owner_id: UserId, photo_id: PhotoId, definition: StepDefinition) -> None:
    """Have a step run (again), because its input changed; many wakes before it runs cost one run.

    Raises:
        PhotoNotFoundError: The owner has no such photo.
    """
    current = await photos.lock_status(tx, owner_id, photo_id)
    await steps.plan_steps(tx, owner_id, photo_id, [plan_again(definition)])
    await _settle(tx, owner_id, photo_id, current)


async def start_runs(
    tx: Tx, definition: StepDefinition, photo_ids: Sequence[PhotoId], worker: str, lease: timedelta
) -> list[Run]:
    """Start the step where it is due; a step that it takes to show a photo shows it as PROCESSING."""
    runs = await steps.start_runs(
        tx, definition.name, definition.version, definition.algorithm, photo_ids, worker, lease
    )
    if definition.kind is not StepKind.DERIVE:
        return runs
    for owner_id in sorted({run.owner_id for run in runs}):
        await tx.see_owners([owner_id])
        for run in sorted((run for run in runs if run.owner_id == owner_id), key=lambda run: run.photo_id):
            current = await photos.lock_status(tx, owner_id, run.photo_id)
            await _settle(tx, owner_id, run.photo_id, current)
    return runs


async def complete_run(tx: Tx, run: Run, completion: Completion) -> None:
    """Commit the good end of a run: its result, the step, the photo's status, and the steps it wakes.

    Raises:
        RunLostError: Another run has taken over; nothing of this one is kept.
        PhotoNotFoundError: The photo was deleted meanwhile.
    """
    current = await photos.lock_status(tx, run.owner_id, run.photo_id)
    await steps.finish(tx, run, skipped_because=completion.skipped_because)
    await steps.plan_steps(tx, run.owner_id, run.photo_id, [plan_again(definition) for definition in completion.wakes])
    status = status_of(await steps.list_steps(tx, run.owner_id, [run.photo_id]))
    if completion.apply:
        await completion.apply(tx, status)
    elif status is not current:
        await photos.set_status(tx, run.owner_id, run.photo_id, status)


async def fail_run(tx: Tx, run: Run, error: BaseException, max_attempts: int) -> Verdict:
    """Commit the bad end of a run and return what follows: another try, or the photo's FAILED.

    Raises:
        RunLostError: Another run has taken over.
        PhotoNotFoundError: The photo was deleted meanwhile.
    """
    current = await photos.lock_status(tx, run.owner_id, run.photo_id)
    verdict = await steps.fail(tx, run, error, max_attempts)
    await _settle(tx, run.owner_id, run.photo_id, current)
    return verdict


async def retry_step(tx: Tx, owner_id: UserId, photo_id: PhotoId, step: str) -> None:
    """Try a failed step again; the photo's status follows.

    Raises:
        PhotoNotFoundError: The owner has no such photo.
        StepNotFoundError: The photo has no such step.
        StepNotRetryableError: It has not failed.
    """
    current = await photos.lock_status(tx, owner_id, photo_id)
    await steps.retry(tx, owner_id, photo_id, step)
    await _settle(tx, owner_id, photo_id, current)


async def cancel_step(tx: Tx, owner_id: UserId, photo_id: PhotoId, step: str, run_id: RunId) -> bool:
    """Skip a step that waits or runs; the photo's status follows. Returns False where it does neither.

    Args:
        tx: Sees the owner's rows.
        owner_id: Of the photo.
        photo_id: The photo.
        step: Name of the step.
        run_id: What a step that was never run takes as its run's.

    Raises:
        PhotoNotFoundError: The owner has no such photo.
    """
    current = await photos.lock_status(tx, owner_id, photo_id)
    is_cancelled = await steps.cancel(tx, owner_id, photo_id, step, run_id)
    await _settle(tx, owner_id, photo_id, current)
    return is_cancelled


async def wake_due(tx: Tx, limit: int) -> int:
    """Wake due steps whose wake-up was lost, and runs whose lease has passed; return how many.

    A bounded window for each step: what is beyond comes with the next call.
    """
    count = 0
    for name in DEFINITIONS:
        for due in await steps.list_due(tx, name, limit):
            tx.defer(Job(task=name, photo_id=due.photo_id, priority=due.priority))
            count += 1
    return count


async def list_stale(tx: Tx, window: int) -> list[tuple[StepDefinition, UserId, PhotoId]]:
    """Return steps whose version has been overtaken: at most a window of each, less what is planned and waits."""
    return [
        (definition, owner_id, photo_id)
        for definition in DEFINITIONS.values()
        for owner_id, photo_id in await repository.list_stale(
            tx, definition.name, definition.version, BACKFILL_PRIORITY, window
        )
    ]


async def plan_stale(tx: Tx, definition: StepDefinition, owner_id: UserId, photo_id: PhotoId) -> bool:
    """Plan one overtaken step anew, to wait behind new photos; return False if it is not overtaken any more.

    Raises:
        PhotoNotFoundError: The photo was deleted meanwhile.
    """
    current = await photos.lock_status(tx, owner_id, photo_id)
    if not is_stale(definition, await steps.list_steps(tx, owner_id, [photo_id])):
        return False
    await steps.plan_steps(tx, owner_id, photo_id, [plan_again(definition, BACKFILL_PRIORITY)])
    await _settle(tx, owner_id, photo_id, current)
    return True


async def _settle(tx: Tx, owner_id: UserId, photo_id: PhotoId, current: PhotoStatus) -> PhotoStatus:
    status = status_of(await steps.list_steps(tx, owner_id, [photo_id]))
    if status is not current:
        await photos.set_status(tx, owner_id, photo_id, status)
    return status
