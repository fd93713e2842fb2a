"""Pages of the feed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from afterglow.features.changes.models import Position
from afterglow.features.details.models import PhotoDetails
from afterglow.kernel.ids import PhotoId


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """Where a reader stands.

    Attributes:
        position: Of the last change that was read; while things are still walked, of where the changes begin.
        walked: The last photo of the walk; None when the walk is over.
    """

    position: Position
    walked: PhotoId | None = None


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Something has gone."""

    entity_id: UUID
    data: Mapping[str, str]
    at: datetime


@dataclass(frozen=True, slots=True)
class FeedPage:
    """News in their order, and where to go on.

    Attributes:
        has_more: Whether there are more at once.
    """

    items: Sequence[PhotoDetails | Tombstone]
    cursor: FeedCursor
    has_more: bool
