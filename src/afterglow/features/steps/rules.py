"""What follows from an error: another try and when, or the end. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from afterglow.kernel.errors import AfterglowError, CorruptError, InvalidError, LimitReachedError, UnavailableError

# Exponential back-off with full jitter: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015).
BACKOFF_BASE = timedelta(seconds=5)
BACKOFF_CAP = timedelta(hours=1)
UNAVAILABLE_CAP = timedelta(minutes=5)
MAX_ERROR_CHARS = 500


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Run the step again after a while.

    Attributes:
        delay: Not before this much from now.
        counts: Whether this try counts towards the maximum.
    """

    delay: timedelta
    counts: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The step has failed until a person or a new version asks for it again."""


Verdict = TryAgain | GiveUp


def judge(error: BaseException, *, attempts: int, waits: int, max_attempts: int, jitter: float) -> Verdict:
    """Return what follows from the error of a run.

    Bytes proven bad (`CorruptError`, `InvalidError`, `LimitReachedError`) are never tried again; a part that is away
    (`UnavailableError`) is waited for without counting; anything else gets `max_attempts` runs.

    Args:
        error: What ended the run.
        attempts: Runs so far that count, this one included.
        waits: Runs in a row before this one that ended because a part was away.
        max_attempts: Runs allowed for errors that are not classified.
        jitter: Random share of the back-off (0-1).
    """
    if isinstance(error, UnavailableError):
        return TryAgain(backoff(waits + 1, UNAVAILABLE_CAP, jitter), counts=False)
    if isinstance(error, CorruptError | InvalidError | LimitReachedError) or attempts >= max_attempts:
        return GiveUp()
    return TryAgain(backoff(attempts, BACKOFF_CAP, jitter), counts=True)


def backoff(failures: int, cap: timedelta, jitter: float) -> timedelta:
    """Return the wait after so many failures in a row: doubled for each, capped, and then a random share of it.

    At least half of it is kept, so that a broken part is not asked in a tight loop.
    """
    whole: timedelta = min(BACKOFF_BASE * (1 << min(max(failures - 1, 0), 20)), cap)
    return whole * (0.5 + 0.5 * jitter)


def describe(error: BaseException) -> tuple[str, str]:
    """Return the stable code and the one line, of at most `MAX_ERROR_CHARS`, under which an error is shown."""
    if isinstance(error, AfterglowError):
        return error.code, _one_line(error.message)
    return "internal", _one_line(f"{type(error).__name__}: {error}")


def _one_line(text: str) -> str:
    """Return text that the database takes: file names bring lone surrogates, and bytes of a file anything."""
    printable = text.encode("utf-8", "replace").decode().replace("\0", " ")
    return " ".join(printable.split())[:MAX_ERROR_CHARS]
