"""SQL of steps."""

from collections.abc import Sequence
from datetime import timedelta

from afterglow.features.steps.models import Due, NewStep, Run, Step, StepState
from afterglow.infra.db.database import Record, Tx
from afterglow.kernel.ids import PhotoId, RunId, UserId

_COLUMNS = (
    "photo_id, step, version, algorithm, state, reason, attempts, waits, next_try_at, error, error_code, run_id, worker"
)


async def list_steps(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> list[Step]:
    """Return all steps of these photos."""
    rows = await tx.fetch(
        f"""
        SELECT {_COLUMNS} FROM steps
        WHERE photo_id = ANY ($1::uuid[]) AND owner_id = $2
        ORDER BY photo_id, created_at, step
        """,
        photo_ids,
        owner_id,
    )
    return [_step(row) for row in rows]


async def insert_steps(tx: Tx, owner_id: UserId, photo_id: PhotoId, steps: Sequence[NewStep]) -> None:
    """Add steps, or put existing ones into the state given.

    A running step is not disturbed: it is marked to run again. Attempts start anew. When a step is due is written and
    read by the database's clock, which all workers share.
    """
    await tx.execute(
        """
        INSERT INTO steps AS s
            (photo_id, owner_id, step, version, algorithm, state, reason, priority, next_try_at, created_at,
             finished_at)
        SELECT $1, $2, n.step, n.version, n.algorithm, n.state, n.reason, n.priority, now() + n.delay, $10::timestamptz,
               CASE WHEN n.state IN ('done', 'skipped') THEN $10::timestamptz END
        FROM unnest($3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::smallint[], $9::interval[])
             AS n (step, version, algorithm, state, reason, priority, delay)
        ON CONFLICT (photo_id, step) DO UPDATE SET
            again = s.state = 'running',
            version = excluded.version,
            algorithm = excluded.algorithm,
            state = CASE WHEN s.state = 'running' THEN s.state ELSE excluded.state END,
            reason = CASE WHEN s.state = 'running' THEN s.reason ELSE excluded.reason END,
            attempts = CASE WHEN s.state = 'running' THEN s.attempts ELSE 0 END,
            waits = CASE WHEN s.state = 'running' THEN s.waits ELSE 0 END,
            priority = excluded.priority,
            next_try_at = excluded.next_try_at,
            finished_at = excluded.finished_at,
            error = NULL,
            error_code = NULL
        """,
        photo_id,
        owner_id,
        [step.name for step in steps],
        [step.version for step in steps],
        [step.algorithm for step in steps],
        [step.state.value for step in steps],
        [step.reason for step in steps],
        [step.priority for step in steps],
        [step.delay for step in steps],
        tx.now,
    )


async def claim_steps(
    tx: Tx, step: str, version: int, algorithm: str, photo_ids: Sequence[PhotoId], worker: str, lease: timedelta
) -> list[Run]:
    """Start runs of the step for those of the photos where it is due; across owners."""
    rows = await tx.fetch(
        "SELECT * FROM claim_steps($1, $2, $3, $4::uuid[], $5, $6)", step, version, algorithm, photo_ids, worker, lease
    )
    return [
        Run(
            run_id=RunId(row["run_id"]),
            photo_id=PhotoId(row["photo_id"]),
            owner_id=UserId(row["owner_id"]),
            step=step,
            version=row["version"],
            attempts=row["attempts"],
            waits=row["waits"],
        )
        for row in rows
    ]


async def renew_leases(tx: Tx, run_ids: Sequence[RunId], lease: timedelta) -> set[RunId]:
    """Renew the leases of these runs; return the ones that still hold theirs."""
    rows = await tx.fetch("SELECT run_id FROM renew_leases($1::uuid[], $2)", run_ids, lease)
    return {RunId(row["run_id"]) for row in rows}


async def list_due(tx: Tx, step: str, limit: int) -> list[Due]:
    """Return photos whose step is due or whose run lost its lease, in the order of service; across owners."""
    rows = await tx.fetch("SELECT photo_id, priority FROM due_steps($1, $2)", step, limit)
    return [Due(PhotoId(row["photo_id"]), row["priority"]) for row in rows]


async def finish_run(tx: Tx, run: Run, state: StepState, reason: str | None) -> bool:
    """End a run well; False if it is no longer the step's run. Asked for again meanwhile, the step waits anew."""
    count = await tx.execute_count(
        """
        UPDATE steps SET
            state = CASE WHEN again THEN 'waiting' ELSE $4::text END,
            reason = CASE WHEN again THEN NULL ELSE $5::text END,
            attempts = CASE WHEN again THEN 0 ELSE attempts END,
            waits = 0,
            next_try_at = CASE WHEN again THEN now() ELSE next_try_at END,
            again = false, lease_until = NULL, finished_at = $6::timestamptz, error = NULL, error_code = NULL
        WHERE photo_id = $1 AND step = $2 AND run_id = $3 AND state = 'running' AND owner_id = $7
        """,
        run.photo_id,
        run.step,
        run.run_id,
        state.value,
        reason,
        tx.now,
        run.owner_id,
    )
    return count == 1


async def fail_run(tx: Tx, run: Run, *, code: str, error: str, delay: timedelta | None, counts: bool) -> bool:
    """End a run badly: to be tried again after a while, or for good (None); False if it is no longer the step's run.

    Asked for again meanwhile, the step waits anew.
    """
    count = await tx.execute_count(
        """
        UPDATE steps SET
            state = CASE WHEN $6::interval IS NULL AND NOT again THEN 'failed' ELSE 'waiting' END,
            attempts = CASE WHEN again THEN 0 WHEN $7::boolean THEN attempts ELSE attempts - 1 END,
            waits = CASE WHEN again OR $7::boolean THEN 0 ELSE waits + 1 END,
            next_try_at = CASE WHEN again THEN now() ELSE now() + COALESCE($6::interval, interval '0') END,
            error_code = $4, error = $5, again = false, lease_until = NULL, finished_at = $8::timestamptz
        WHERE photo_id = $1 AND step = $2 AND run_id = $3 AND state = 'running' AND owner_id = $9
        """,
        run.photo_id,
        run.step,
        run.run_id,
        code,
        error,
        delay,
        counts,
        tx.now,
        run.owner_id,
    )
    return count == 1


async def retry_step(tx: Tx, owner_id: UserId, photo_id: PhotoId, step: str) -> bool:
    """Put a failed step back to waiting with fresh attempts; False where it has not failed."""
    count = await tx.execute_count(
        """
        UPDATE steps SET
            state = 'waiting', attempts = 0, waits = 0, next_try_at = now(), error = NULL, error_code = NULL
        WHERE photo_id = $1 AND owner_id = $2 AND step = $3 AND state = 'failed'
        """,
        photo_id,
        owner_id,
        step,
    )
    return count == 1


async def skip_step(tx: Tx, owner_id: UserId, photo_id: PhotoId, step: str, reason: str, run_id: RunId) -> bool:
    """Skip a step that waits or runs, whose run then loses it; False where it does neither.

    One that was never run takes this run id.
    """
    count = await tx.execute_count(
        """
        UPDATE steps SET
            state = 'skipped', reason = $4, run_id = COALESCE(run_id, $5), again = false, lease_until = NULL,
            finished_at = $6::timestamptz, error = NULL, error_code = NULL
        WHERE photo_id = $1 AND owner_id = $2 AND step = $3 AND state IN ('waiting', 'running')
        """,
        photo_id,
        owner_id,
        step,
        reason,
        run_id,
        tx.now,
    )
    return count == 1


def _step(row: Record) -> Step:
    state = StepState(row["state"])
    return Step(
        photo_id=PhotoId(row["photo_id"]),
        name=row["step"],
        version=row["version"],
        algorithm=row["algorithm"],
        state=state,
        reason=row["reason"],
        attempts=row["attempts"],
        waits=row["waits"],
        next_try_at=row["next_try_at"] if state is StepState.WAITING else None,
        error=row["error"],
        error_code=row["error_code"],
        run_id=row["run_id"],
        worker=row["worker"],
    )
