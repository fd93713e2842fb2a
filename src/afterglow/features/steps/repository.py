"""SQL of steps."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from afterglow.features.steps.models import Due, GoodEnd, Planned, Run, Step, StepState
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


async def list_steps_of(tx: Tx, photo_ids: Mapping[PhotoId, UserId]) -> list[Step]:
    """Return all steps of these photos, whose owners are given with them."""
    rows = await tx.fetch(
        f"""
        SELECT {", ".join(f"s.{name}" for name in _COLUMNS.split(", "))}
        FROM unnest($1::uuid[], $2::uuid[]) AS n (photo_id, owner_id)
        JOIN steps s ON s.photo_id = n.photo_id AND s.owner_id = n.owner_id
        ORDER BY s.photo_id, s.created_at, s.step
        """,
        list(photo_ids),
        list(photo_ids.values()),
    )
    return [_step(row) for row in rows]


async def insert_steps(tx: Tx, planned: Sequence[Planned]) -> None:
    """Add steps, each of a photo at most once, or put existing ones into the state given.

    A running step is not disturbed: it is marked to run again. Attempts start anew. When a step is due is written and
    read by the database's clock, which all workers share.
    """
    await tx.execute(
        """
        INSERT INTO steps AS s
            (photo_id, owner_id, step, version, algorithm, state, reason, priority, next_try_at, created_at,
             finished_at)
        SELECT n.photo_id, n.owner_id, n.step, n.version, n.algorithm, n.state, n.reason, n.priority, now() + n.delay,
               $10::timestamptz, CASE WHEN n.state IN ('done', 'skipped') THEN $10::timestamptz END
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::smallint[],
                    $9::interval[])
             AS n (photo_id, owner_id, step, version, algorithm, state, reason, priority, delay)
        ORDER BY n.photo_id, n.step
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
        [each.photo_id for each in planned],
        [each.owner_id for each in planned],
        [each.step.name for each in planned],
        [each.step.version for each in planned],
        [each.step.algorithm for each in planned],
        [each.step.state.value for each in planned],
        [each.step.reason for each in planned],
        [each.step.priority for each in planned],
        [each.step.delay for each in planned],
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


async def finish_runs(tx: Tx, ends: Sequence[GoodEnd]) -> dict[RunId, Due | None]:
    """End runs well; return those that still were their steps' runs. Asked for again meanwhile, a step is due anew.

    Rows are locked by photo and step, as `renew_leases` does: two that lock several in another order deadlock.
    """
    rows = await tx.fetch(
        """
        WITH ended AS (
            SELECT s.photo_id, s.step, n.reason
            FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[])
                 AS n (photo_id, owner_id, step, run_id, reason)
            JOIN steps s ON s.photo_id = n.photo_id AND s.owner_id = n.owner_id AND s.step = n.step
            WHERE s.photo_id = ANY ($1::uuid[]) AND s.run_id = n.run_id AND s.state = 'running'
            ORDER BY s.photo_id, s.step
            FOR NO KEY UPDATE OF s
        )
        UPDATE steps s SET
            state = CASE WHEN again THEN 'waiting' WHEN e.reason IS NULL THEN 'done' ELSE 'skipped' END,
            reason = CASE WHEN again THEN NULL ELSE e.reason END,
            attempts = CASE WHEN again THEN 0 ELSE attempts END,
            waits = 0,
            next_try_at = CASE WHEN again THEN now() ELSE next_try_at END,
            again = false, lease_until = NULL, finished_at = $6::timestamptz, error = NULL, error_code = NULL
        FROM ended e
        WHERE s.photo_id = e.photo_id AND s.step = e.step
        RETURNING s.run_id, s.state = 'waiting' AS is_due, s.photo_id, s.priority
        """,
        [end.run.photo_id for end in ends],
        [end.run.owner_id for end in ends],
        [end.run.step for end in ends],
        [end.run.run_id for end in ends],
        [end.skipped_because for end in ends],
        tx.now,
    )
    return {
        RunId(row["run_id"]): Due(PhotoId(row["photo_id"]), row["priority"]) if row["is_due"] else None for row in rows
    }


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


async def delete_steps(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> dict[PhotoId, datetime]:
    """Forget all steps of these photos; return when the leases of those that ran end."""
    rows = await tx.fetch(
        """
        WITH gone AS (
            DELETE FROM steps WHERE owner_id = $1 AND photo_id = ANY ($2::uuid[])
            RETURNING photo_id, state, lease_until
        )
        SELECT photo_id, max(lease_until) AS lease_until FROM gone WHERE state = 'running' GROUP BY photo_id
        """,
        owner_id,
        photo_ids,
    )
    return {PhotoId(row["photo_id"]): row["lease_until"] for row in rows}


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
