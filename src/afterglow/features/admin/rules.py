"""Decisions of administration; pure."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from afterglow.features.admin.models import (
    Depth,
    DiskState,
    Ended,
    Job,
    JobRow,
    JobStatus,
    Mark,
    Measure,
    Pause,
    Queue,
)
from afterglow.features.steps.models import StepState
from afterglow.kernel.errors import AfterglowError
from afterglow.kernel.ids import UserId
from afterglow.kernel.pages import BadCursorError, decode_cursor, encode_cursor

FINISHED_SHOWN: Final = timedelta(days=7)
RATES_OVER: Final = timedelta(hours=1)
FAILURES_OVER: Final = timedelta(days=1)
SEEN_WITHIN: Final = timedelta(minutes=2)
"""Processes that told of themselves in this time are shown as there: workers do every 15 s."""
COUNT_BOUND: Final = 10_000
"""Up to here queues are counted for each answer (2 ms); beyond, the last full count is told."""

_STATUS_OF: Final = {
    StepState.WAITING: JobStatus.PENDING,
    StepState.RUNNING: JobStatus.RUNNING,
    StepState.DONE: JobStatus.COMPLETED,
    StepState.SKIPPED: JobStatus.COMPLETED,
    StepState.FAILED: JobStatus.FAILED,
}
_STATES_OF: Final = {
    JobStatus.PENDING: [StepState.WAITING],
    JobStatus.RUNNING: [StepState.RUNNING],
    # Skipped ones are listed with the done ones.
    JobStatus.COMPLETED: [StepState.DONE],
    JobStatus.FAILED: [StepState.FAILED],
}
_RANDOM_BITS: Final = 62
_LONG_HEX: Final = re.compile(r"[0-9a-f]{32,}", re.IGNORECASE)


def unrun_id(photo_id: UUID, step: str) -> UUID:
    """Return what the job of a step is called as long as it was never run: always the same.

    It is the photo's id with its random bits crossed with those of the step's name, and so its own inverse: the photo
    of such an id is found without a look-up table. It keeps the form of a UUIDv7.
    """
    digest = hashlib.sha256(step.encode()).digest()
    return UUID(int=photo_id.int ^ (int.from_bytes(digest[:8], "big") >> (64 - _RANDOM_BITS)))


def photos_called(job_id: UUID, steps: Iterable[str]) -> list[tuple[UUID, str]]:
    """Return the photos and steps whose job would have this id, had it never been run: one for each step."""
    return [(unrun_id(job_id, step), step) for step in steps]


def job_of(row: JobRow, viewer: UserId, max_attempts: int) -> Job:
    """Return a step as a job, as far as the viewer may see it: of other people's photos no more than ids."""
    is_running, is_waiting = row.state is StepState.RUNNING, row.state is StepState.WAITING
    is_over = not is_running and not is_waiting
    return Job(
        id=row.run_id or unrun_id(row.photo_id, row.step),
        type=row.step,
        status=_STATUS_OF[row.state],
        photo_id=row.photo_id,
        owner_id=row.owner_id,
        version=row.version,
        algorithm=row.algorithm,
        priority=row.priority,
        reason=row.reason,
        waits=row.waits,
        next_try_at=row.next_try_at if is_waiting else None,
        lease_until=row.lease_until if is_running else None,
        worker=row.worker,
        locked_at=row.started_at if is_running else None,
        attempts=row.attempts,
        max_attempts=max_attempts,
        error=row.error if row.error is None or row.owner_id == viewer else without_checksums(row.error),
        error_code=row.error_code,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at if is_over else None,
    )


def without_checksums(text: str) -> str:
    """Return an error's text without checksums, which name paths: nobody learns of another's (DESIGN 5)."""
    return _LONG_HEX.sub("…", text)


def states_of(status: JobStatus | None) -> list[StepState]:
    """Return the states of steps behind a status; all of them behind none."""
    if status is not None:
        return _STATES_OF[status]
    return [state for states in _STATES_OF.values() for state in states]


def cursor_after(row: JobRow) -> str:
    """Return the cursor to the jobs after this one."""
    return encode_cursor(row.moment.isoformat(), str(row.photo_id), row.step)


def mark_of(cursor: str) -> Mark:
    """Return where a cursor points.

    Raises:
        BadCursorError: It was not made by this list.
    """
    moment, photo_id, step = map(str, decode_cursor(cursor, 3))
    try:
        mark = Mark(datetime.fromisoformat(moment), UUID(photo_id), step)
    except ValueError as error:
        raise BadCursorError from error
    # The database takes neither a moment without a zone nor a NUL.
    if mark.moment.tzinfo is None or "\0" in step:
        raise BadCursorError
    return mark


def queue_of(
    name: str, depth: Depth, ended: Iterable[Ended], pause: Pause | None, counted: Mapping[str, Measure], now: datetime
) -> Queue:
    """Return a queue, composed.

    Args:
        name: Of the queue, which is its step's.
        depth: Counted now, up to `COUNT_BOUND`.
        ended: Runs of this step that ended in the last hour.
        pause: If it is paused.
        counted: The last full counts, by `waiting` and `failed`.
        now: The moment.
    """
    runs = dict.fromkeys(("done", "skipped", "retried", "failed", "lost"), 0)
    duration_s = 0.0
    for entry in ended:
        runs[entry.result] += entry.runs
        duration_s += entry.duration_s
    full = replace(
        depth,
        waiting=_beyond_bound(depth.waiting, counted.get("waiting"), name),
        failed=_beyond_bound(depth.failed, counted.get("failed"), name),
    )
    return Queue(
        name=name,
        waiting=full.waiting,
        running=full.running,
        failed=full.failed,
        is_estimate=max(depth.waiting, depth.failed) >= COUNT_BOUND,
        due_since=depth.due_since if depth.due_since and depth.due_since <= now else None,
        done=runs["done"] + runs["skipped"],
        retried=runs["retried"],
        lately_failed=runs["failed"],
        mean_duration_s=duration_s / total if (total := sum(runs.values())) else None,
        pause=pause,
    )


def _beyond_bound(count: int, counted: Measure | None, name: str) -> int:
    if count < COUNT_BOUND or counted is None:
        return count
    return max(count, counted.figures.get(name, 0))


def disk_state(free_bytes: int, low_below_bytes: int, full_below_bytes: int) -> DiskState:
    """Return how much room there is, by the two reserves."""
    if free_bytes < full_below_bytes:
        return DiskState.FULL
    return DiskState.LOW if free_bytes < low_below_bytes else DiskState.OK


def describe_failure(error: BaseException) -> str:
    """Return an error of a recurring job on one line, for an administrator."""
    text = f"{error.code}: {error.message}" if isinstance(error, AfterglowError) else f"{type(error).__name__}: {error}"
    printable = text.encode("utf-8", "replace").decode().replace("\0", " ")
    return " ".join(printable.split())[:500]
