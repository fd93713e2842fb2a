"""Changes, and where a reader stands among them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Position(NamedTuple):
    """A place in the order of changes; positions of one epoch compare, those of several do not mean anything."""

    epoch: int
    xid: int
    seq: int


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a thing of an owner.

    Attributes:
        type: What the thing is, or `tombstone` when it has gone.
        data: Of a tombstone: what has gone, and why. Otherwise none: the thing itself is asked.
    """

    position: Position
    type: str
    entity_id: UUID
    data: Mapping[str, str] | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Horizon:
    """What can be read at a moment.

    Attributes:
        epoch: The present one.
        xid: Every transaction below is over; what it changed is told, and what others change comes behind.
        floor: Changes up to here have been pruned; None while none have.
    """

    epoch: int
    xid: int
    floor: Position | None
