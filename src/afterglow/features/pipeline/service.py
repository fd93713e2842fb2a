"""Use cases of the pipeline: plan a photo, run its steps, and let its status follow."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from afterglow.features.photos import service as photos
from afterglow.features.photos.errors import PhotoNotFoundError
from afterglow.features.photos.events import PhotosRestored, PhotosTrashed
from afterglow.features.photos.models import Derived, Photo, PhotoStatus
from afterglow.features.pipeline import repository
from afterglow.features.pipeline.models import Settled
from afterglow.features.pipeline.rules import (
    BACKFILL_PRIORITY,
    DEFINITIONS,
    SIDECAR,
    SIDECAR_PATIENCE,
    PhotoFacts,
    StepDefinition,
    StepKind,
    is_stale,
    plan,
    plan_again,
    status_of,
)
from afterglow.features.steps import service as steps
from afterglow.features.steps.errors import RunLostError
from afterglow.features.steps.models import GoodEnd, Planned, Run
from afterglow.features.steps.rules import Verdict
from afterglow.infra.db.batches import Batches
from afterglow.infra.db.database import Database, Tx
from afterglow.infra.queue.port import Job
from afterglow.kernel.errors import AfterglowError
from afterglow.kernel.ids import PhotoId, RunId, UserId


class DiedRepeatedlyError(AfterglowError):
    """The worker died each time it tried this."""

    code = "step.died-repeatedly"


_READ_TOGETHER = 64

Apply = Callable[[Tx, PhotoStatus], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Completion:
    """The good end of a run, to be committed with it.

    Attributes:
        apply: Writes a result that is no photo's pixels'. It is handed the status that follows from this end and sets
            it with the result; None when there is nothing else to write. Such an end is committed alone.
        skipped_because: Why the step did nothing, when it did nothing.
        wakes: Steps whose input this result is.
        derived: What the pixels told; written with the status.
    """

    apply: Apply | None = None
    skipped_because: str | None = None
    wakes: tuple[StepDefinition, ...] = ()
    derived: Derived | None = None


Ends = Sequence[tuple[Run, Completion]]


class RunPhotos:
    """Reads the photos that runs are about; those of runs that begin together, together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reads = Batches(self._read, most=_READ_TOGETHER)

    async def get(self, run: Run) -> Photo:
        """Return a run's photo.

        Raises:
            PhotoNotFoundError: It was deleted meanwhile.
        """
        photo = await self._reads.ask(run)
        if photo is None:
            raise PhotoNotFoundError
        return photo

    async def _read(self, runs: Sequence[Run]) -> list[Photo | None]:
        owners = {run.photo_id: run.owner_id for run in runs}
        async with self._database.transaction(sorted(set(owners.values())), read_only=True) as tx:
            found = await photos.list_owned_photos(tx, owners)
        return [found.get(run.photo_id) for run in runs]


async def plan_photo(tx: Tx, owner_id: UserId, photo_id: PhotoId, facts: PhotoFacts) -> PhotoStatus:
    """Plan a new photo's steps, wake them at the commit, and return the photo's status."""
    planned = plan(facts)
    await steps.plan_steps(tx, owner_id, photo_id, planned)
    status = status_of(planned)
    if status is not PhotoStatus.INGESTED:
        await photos.set_status(tx, owner_id, photo_id, status)
    return status


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
    if runs and definition.kind is StepKind.DERIVE:
        owners = {run.photo_id: run.owner_id for run in runs}
        await tx.see_owners(sorted(set(owners.values())))
        await _settle_all(tx, owners, await repository.lock_statuses(tx, owners), {})
    return runs


async def complete_run(tx: Tx, run: Run, completion: Completion) -> None:
    """Commit the good end of a run: its result, the step, the photo's status, and the steps it wakes.

    Raises:
        RunLostError: Another run has taken over; nothing of this one is kept.
        PhotoNotFoundError: The photo was deleted meanwhile.
    """
    if completion.apply is None:
        for error in (await complete_runs(tx, [(run, completion)])).values():
            raise error
        return
    await photos.lock_status(tx, run.owner_id, run.photo_id)
    await steps.finish(tx, run, skipped_because=completion.skipped_because)
    await steps.plan_steps(tx, run.owner_id, run.photo_id, [plan_again(definition) for definition in completion.wakes])
    await completion.apply(tx, status_of(await steps.list_steps(tx, run.owner_id, [run.photo_id])))


async def complete_runs(tx: Tx, ends: Ends) -> dict[RunId, RunLostError | PhotoNotFoundError]:
    """Commit the good ends of runs of several photos and owners, none of which has an `apply`, in a few statements.

    Returns:
        Why nothing was kept of a run, for those that another has taken over or whose photo was deleted meanwhile; the
        others are committed all the same.
    """
    owners = {run.photo_id: run.owner_id for run, _ in ends if _changes_status(run)}
    current = await repository.lock_statuses(tx, owners) if owners else {}
    lost: dict[RunId, RunLostError | PhotoNotFoundError] = {
        run.run_id: PhotoNotFoundError() for run, _ in ends if run.photo_id in owners and run.photo_id not in current
    }
    finished = await steps.finish_all(
        tx, [GoodEnd(run, how.skipped_because) for run, how in ends if run.run_id not in lost]
    )
    lost |= {run.run_id: RunLostError() for run, _ in ends if run.run_id not in finished | lost.keys()}
    kept = [(run, how) for run, how in ends if run.run_id in finished]
    await steps.plan_all(
        tx,
        [Planned(run.owner_id, run.photo_id, plan_again(definition)) for run, how in kept for definition in how.wakes],
    )
    await _settle_all(tx, owners, current, {run.photo_id: how.derived for run, how in kept if how.derived})
    return lost


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


async def refresh_sidecars(tx: Tx, event: PhotosTrashed | PhotosRestored) -> None:
    """Have the sidecars of photos say whether they are in the trash: a lost database is made anew from sidecars.

    They wait a little, so that who takes it back at once costs nothing, and behind new photos: there may be very many.
    """
    sidecar = replace(plan_again(SIDECAR, BACKFILL_PRIORITY), delay=SIDECAR_PATIENCE)
    await steps.plan_all(tx, [Planned(event.owner_id, photo_id, sidecar) for photo_id in event.photo_ids])


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


async def _settle_all(
    tx: Tx,
    owners: Mapping[PhotoId, UserId],
    current: Mapping[PhotoId, PhotoStatus],
    derived: Mapping[PhotoId, Derived],
) -> None:
    """Let the statuses of photos, which are locked, follow from their steps; keep what their pixels told."""
    if not current:
        return
    settled = [
        Settled(photo_id, owners[photo_id], status_of(of_photo), derived.get(photo_id))
        for photo_id, of_photo in (await steps.list_steps_of(tx, {each: owners[each] for each in current})).items()
    ]
    changed = [each for each in settled if each.derived or each.status is not current[each.photo_id]]
    if changed:
        await repository.settle_photos(tx, changed)


def _changes_status(run: Run) -> bool:
    definition = DEFINITIONS.get(run.step)
    return definition is None or definition.kind is not StepKind.KEEP


async def _settle(tx: Tx, owner_id: UserId, photo_id: PhotoId, current: PhotoStatus) -> PhotoStatus:
    status = status_of(await steps.list_steps(tx, owner_id, [photo_id]))
    if status is not current:
        await photos.set_status(tx, owner_id, photo_id, status)
    return status
