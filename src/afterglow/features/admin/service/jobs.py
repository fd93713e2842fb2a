"""Use cases of jobs: list, look at, retry, cancel. An administrator sees of other people's photos no more than ids."""

from datetime import UTC, datetime
from uuid import UUID

from afterglow.features.admin.errors import JobNotCancellableError, JobNotFoundError, JobNotRetryableError
from afterglow.features.admin.models import Job, JobFilter, JobRow, Mark
from afterglow.features.admin.repository import jobs as repository
from afterglow.features.admin.rules import (
    FINISHED_SHOWN,
    cursor_after,
    job_of,
    mark_of,
    photos_called,
    states_of,
    unrun_id,
)
from afterglow.features.admin.service.ports import AdminPorts, require_administrator
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import DEFINITIONS
from afterglow.features.steps.models import UNFINISHED, StepState
from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import RunId
from afterglow.kernel.pages import Page
from afterglow.kernel.principal import Principal

_BEFORE_ALL = Mark(datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1), "")


async def list_jobs(
    tx: Tx, ports: AdminPorts, principal: Principal, which: JobFilter, cursor: str | None, limit: int
) -> Page[Job]:
    """Return jobs of everybody, latest first by the moment at which each came to its state.

    Finished ones are listed for 7 days, failed ones until somebody tries them again. A job that changes its state while
    somebody turns pages may be seen twice.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
        BadCursorError: The cursor was not made by this list.
    """
    require_administrator(principal)
    after = mark_of(cursor) if cursor else _BEFORE_ALL
    rows = await repository.list_jobs(
        tx, states_of(which.status), which.type, which.photo_id, tx.now - FINISHED_SHOWN, after, limit + 1
    )
    shown = rows[:limit]
    jobs = [job_of(row, principal.user_id, ports.max_attempts) for row in shown]
    return Page(jobs, cursor_after(shown[-1]) if len(rows) > limit else None)


async def get_job(tx: Tx, ports: AdminPorts, principal: Principal, job_id: UUID) -> Job:
    """Return a job, also one that finished long ago as long as its step did not run again.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
        JobNotFoundError: There is none of this id.
    """
    require_administrator(principal)
    return job_of(await _get_row(tx, job_id), principal.user_id, ports.max_attempts)


async def retry_job(tx: Tx, ports: AdminPorts, principal: Principal, job_id: UUID) -> Job:
    """Have a job's step run now, with fresh attempts: a failed or cancelled one, a finished one, one that waits.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
        JobNotFoundError: There is none of this id.
        JobNotRetryableError: It runs now, or no worker of this node does such steps.
        PhotoNotFoundError: The photo was deleted meanwhile.
    """
    require_administrator(principal)
    row = await _get_row(tx, job_id)
    if row.state is StepState.RUNNING or row.step not in ports.worked:
        raise JobNotRetryableError(state=row.state.value)
    await tx.see_owners([row.owner_id])
    await pipeline.wake_step(tx, row.owner_id, row.photo_id, DEFINITIONS[row.step])
    return job_of(await _get_row(tx, job_id), principal.user_id, ports.max_attempts)


async def cancel_job(tx: Tx, ports: AdminPorts, principal: Principal, job_id: UUID) -> Job:
    """Skip the step of a job that waits or runs; what a running one brings is dropped, and it ends within seconds.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
        JobNotFoundError: There is none of this id.
        JobNotCancellableError: It is over.
        PhotoNotFoundError: The photo was deleted meanwhile.
    """
    require_administrator(principal)
    row = await _get_row(tx, job_id)
    if row.state not in UNFINISHED:
        raise JobNotCancellableError(state=row.state.value)
    await tx.see_owners([row.owner_id])
    # The id that it was called stays its id.
    run_id = row.run_id or RunId(unrun_id(row.photo_id, row.step))
    if not await pipeline.cancel_step(tx, row.owner_id, row.photo_id, row.step, run_id):
        raise JobNotCancellableError
    return job_of(await _get_row(tx, job_id), principal.user_id, ports.max_attempts)


async def _get_row(tx: Tx, job_id: UUID) -> JobRow:
    row = await repository.find_job(tx, job_id, photos_called(job_id, DEFINITIONS))
    if row is None:
        raise JobNotFoundError
    return row
