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
    tus_metadata: str | None = None


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What a client wants to upload."""

    filename: str
    size_bytes: int
    checksum: Checksum | None = None
    modified_at: datetime | None = None
    device_id: UUID | None = None
    tus_metadata: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What an owner's files take up.

    Attributes:
        used_bytes: Sizes of all files, those in the trash included.
        announced_bytes: Sizes that open sessions have announced, whatever of them has arrived.
        open_sessions: How many those are.
    """

    used_bytes: int
    announced_bytes: int
    open_sessions: int


@dataclass(frozen=True, slots=True)
class ExpectedDigest:
    """What a client says that the bytes of one request hash to.

    Attributes:
        algorithm: As `hashlib` names it.
        digest: The hash.
    """

    algorithm: str
    digest: bytes
