from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.features.steps.rules import (
    BACKOFF_BASE,
    BACKOFF_CAP,
    MAX_ERROR_CHARS,
    UNAVAILABLE_CAP,
    GiveUp,
    TryAgain,
    Verdict,
    backoff,
    describe,
    judge,
)
from afterglow.kernel.errors import (
    AfterglowError,
    ConflictError,
    CorruptError,
    ForbiddenError,
    InvalidError,
    LimitReachedError,
    NotFoundError,
    StorageFullError,
    TooLargeError,
    UnavailableError,
    UnsupportedTypeError,
)

pytestmark = pytest.mark.req("LIFE-3")

MAX = 3
CONTENT_ERRORS = [CorruptError, InvalidError, UnsupportedTypeError, LimitReachedError, TooLargeError, StorageFullError]
UNCLASSIFIED = [AfterglowError, ConflictError, ForbiddenError, NotFoundError, ValueError, OSError, MemoryError]

jitters = st.floats(0, 1)
counts = st.integers(0, 10_000)
errors = st.sampled_from([UnavailableError, *CONTENT_ERRORS, *UNCLASSIFIED]).map(lambda error: error())


def verdict(error: BaseException, attempts: int = 1, waits: int = 0, jitter: float = 1.0) -> Verdict:
    return judge(error, attempts=attempts, waits=waits, max_attempts=MAX, jitter=jitter)


@pytest.mark.parametrize("error", CONTENT_ERRORS)
def test_bytes_proven_bad_are_never_tried_again(error: type[Exception]) -> None:
    assert verdict(error()) == GiveUp()


@pytest.mark.parametrize("error", UNCLASSIFIED)
def test_what_is_not_classified_gets_all_attempts_and_no_more(error: type[Exception]) -> None:
    assert [verdict(error(), attempts) for attempts in (1, 2, 3, 4)] == [
        TryAgain(BACKOFF_BASE, counts=True),
        TryAgain(2 * BACKOFF_BASE, counts=True),
        GiveUp(),
        GiveUp(),
    ]


@given(attempts=st.integers(1, 10_000), waits=counts, jitter=jitters)
def test_a_part_that_is_away_is_waited_for_without_end_and_without_counting(
    attempts: int, waits: int, jitter: float
) -> None:
    answer = verdict(UnavailableError(), attempts, waits, jitter)
    assert isinstance(answer, TryAgain)
    assert not answer.counts
    assert BACKOFF_BASE / 2 <= answer.delay <= UNAVAILABLE_CAP


def test_the_longer_a_part_is_away_the_less_it_is_asked() -> None:
    delays = [verdict(UnavailableError(), waits=waits).delay.total_seconds() for waits in range(9)]
    assert delays == [5, 10, 20, 40, 80, 160, 300, 300, 300]


@given(failures=counts, cap=st.sampled_from([BACKOFF_CAP, UNAVAILABLE_CAP]), jitter=jitters)
def test_a_wait_lies_between_half_of_the_doubled_one_and_the_whole(
    failures: int, cap: timedelta, jitter: float
) -> None:
    whole = min(BACKOFF_BASE * 2 ** min(max(failures - 1, 0), 20), cap)
    assert whole / 2 <= backoff(failures, cap, jitter) <= whole


@given(failures=counts, jitter=jitters)
def test_waits_never_get_shorter(failures: int, jitter: float) -> None:
    assert backoff(failures, BACKOFF_CAP, jitter) <= backoff(failures + 1, BACKOFF_CAP, jitter)


@given(error=errors, attempts=st.integers(MAX, 100), waits=counts, jitter=jitters)
def test_nothing_but_absence_is_tried_again_when_the_attempts_are_used_up(
    error: Exception, attempts: int, waits: int, jitter: float
) -> None:
    answer = verdict(error, attempts, waits, jitter)
    assert isinstance(answer, GiveUp) != isinstance(error, UnavailableError)


class PeculiarError(AfterglowError):
    """The disk

    (not shown) says no.
    """

    code = "test.peculiar"


def test_our_own_errors_are_shown_by_code_and_message() -> None:
    assert describe(PeculiarError()) == ("test.peculiar", "The disk")
    assert describe(PeculiarError("line\n two")) == ("test.peculiar", "line two")


def test_others_are_shown_by_type() -> None:
    assert describe(KeyError("width")) == ("internal", "KeyError: 'width'")


@given(text=st.text(st.characters(), max_size=2 * MAX_ERROR_CHARS), own=st.booleans())
def test_whatever_a_message_holds_it_is_shown_on_one_line_that_the_database_takes(text: str, own: bool) -> None:
    code, shown = describe(PeculiarError(text) if own else ValueError(text))
    assert code == ("test.peculiar" if own else "internal")
    assert len(shown) <= MAX_ERROR_CHARS
    assert "\0" not in shown
    assert len(shown.splitlines()) <= 1
    assert shown.encode("utf-8").decode() == shown
