"""What the pipeline hands to its SQL."""

from dataclasses import dataclass

from afterglow.features.photos.models import Derived, PhotoStatus
from afterglow.kernel.ids import PhotoId, UserId


@dataclass(frozen=True, slots=True)
class Settled:
    """The status that follows from a photo's steps.

    Attributes:
        derived: What the pixels told, where a run has just found it out.
    """

    photo_id: PhotoId
    owner_id: UserId
    status: PhotoStatus
    derived: Derived | None = None
