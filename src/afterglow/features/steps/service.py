"""Use cases of steps: plan, start, keep alive, finish, find what is due."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from afterglow.features.steps import repository
from afterglow.features.steps.errors import RunLostError, StepNotFoundError, StepNotRetryableError
from afterglow.features.steps.models import CANCELLED, Due, GoodEnd, NewStep, Planned, Run, Step, StepState
from afterglow.features.steps.rules import TryAgain, Verdict, describe, judge
from afterglow.infra.db.database import Tx
from afterglow.infra.queue.port import Job
from afterglow.kernel.ids import PhotoId, RunId, UserId


async def list_steps(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> list[Step]:
    """Return all steps of these photos of one owner."""
    return await repository.list_steps(tx, owner_id, photo_ids)


async def list_steps_of(tx: Tx, photo_ids: Mapping[PhotoId, UserId]) -> dict[PhotoId, list[Step]]:
    """Return all steps of photos of several owners, by photo."""
    by_photo: dict[PhotoId, list[Step]] = {photo_id: [] for photo_id in photo_ids}
    for step in await repository.list_steps_of(tx, photo_ids):
        by_photo[step.photo_id].append(step)
    return by_photo


async def plan_steps(tx: Tx, owner_id: UserId, photo_id: PhotoId, steps: Sequence[NewStep]) -> None:
    """Record steps and wake the due ones at the commit; a step that runs now will run again.

    One that is delayed is left to whoever plans it again sooner, or else to the reconciler.
    """
    await plan_all(tx, [Planned(owner_id, photo_id, step) for step in steps])


async def plan_all(tx: Tx, planned: Sequence[Planned]) -> None:
    """Do as `plan_steps`, for photos of several owners."""
    # The same step of a photo may be planned by several: once is enough.
    distinct = {(each.photo_id, each.step.name): each for each in planned}
    if not distinct:
        return
    await repository.insert_steps(tx, list(distinct.values()))
    for (photo_id, name), each in distinct.items():
        if each.step.state is StepState.WAITING and not each.step.delay:
            tx.defer(Job(task=name, photo_id=photo_id, priority=each.step.priority))


async def start_runs(
    tx: Tx, step: str, version: int, algorithm: str, photo_ids: Sequence[PhotoId], worker: str, lease: timedelta
) -> list[Run]:
    """Start the step where it is due, each under a fresh run id; the start counts as an attempt.

    The step is run, and recorded, as this version; one that was planned by a newer version is left alone. Of several
    workers that try, one gets the run.
    """
    return await repository.claim_steps(tx, step, version, algorithm, photo_ids, worker, lease)


async def renew_leases(tx: Tx, run_ids: Sequence[RunId], lease: timedelta) -> set[RunId]:
    """Keep runs alive; return the ones that are still their holder's."""
    return await repository.renew_leases(tx, run_ids, lease)


async def finish(tx: Tx, run: Run, *, skipped_because: str | None = None) -> None:
    """End a run well, as done or as skipped for a reason.

    Raises:
        RunLostError: The lease has passed to another run; the transaction must not commit.
    """
    if not await finish_all(tx, [GoodEnd(run, skipped_because)]):
        raise RunLostError


async def finish_all(tx: Tx, ends: Sequence[GoodEnd]) -> set[RunId]:
    """End runs well and return which have ended; the leases of the others have passed to other runs.

    A step that was asked for again while it ran is woken.
    """
    if not ends:
        return set()
    ended = await repository.finish_runs(tx, ends)
    for end in ends:
        if due := ended.get(end.run.run_id):
            tx.defer(Job(task=end.run.step, photo_id=due.photo_id, priority=due.priority))
    return set(ended)


async def fail(tx: Tx, run: Run, error: BaseException, max_attempts: int) -> Verdict:
    """End a run badly and return what follows; a next try is left to the reconciler and its wake-up.

    Raises:
        RunLostError: The lease has passed to another run; the transaction must not commit.
    """
    verdict = judge(
        error,
        attempts=run.attempts,
        waits=run.waits,
        max_attempts=max_attempts,
        jitter=random.random(),  # noqa: S311 - jitter, not a secret
    )
    code, text = describe(error)
    again = verdict if isinstance(verdict, TryAgain) else None
    held = await repository.fail_run(
        tx,
        run,
        code=code,
        error=text,
        delay=again.delay if again else None,
        counts=again.counts if again else True,
    )
    if not held:
        raise RunLostError
    return verdict


async def retry(tx: Tx, owner_id: UserId, photo_id: PhotoId, step: str) -> None:
    """Try a failed step again, at a person's wish.

    Raises:
        StepNotFoundError: The photo has no such step.
        StepNotRetryableError: It has not failed.
    """
    known = await repository.list_steps(tx, owner_id, [photo_id])
    if step not in {entry.name for entry in known}:
        raise StepNotFoundError(step=step)
    if not await repository.retry_step(tx, owner_id, photo_id, step):
        raise StepNotRetryableError(step=step)
    tx.defer(Job(task=step, photo_id=photo_id))


async def cancel(tx: Tx, owner_id: UserId, photo_id: PhotoId, step: str, run_id: RunId) -> bool:
    """Skip a step that waits or runs, at a person's wish; return False where it does neither.

    A running one loses its lease: its result is dropped. One that was never run takes the run id given.
    """
    return await repository.skip_step(tx, owner_id, photo_id, step, CANCELLED, run_id)


async def stop_all(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> dict[PhotoId, datetime]:
    """End all steps of photos that are being purged; return until when a run may still be at work on some of them.

    Such a run has lost its lease: its result is dropped, and it is stopped when it would renew.
    """
    return await repository.delete_steps(tx, owner_id, photo_ids)


async def list_due(tx: Tx, step: str, limit: int) -> list[Due]:
    """Return, in the order of service, photos whose step should be woken."""
    return await repository.list_due(tx, step, limit)
