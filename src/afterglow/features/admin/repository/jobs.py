"""SQL of jobs: steps of everybody, through the reviewed functions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from afterglow.features.admin.models import JobRow, Mark
from afterglow.features.steps.models import StepState
from afterglow.infra.db.database import Record, Tx
from afterglow.kernel.ids import PhotoId, RunId, UserId

_COLUMNS = (
    "photo_id, owner_id, step, version, algorithm, state, reason, priority, attempts, waits, next_try_at, error, "
    "error_code, run_id, lease_until, worker, created_at, started_at, finished_at"
)


async def list_jobs(
    tx: Tx,
    states: Sequence[StepState],
    step: str | None,
    photo_id: UUID | None,
    finished_after: datetime,
    after: Mark,
    limit: int,
) -> list[JobRow]:
    """Return jobs of everybody, latest first; a page costs the same whatever waits behind it."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM list_jobs($1::text[], $2, $3, $4, $5, $6, $7, $8)",
        [state.value for state in states],
        step,
        photo_id,
        finished_after,
        after.moment,
        after.photo_id,
        after.step,
        limit,
    )
    return [_job(row) for row in rows]


async def find_job(tx: Tx, run_id: UUID, called: Sequence[tuple[UUID, str]]) -> JobRow | None:
    """Return the job of a run, else the one of these photos and steps."""
    row = await tx.fetch_row(
        f"SELECT {_COLUMNS} FROM find_job($1, $2::uuid[], $3::text[])",
        run_id,
        [photo_id for photo_id, _ in called],
        [step for _, step in called],
    )
    return _job(row) if row else None


async def list_failed(tx: Tx, step: str, limit: int) -> list[tuple[UserId, PhotoId]]:
    """Return the photos whose step has failed, longest ago first, with their owners."""
    return _owned(await tx.fetch("SELECT owner_id, photo_id FROM failed_jobs($1, $2)", step, limit))


async def list_owners(tx: Tx, step: str, photo_ids: Sequence[UUID]) -> list[tuple[UserId, PhotoId]]:
    """Return those of the photos that have the step, with their owners."""
    return _owned(await tx.fetch("SELECT owner_id, photo_id FROM owners_of_jobs($1, $2::uuid[])", step, photo_ids))


def _owned(rows: Sequence[Record]) -> list[tuple[UserId, PhotoId]]:
    return [(UserId(row["owner_id"]), PhotoId(row["photo_id"])) for row in rows]


def _job(row: Record) -> JobRow:
    return JobRow(
        photo_id=PhotoId(row["photo_id"]),
        owner_id=UserId(row["owner_id"]),
        step=row["step"],
        version=row["version"],
        algorithm=row["algorithm"],
        state=StepState(row["state"]),
        reason=row["reason"],
        priority=row["priority"],
        attempts=row["attempts"],
        waits=row["waits"],
        next_try_at=row["next_try_at"],
        error=row["error"],
        error_code=row["error_code"],
        run_id=RunId(row["run_id"]) if row["run_id"] else None,
        lease_until=row["lease_until"],
        worker=row["worker"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
