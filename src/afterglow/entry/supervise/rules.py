"""When a part that ended is started again, and how long the parts may take to stop."""

from dataclasses import dataclass
from typing import Final

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0
SOUND_RUN_S: Final = 60.0
"""A part that ran this long was sound: what ended it is a new story."""
FLAPPING_ENDS: Final = 5
"""Ends in a row after which a part is reported as dying again and again."""

# Stopping: 10 s are promised, the database's fast shutdown wants a few of them.
HTTP_ALONE_S: Final = 3.0
"""How long the workers wait for http to end first, so that it takes no more work in."""
KILL_AFTER_S: Final = 7.0
"""When http and workers that are still there are killed, from the start of the stop."""
DATABASE_STOP_S: Final = 2.5
"""How long the database may take after that; then it is left to the next start, which adopts it."""


@dataclass(frozen=True, slots=True)
class Restart:
    """What to do about a part that ended."""

    delay_s: float
    ends: int
    """Ends in a row, this one included."""

    @property
    def is_flapping(self) -> bool:
        """Whether the part dies again and again, which a person should hear about."""
        return self.ends >= FLAPPING_ENDS


def plan_restart(earlier_ends: int, ran_s: float) -> Restart:
    """Return when to start a part again: at once at first, ever more slowly while it keeps dying, never not at all.

    Args:
        earlier_ends: Ends in a row before this one (`Restart.ends` of the last plan, 0 at first).
        ran_s: How long it ran this time.
    """
    ends = 1 if ran_s >= SOUND_RUN_S else earlier_ends + 1
    doublings = min(ends - 1, 16)  # bounds the power, not the delay
    return Restart(delay_s=min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**doublings), ends=ends)
