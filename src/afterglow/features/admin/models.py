"""What administration shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from afterglow.features.steps.models import StepState
from afterglow.kernel.ids import PhotoId, RunId, UserId


@dataclass(frozen=True, slots=True)
class PartHealth:
    """Whether a part of the node is well, and what is wrong if it is not.

    Attributes:
        name: Of the part.
        is_well: Whether it is.
        problem: What is wrong with it.
        is_needed: Whether an ill one keeps the node from answering at all; what is left works on a full disk.
    """

    name: str
    is_well: bool
    problem: str | None = None
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class JobRow:
    """A step of a photo of anybody, as the database has it."""

    photo_id: PhotoId
    owner_id: UserId
    step: str
    version: int
    algorithm: str
    state: StepState
    reason: str | None
    priority: int
    attempts: int
    waits: int
    next_try_at: datetime
    error: str | None
    error_code: str | None
    run_id: RunId | None
    lease_until: datetime | None
    worker: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def moment(self) -> datetime:
        """When it came to the state that it is in; of a waiting one, when it is or was due."""
        match self.state:
            case StepState.WAITING:
                moment: datetime | None = self.next_try_at
            case StepState.RUNNING:
                moment = self.started_at
            case _:
                moment = self.finished_at
        return moment or self.created_at


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page of jobs ended: before the next one in the order of moment, photo and step, latest first."""

    moment: datetime
    photo_id: UUID
    step: str


class JobStatus(StrEnum):
    """Where a job stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    """Also what was skipped or cancelled; `payload.reason` says so."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A run of a step, or a step that waits for its first one.

    Attributes:
        id: The run's; of a step that was never run, what it is called until then.
        locked_at: Since when a worker has it; None if none has.
        reason: Why it was skipped.
        next_try_at: When it is due; None unless it is pending.
    """

    id: UUID
    type: str
    status: JobStatus
    photo_id: PhotoId
    owner_id: UserId
    version: int
    algorithm: str
    priority: int
    reason: str | None
    waits: int
    next_try_at: datetime | None
    lease_until: datetime | None
    worker: str | None
    locked_at: datetime | None
    attempts: int
    max_attempts: int
    error: str | None
    error_code: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list; None does not filter."""

    status: JobStatus | None = None
    type: str | None = None
    photo_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Depth:
    """How long a queue is; waiting and failed ones are counted up to a bound."""

    step: str
    waiting: int = 0
    running: int = 0
    failed: int = 0
    due_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """That a queue is paused."""

    step: str
    paused_at: datetime
    paused_by: UserId | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How many runs of a step ended in one way.

    Attributes:
        result: done, skipped, retried, failed or lost.
        code: Of the error; empty where there was none.
        duration_s: Of all of them together.
    """

    step: str
    result: str
    code: str
    runs: int
    duration_s: float


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue: the jobs of one step.

    Attributes:
        is_estimate: Whether `waiting` or `failed` is as last counted, because there are too many to count now.
        due_since: Since when the job that waits longest has been due; None if none is due yet.
        done: Jobs that were completed in the last hour.
        retried: Attempts in the last hour after which the job waits for another.
        lately_failed: Jobs that failed for good in the last hour.
        mean_duration_s: Of the runs of the last hour; None if there were none.
    """

    name: str
    waiting: int
    running: int
    failed: int
    is_estimate: bool
    due_since: datetime | None
    done: int
    retried: int
    lately_failed: int
    mean_duration_s: float | None
    pause: Pause | None


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """A recurring job: when it last ran, how that ended, and when it runs next."""

    name: str
    cron: str
    next_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    failed_at: datetime | None
    error: str | None

    @property
    def is_running(self) -> bool:
        """Whether it was begun and has not ended; so is one whose worker died, until the next time."""
        return self.started_at is not None and self.finished_at is None

    @property
    def is_failing(self) -> bool:
        """Whether its last run that ended did so with an error."""
        return self.failed_at is not None and (self.finished_at is None or self.failed_at >= self.finished_at)


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """A process of the node, as it last told of itself."""

    id: UUID
    kind: str
    name: str
    version: str
    started_at: datetime
    seen_at: datetime
    running: int
    resident_bytes: int | None


@dataclass(frozen=True, slots=True)
class Failures:
    """Runs of a step that ended with an error."""

    step: str
    code: str
    runs: int


class DiskState(StrEnum):
    """How much room the disk has."""

    OK = "ok"
    LOW = "low"
    """Derivatives are evicted until there is room again."""
    FULL = "full"
    """Uploads are refused."""


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk of the data folder, in bytes."""

    total_bytes: int
    free_bytes: int
    low_below_bytes: int
    full_below_bytes: int
    state: DiskState


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """The database server, and what it holds of ours."""

    version: str
    revision: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Measure:
    """Figures that were counted at a moment."""

    figures: Mapping[str, int]
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """What a node can say of itself."""

    version: str
    role: str
    started_at: datetime
    now: datetime
    disk: Disk
    database: DatabaseFacts
    photos: Measure | None
    originals: Measure | None
    derivatives: Measure | None
    failures: Sequence[Failures]
    processes: Sequence[ProcessRow]
