"""HTTP of jobs, for the owner and administrators."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from afterglow.features.admin import service
from afterglow.features.admin.models import JobFilter, JobStatus
from afterglow.features.admin.routes.administrator import Administrator, Ports
from afterglow.features.admin.schemas import JobOut
from afterglow.infra.web.schemas import PageOut
from afterglow.infra.web.tx import ReadTx, TransactionalRoute, WriteTx
from afterglow.kernel.pages import DEFAULT_LIMIT, MAX_LIMIT

router = APIRouter(prefix="/api/admin/jobs", tags=["admin"], route_class=TransactionalRoute)

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Type = Annotated[str | None, Query(pattern=r"^[a-z][a-z-]{0,31}$", description="name of a step")]


@router.get("")
async def list_jobs(
    tx: ReadTx,
    ports: Ports,
    principal: Administrator,
    status: JobStatus | None = None,
    type: Type = None,  # noqa: A002 (the parameter's name in the API)
    photo_id: Annotated[UUID | None, Query(alias="photoId")] = None,
    cursor: str | None = None,
    limit: Limit = DEFAULT_LIMIT,
) -> PageOut[JobOut]:
    """List jobs of everybody, latest first; finished ones for 7 days, failed ones until they are tried again."""
    page = await service.list_jobs(tx, ports, principal, JobFilter(status, type, photo_id), cursor, limit)
    return PageOut(items=[JobOut.of(job) for job in page.items], next_cursor=page.next_cursor)


@router.get("/{job_id}")
async def get_job(job_id: UUID, tx: ReadTx, ports: Ports, principal: Administrator) -> JobOut:
    """Give one job."""
    return JobOut.of(await service.get_job(tx, ports, principal, job_id))


@router.post("/{job_id}/retry")
async def retry_job(job_id: UUID, tx: WriteTx, ports: Ports, principal: Administrator) -> JobOut:
    """Run a job's step again now, with fresh attempts; anything but a job that is running."""
    return JobOut.of(await service.retry_job(tx, ports, principal, job_id))


@router.post("/{job_id}/cancel")
async def cancel_job(job_id: UUID, tx: WriteTx, ports: Ports, principal: Administrator) -> JobOut:
    """Skip a job that is pending, or running: then its result is dropped."""
    return JobOut.of(await service.cancel_job(tx, ports, principal, job_id))
