"""Events: facts that one feature tells, in the transaction in which they became true."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that became true in this transaction. Subclasses live in their feature's `events.py`."""
