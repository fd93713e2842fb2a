"""The composed photo."""

from collections.abc import Sequence
from dataclasses import dataclass

from afterglow.features.ingest.models import Receipt
from afterglow.features.photos.models import Photo
from afterglow.features.steps.models import Step


@dataclass(frozen=True, slots=True)
class PhotoDetails:
    """A photo with its steps and what is proven of its bytes."""

    photo: Photo
    steps: Sequence[Step]
    is_processing: bool
    receipt: Receipt
