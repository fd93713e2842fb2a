"""What comes to the door, and what leaves it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from afterglow.features.photos.models import PhotoStatus, Source
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UploadId, UserId


class ReceiptState(StrEnum):
    """What is proven of a file's bytes, from least to most."""

    RECEIVED = "received"
    """Complete and verified in the spool or at the edge."""
    STORED = "stored"
    """Verified at home."""
    REPLICATED = "replicated"
    """A second verified copy exists."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A proof given to a client: it may rely on it to free its own space."""

    state: ReceiptState
    at: datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """A complete file in the spool, asking to become a photo.

    Attributes:
        upload_id: Its part in the spool; nobody writes to it any more.
        owner_id: Whose photo it will be.
        source: Where it came from; the name is shown as the photo's file name.
        checksum: What the sender says its checksum is, if it did.
        size_bytes: How many bytes were durably received; None if that was this process, just now.
    """

    upload_id: UploadId
    owner_id: UserId
    source: Source
    checksum: Checksum | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The door's answer.

    Attributes:
        photo_id: The photo with these bytes; None when the owner has purged them before (`is_tombstoned`).
        received_at: When these bytes became this photo.
        is_duplicate: The owner had the photo already.
        is_in_trash: And it lies in the trash, where it stays.
        is_tombstoned: The owner purged these bytes; nothing was kept.
    """

    checksum: Checksum
    photo_id: PhotoId | None
    status: PhotoStatus | None = None
    receipt: Receipt | None = None
    received_at: datetime | None = None
    is_duplicate: bool = False
    is_in_trash: bool = False
    is_tombstoned: bool = False
