"""Facts about photos."""

from collections.abc import Sequence
from dataclasses import dataclass

from afterglow.kernel.events import Event
from afterglow.kernel.ids import PhotoId, UserId


@dataclass(frozen=True, slots=True)
class PhotosTrashed(Event):
    """These photos of an owner went into the trash."""

    owner_id: UserId
    photo_ids: Sequence[PhotoId]


@dataclass(frozen=True, slots=True)
class PhotosRestored(Event):
    """These photos of an owner came out of the trash, as they were."""

    owner_id: UserId
    photo_ids: Sequence[PhotoId]
