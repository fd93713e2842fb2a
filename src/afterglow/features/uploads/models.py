"""Rows of uploads."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UploadId, UserId


class SessionState(StrEnum):
    """Where an upload session stands."""

    OPEN = "open"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class UploadSession:
    """An upload in parts. `offset_bytes` is durable: the disk has it, whatever happens."""

    id: UploadId
    owner_id: UserId
    filename: str
    size_bytes: int
    checksum: Checksum | None
    modified_at: datetime | None
    device_id: UUID | None
    offset_bytes: int
    state: SessionState
    photo_id: PhotoId | None
    updated_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What a client wants to upload."""

    filename: str
    size_bytes: int
    checksum: Checksum | None = None
    modified_at: datetime | None = None
    device_id: UUID | None = None
