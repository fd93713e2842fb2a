"""Wire types of administration."""

from typing import Literal, Self
from uuid import UUID

from pydantic import Field

from afterglow.features.admin.models import (
    Disk,
    DiskState,
    Job,
    JobStatus,
    Measure,
    ProcessRow,
    Queue,
    ScheduleRun,
    Status,
)
from afterglow.infra.web.schemas import UtcTime, WireModel

SELECTED_AT_ONCE = 200


class LiveOut(WireModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class PartOut(WireModel):
    """A part of the node."""

    name: str
    ok: bool
    problem: str | None


class ReadyOut(WireModel):
    """Whether the node can do its work, part by part."""

    status: Literal["ok", "ill"]
    parts: list[PartOut]


class JobPayloadOut(WireModel):
    """What a job is about to do, or did."""

    step: str
    version: int
    algorithm: str
    priority: int = Field(description="0 for new photos; larger numbers wait behind smaller ones")
    reason: str | None = Field(description="why it was skipped, such as `cancelled` or `format.unsupported`")
    waits: int = Field(description="tries in a row that ended because a part was away; they are no attempts")
    next_try_at: UtcTime | None = Field(description="when a pending job is due")
    lease_until: UtcTime | None = Field(description="until when the worker has it, unless it renews its lease")


class JobOut(WireModel):
    """A job: the run of a step for a photo, or a step that waits for one."""

    id: UUID = Field(description="of the run; the step's next run is another job")
    type: str
    status: JobStatus
    photo_id: UUID
    owner_id: UUID
    payload: JobPayloadOut
    worker_id: str | None = Field(description="the worker that has it, or had it last")
    locked_at: UtcTime | None
    attempts: int
    max_attempts: int
    error: str | None
    error_code: str | None
    created_at: UtcTime
    started_at: UtcTime | None
    finished_at: UtcTime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return the wire form."""
        payload = JobPayloadOut(
            step=job.type,
            version=job.version,
            algorithm=job.algorithm,
            priority=job.priority,
            reason=job.reason,
            waits=job.waits,
            next_try_at=job.next_try_at,
            lease_until=job.lease_until,
        )
        return cls(
            id=job.id,
            type=job.type,
            status=job.status,
            photo_id=job.photo_id,
            owner_id=job.owner_id,
            payload=payload,
            worker_id=job.worker,
            locked_at=job.locked_at,
            attempts=job.attempts,
            max_attempts=job.max_attempts,
            error=job.error,
            error_code=job.error_code,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )


class QueueOut(WireModel):
    """A queue: the jobs of one step."""

    name: str
    waiting: int
    running: int
    failed: int = Field(description="failed for good and not tried again")
    is_estimate: bool = Field(description="more than 10,000 wait or have failed: the number is up to minutes old")
    oldest_waiting_since: UtcTime | None = Field(description="since when the job that waits longest has been due")
    completed_last_hour: int
    failed_last_hour: int
    retried_last_hour: int = Field(description="attempts that failed and are followed by another")
    mean_duration_ms: float | None = Field(description="of a run in the last hour")
    paused: bool
    paused_at: UtcTime | None
    paused_by: UUID | None

    @classmethod
    def of(cls, queue: Queue) -> Self:
        """Return the wire form."""
        pause, mean_s = queue.pause, queue.mean_duration_s
        return cls(
            name=queue.name,
            waiting=queue.waiting,
            running=queue.running,
            failed=queue.failed,
            is_estimate=queue.is_estimate,
            oldest_waiting_since=queue.due_since,
            completed_last_hour=queue.done,
            failed_last_hour=queue.lately_failed,
            retried_last_hour=queue.retried,
            mean_duration_ms=round(mean_s * 1000, 1) if mean_s is not None else None,
            paused=pause is not None,
            paused_at=pause.paused_at if pause else None,
            paused_by=pause.paused_by if pause else None,
        )


class QueuesOut(WireModel):
    """All queues, in the order of the pipeline."""

    items: list[QueueOut]


class RetriedOut(WireModel):
    """How many failed jobs wait again."""

    count: int
    has_more: bool = Field(description="others are left: call again")


class RunAgainIn(WireModel):
    """Photos for which a step is to run again."""

    photo_ids: list[UUID] = Field(min_length=1, max_length=SELECTED_AT_ONCE)


class RunAgainOut(WireModel):
    """For how many photos the step waits again."""

    count: int


class ScheduleOut(WireModel):
    """A recurring job."""

    name: str
    cron: str = Field(description="in UTC")
    status: Literal["new", "running", "ok", "failed"] = Field(description="`new`: it never ran")
    next_run_at: UtcTime
    last_run_at: UtcTime | None
    last_finished_at: UtcTime | None
    last_failed_at: UtcTime | None
    last_error: str | None = Field(description="of the run at `lastFailedAt`")

    @classmethod
    def of(cls, schedule: ScheduleRun) -> Self:
        """Return the wire form."""
        if schedule.started_at is None:
            status: Literal["new", "running", "ok", "failed"] = "new"
        elif schedule.is_running:
            status = "running"
        else:
            status = "failed" if schedule.is_failing else "ok"
        return cls(
            name=schedule.name,
            cron=schedule.cron,
            status=status,
            next_run_at=schedule.next_at,
            last_run_at=schedule.started_at,
            last_finished_at=schedule.finished_at,
            last_failed_at=schedule.failed_at,
            last_error=schedule.error,
        )


class SchedulesOut(WireModel):
    """All recurring jobs, by name."""

    items: list[ScheduleOut]


class DiskOut(WireModel):
    """The disk of the data folder."""

    total_bytes: int
    free_bytes: int
    low_below_bytes: int = Field(description="with less free, derivatives are evicted")
    full_below_bytes: int = Field(description="with less free, uploads are refused")
    state: DiskState

    @classmethod
    def of(cls, disk: Disk) -> Self:
        """Return the wire form."""
        return cls.model_validate(disk)


class DatabaseOut(WireModel):
    """The database."""

    version: str = Field(description="of the server")
    revision: str = Field(description="of the schema")
    size_bytes: int


class PhotoCountsOut(WireModel):
    """Photos of everybody, as last counted."""

    total: int = Field(description="without those in the trash")
    by_status: dict[str, int]
    trashed: int
    measured_at: UtcTime

    @classmethod
    def of(cls, photos: Measure) -> Self:
        """Return the wire form."""
        by_status = {status: count for status, count in sorted(photos.figures.items()) if status != "TRASHED"}
        return cls(
            total=sum(by_status.values()),
            by_status=by_status,
            trashed=photos.figures.get("TRASHED", 0),
            measured_at=photos.measured_at,
        )


class StoredOut(WireModel):
    """Files of a kind, as last counted: originals, or photos with derivatives."""

    count: int
    size_bytes: int
    measured_at: UtcTime

    @classmethod
    def of(cls, measure: Measure) -> Self:
        """Return the wire form."""
        return cls(
            count=measure.figures.get("count", 0),
            size_bytes=measure.figures.get("size_bytes", 0),
            measured_at=measure.measured_at,
        )


class FailuresOut(WireModel):
    """Attempts of a step that ended with the same error."""

    step: str
    code: str
    count: int


class ProcessOut(WireModel):
    """A process of the node."""

    id: UUID
    kind: Literal["http", "worker"]
    name: str = Field(description="a worker's is the `workerId` of its jobs")
    version: str
    started_at: UtcTime
    seen_at: UtcTime
    running: int = Field(description="jobs that it is doing")
    resident_bytes: int | None

    @classmethod
    def of(cls, process: ProcessRow) -> Self:
        """Return the wire form."""
        return cls.model_validate(process)


class StatusOut(WireModel):
    """What the node says of itself."""

    version: str
    role: str
    started_at: UtcTime
    uptime_s: float
    disk: DiskOut
    database: DatabaseOut
    photos: PhotoCountsOut | None = Field(description="null until a worker has counted")
    originals: StoredOut | None
    derivatives: StoredOut | None = Field(description="null unless the cache was looked through (see eviction)")
    failures_last_day: list[FailuresOut]
    workers: list[ProcessOut] = Field(description="those that told of themselves in the last two minutes")

    @classmethod
    def of(cls, status: Status) -> Self:
        """Return the wire form."""
        return cls(
            version=status.version,
            role=status.role,
            started_at=status.started_at,
            uptime_s=round((status.now - status.started_at).total_seconds(), 1),
            disk=DiskOut.of(status.disk),
            database=DatabaseOut.model_validate(status.database),
            photos=PhotoCountsOut.of(status.photos) if status.photos else None,
            originals=StoredOut.of(status.originals) if status.originals else None,
            derivatives=StoredOut.of(status.derivatives) if status.derivatives else None,
            failures_last_day=[FailuresOut(step=f.step, code=f.code, count=f.runs) for f in status.failures],
            workers=[ProcessOut.of(process) for process in status.processes if process.kind == "worker"],
        )
