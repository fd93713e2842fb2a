"""Facts about derivatives."""

from dataclasses import dataclass

from afterglow.kernel.events import Event


@dataclass(frozen=True, slots=True)
class CacheLookedThrough(Event):
    """All derivatives were counted, and those that had to go are gone.

    Attributes:
        photos: Photos that have derivatives now.
        size_bytes: What these take up on the disk.
    """

    photos: int
    size_bytes: int
