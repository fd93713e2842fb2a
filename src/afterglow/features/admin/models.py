"""What administration shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartHealth:
    """Whether a part of the node is well, and what is wrong if it is not."""

    name: str
    is_well: bool
    problem: str | None = None
