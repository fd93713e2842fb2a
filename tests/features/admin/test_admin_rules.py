"""Decisions of administration."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.features.admin.models import Depth, DiskState, Ended, JobRow, JobStatus, Mark, Measure, Pause
from afterglow.features.admin.rules import (
    COUNT_BOUND,
    cursor_after,
    describe_failure,
    disk_state,
    job_of,
    mark_of,
    photos_called,
    queue_of,
    states_of,
    unrun_id,
    without_checksums,
)
from afterglow.features.pipeline.rules import DEFINITIONS
from afterglow.features.steps.models import StepState
from afterglow.kernel.errors import UnavailableError
from afterglow.kernel.ids import PhotoId, RunId, UserId, new_id
from afterglow.kernel.pages import BadCursorError, encode_cursor

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
HASH = "ab" * 32
photo_ids = st.builds(lambda _: new_id(), st.none())
step_names = st.from_regex(r"[a-z][a-z-]{0,20}", fullmatch=True)


def row_of(state: StepState, **columns: object) -> JobRow:
    """A step; `columns` win over what is usual."""
    usual: dict[str, object] = {
        "photo_id": PhotoId(new_id()),
        "owner_id": UserId(new_id()),
        "step": "derive",
        "version": 1,
        "algorithm": "test",
        "state": state,
        "reason": None,
        "priority": 0,
        "attempts": 1,
        "waits": 0,
        "next_try_at": NOW - timedelta(seconds=3),
        "error": None,
        "error_code": None,
        "run_id": RunId(new_id()),
        "lease_until": NOW,
        "worker": "host:1",
        "created_at": NOW - timedelta(seconds=4),
        "started_at": NOW - timedelta(seconds=2),
        "finished_at": NOW - timedelta(seconds=1),
    }
    return JobRow(**(usual | columns))


@pytest.mark.req("ADM-1")
class TestIds:
    @given(photo_ids, step_names)
    def test_the_photo_of_a_job_that_never_ran_is_found_from_its_id(self, photo_id: UUID, step: str) -> None:
        assert unrun_id(unrun_id(photo_id, step), step) == photo_id

    @given(photo_ids, step_names)
    def test_an_id_keeps_the_form_and_the_time_of_the_photo(self, photo_id: UUID, step: str) -> None:
        job_id = unrun_id(photo_id, step)
        assert (job_id.version, job_id.variant, job_id.bytes[:6]) == (7, photo_id.variant, photo_id.bytes[:6])
        assert job_id != photo_id

    @given(photo_ids, st.lists(step_names, unique=True, max_size=20))
    def test_the_steps_of_a_photo_have_different_ids(self, photo_id: UUID, steps: list[str]) -> None:
        assert len({unrun_id(photo_id, step) for step in steps}) == len(steps)

    @given(photo_ids, st.sampled_from(sorted(DEFINITIONS)))
    def test_a_job_is_among_those_that_its_id_may_mean(self, photo_id: UUID, step: str) -> None:
        assert (photo_id, step) in photos_called(unrun_id(photo_id, step), DEFINITIONS)


@pytest.mark.req("ADM-1")
class TestJobs:
    @pytest.mark.parametrize(
        ("state", "status"),
        [
            (StepState.WAITING, JobStatus.PENDING),
            (StepState.RUNNING, JobStatus.RUNNING),
            (StepState.DONE, JobStatus.COMPLETED),
            (StepState.SKIPPED, JobStatus.COMPLETED),
            (StepState.FAILED, JobStatus.FAILED),
        ],
    )
    def test_each_state_of_a_step_is_a_status(self, state: StepState, status: JobStatus) -> None:
        assert job_of(row_of(state), UserId(new_id()), 3).status is status

    def test_only_a_running_job_is_locked_and_only_one_that_is_over_has_finished(self) -> None:
        viewer = UserId(new_id())
        jobs = {state: job_of(row_of(state), viewer, 3) for state in StepState}
        assert [state for state, job in jobs.items() if job.locked_at] == [StepState.RUNNING]
        assert [state for state, job in jobs.items() if job.next_try_at] == [StepState.WAITING]
        over = {StepState.DONE, StepState.SKIPPED, StepState.FAILED}
        assert {state for state, job in jobs.items() if job.finished_at} == over

    @pytest.mark.req("P-5")
    def test_a_checksum_in_an_error_is_told_to_the_photos_owner_only(self) -> None:
        row = row_of(StepState.FAILED, error=f"cannot read /data/originals/ab/ab/{HASH}")
        assert HASH in (job_of(row, row.owner_id, 3).error or "")
        assert job_of(row, UserId(new_id()), 3).error == "cannot read /data/originals/ab/ab/…"

    def test_what_is_no_checksum_stays_in_an_error(self) -> None:
        text = "the decoder died (SIGKILL) after 60 s, code 0xdeadbeef"
        assert without_checksums(text) == text

    def test_all_states_stand_behind_no_status(self) -> None:
        behind = {state for status in JobStatus for state in states_of(status)}
        assert behind == set(states_of(None)) == set(StepState) - {StepState.SKIPPED}


class TestCursors:
    @given(st.sampled_from(list(StepState)), step_names)
    def test_a_cursor_tells_where_the_page_ended(self, state: StepState, step: str) -> None:
        row = row_of(state, step=step)
        assert mark_of(cursor_after(row)) == Mark(row.moment, row.photo_id, step)

    @pytest.mark.parametrize(
        "cursor",
        [
            "nonsense",
            encode_cursor("2026-05-01T12:00:00", str(new_id()), "derive"),
            encode_cursor("yesterday", str(new_id()), "derive"),
            encode_cursor("2026-05-01T12:00:00+00:00", "7", "derive"),
            encode_cursor("2026-05-01T12:00:00+00:00", str(new_id()), "a\0b"),
            encode_cursor("2026-05-01T12:00:00+00:00", str(new_id())),
        ],
        ids=["no cursor", "no zone", "no time", "no id", "no step", "too short"],
    )
    def test_a_cursor_of_something_else_is_refused(self, cursor: str) -> None:
        with pytest.raises(BadCursorError):
            mark_of(cursor)


@pytest.mark.req("ADM-1")
class TestQueues:
    def test_an_empty_queue_has_no_rates(self) -> None:
        queue = queue_of("derive", Depth("derive"), [], None, {}, NOW)
        assert (queue.waiting, queue.done, queue.mean_duration_s, queue.pause) == (0, 0, None, None)

    def test_ends_of_runs_are_added_up_by_what_they_mean(self) -> None:
        ended = [
            Ended("derive", "done", "", 6, 3.0),
            Ended("derive", "skipped", "", 1, 0.0),
            Ended("derive", "retried", "internal", 2, 1.0),
            Ended("derive", "failed", "internal", 1, 2.0),
        ]
        queue = queue_of("derive", Depth("derive"), ended, None, {}, NOW)
        assert (queue.done, queue.retried, queue.lately_failed) == (7, 2, 1)
        assert queue.mean_duration_s == pytest.approx(0.6)

    @given(st.integers(0, COUNT_BOUND - 1), st.integers(0, 10**7))
    def test_what_can_be_counted_now_is_not_taken_from_the_last_full_count(self, waiting: int, counted: int) -> None:
        full = {"waiting": Measure({"derive": counted}, NOW)}
        queue = queue_of("derive", Depth("derive", waiting), [], None, full, NOW)
        assert (queue.waiting, queue.is_estimate) == (waiting, False)

    @given(st.integers(0, 10**7))
    def test_beyond_the_bound_the_last_full_count_is_told_and_never_less_than_the_bound(self, counted: int) -> None:
        full = {"waiting": Measure({"derive": counted}, NOW)}
        queue = queue_of("derive", Depth("derive", COUNT_BOUND), [], None, full, NOW)
        assert (queue.waiting, queue.is_estimate) == (max(counted, COUNT_BOUND), True)

    def test_a_step_that_waits_for_a_later_try_is_not_late(self) -> None:
        later = Depth("derive", 1, due_since=NOW + timedelta(minutes=1))
        assert queue_of("derive", later, [], None, {}, NOW).due_since is None

    def test_a_pause_is_shown(self) -> None:
        pause = Pause("derive", NOW, None)
        assert queue_of("derive", Depth("derive"), [], pause, {}, NOW).pause is pause


@pytest.mark.req("STO-5")
@pytest.mark.parametrize(
    ("free", "state"),
    [(0, DiskState.FULL), (9, DiskState.FULL), (10, DiskState.LOW), (99, DiskState.LOW), (100, DiskState.OK)],
)
def test_the_disk_is_full_before_it_is_low_before_it_is_well(free: int, state: DiskState) -> None:
    assert disk_state(free, low_below_bytes=100, full_below_bytes=10) is state


@given(st.text())
def test_a_failure_is_one_line_that_the_database_takes(text: str) -> None:
    line = describe_failure(ValueError(text))
    assert line.startswith("ValueError")
    assert not set(line) & {"\n", "\r", "\0"}
    line.encode()


def test_a_failure_of_our_own_begins_with_its_code() -> None:
    assert describe_failure(UnavailableError("the disk is away")) == "unavailable: the disk is away"
