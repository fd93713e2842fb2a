"""Rows of steps."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from afterglow.kernel.ids import PhotoId, RunId, UserId


class StepState(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


UNFINISHED = frozenset({StepState.WAITING, StepState.RUNNING})
CANCELLED = "cancelled"
"""Reason of a step that an administrator skipped."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the pipeline for one photo.

    Attributes:
        attempts: Runs that were started and count.
        waits: Runs in a row that ended because a part was away; they don't count.
    """

    photo_id: PhotoId
    name: str
    version: int
    algorithm: str
    state: StepState
    reason: str | None
    attempts: int
    waits: int
    next_try_at: datetime | None
    error: str | None
    error_code: str | None
    run_id: RunId | None
    worker: str | None


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step to be planned: in the state it starts in."""

    name: str
    version: int
    algorithm: str
    state: StepState
    reason: str | None = None
    priority: int = 0
    delay: timedelta = timedelta(0)
    """A waiting step is not due before this much from now."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A step to be planned, and whose it is."""

    owner_id: UserId
    photo_id: PhotoId
    step: NewStep


@dataclass(frozen=True, slots=True)
class Run:
    """A started run of a step; whoever holds it may finish the step until another run has taken over.

    Attributes:
        attempts: Runs so far that count, this one included.
        waits: Runs in a row before this one that ended because a part was away.
    """

    run_id: RunId
    photo_id: PhotoId
    owner_id: UserId
    step: str
    version: int
    attempts: int
    waits: int


@dataclass(frozen=True, slots=True)
class GoodEnd:
    """A run that ended well: done, or skipped for a reason."""

    run: Run
    skipped_because: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A step that should be woken."""

    photo_id: PhotoId
    priority: int
