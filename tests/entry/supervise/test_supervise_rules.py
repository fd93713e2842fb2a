from hypothesis import given
from hypothesis import strategies as st

from afterglow.entry.supervise.rules import (
    DATABASE_STOP_S,
    FIRST_DELAY_S,
    FLAPPING_ENDS,
    HTTP_ALONE_S,
    KILL_AFTER_S,
    LONGEST_DELAY_S,
    SOUND_RUN_S,
    plan_restart,
)

short_runs = st.floats(min_value=0, max_value=SOUND_RUN_S, exclude_max=True)


def test_a_part_that_dies_for_the_first_time_is_started_again_almost_at_once() -> None:
    assert plan_restart(earlier_ends=0, ran_s=1).delay_s == FIRST_DELAY_S


@given(ends=st.integers(min_value=0, max_value=10_000), ran_s=short_runs)
def test_each_early_end_lengthens_the_pause_up_to_a_bound(ends: int, ran_s: float) -> None:
    first, second = plan_restart(ends, ran_s), plan_restart(ends + 1, ran_s)
    assert second.ends == first.ends + 1
    assert first.delay_s <= second.delay_s <= LONGEST_DELAY_S
    assert second.delay_s in (first.delay_s * 2, LONGEST_DELAY_S)


@given(ends=st.integers(min_value=0, max_value=10_000), ran_s=st.floats(min_value=SOUND_RUN_S, max_value=1e9))
def test_a_sound_run_forgets_what_was_before(ends: int, ran_s: float) -> None:
    assert plan_restart(ends, ran_s) == plan_restart(0, 0)


@given(ends=st.integers(min_value=0, max_value=100), ran_s=short_runs)
def test_a_part_flaps_when_it_died_again_and_again(ends: int, ran_s: float) -> None:
    assert plan_restart(ends, ran_s).is_flapping == (ends + 1 >= FLAPPING_ENDS)


def test_the_budgets_of_a_stop_fit_into_the_promised_ten_seconds() -> None:
    assert HTTP_ALONE_S < KILL_AFTER_S
    assert KILL_AFTER_S + DATABASE_STOP_S < 10
