"""Wire types of uploads."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints, field_validator

from afterglow.features.ingest.models import Accepted, Receipt
from afterglow.features.uploads.models import UploadRequest, UploadSession
from afterglow.features.uploads.rules import representable
from afterglow.features.uploads.service import OpenedSession
from afterglow.infra.web.filenames import clean_name
from afterglow.infra.web.schemas import UtcTime, WireModel
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId

Hex = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$", to_lower=True)]
MAX_CHECKSUMS = 10_000


class ReceiptOut(WireModel):
    """What is proven of a file's bytes now; a client may free its own copy from `stored` on."""

    state: Literal["received", "stored", "replicated"]
    at: UtcTime

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """Return the wire form."""
        return cls(state=receipt.state.value, at=receipt.at)


class OpenSession(WireModel):
    """A file to be uploaded in parts."""

    filename: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    size: int = Field(ge=0)
    checksum: Hex | None = None
    modified_at: AwareDatetime | None = None
    device_id: UUID | None = None

    @field_validator("filename")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        return clean_name(value)

    @field_validator("modified_at")
    @classmethod
    def _without_absurd_years(cls, value: datetime | None) -> datetime | None:
        return representable(value) if value else None

    def to_request(self) -> UploadRequest:
        """Return what the service takes."""
        checksum = Checksum.parse(self.checksum) if self.checksum else None
        return UploadRequest(self.filename, self.size, checksum, self.modified_at, self.device_id)


class UploadSessionOut(WireModel):
    """A new upload session; with `alreadyExists` or `tombstoned` there is nothing to send."""

    id: UUID
    upload_url: str
    chunk_size: int
    offset: int
    expires_at: UtcTime
    already_exists: bool
    photo_id: UUID | None = None
    in_trash: bool = False
    tombstoned: bool = False

    @classmethod
    def of(cls, opened: OpenedSession, chunk_bytes: int) -> Self:
        """Return the wire form."""
        session, settled = opened.session, opened.settled
        return cls(
            id=session.id,
            upload_url=f"/api/upload-sessions/{session.id}/chunks",
            chunk_size=chunk_bytes,
            offset=session.offset_bytes,
            expires_at=session.expires_at,
            already_exists=settled is not None and settled.is_duplicate,
            photo_id=session.photo_id,
            in_trash=settled is not None and settled.is_in_trash,
            tombstoned=settled is not None and settled.is_tombstoned,
        )


class SessionStateOut(WireModel):
    """Where an upload session stands."""

    offset: int
    size: int
    chunk_size: int
    state: Literal["open", "done"]
    expires_at: UtcTime
    photo_id: UUID | None = None

    @classmethod
    def of(cls, session: UploadSession, chunk_bytes: int) -> Self:
        """Return the wire form."""
        return cls(
            offset=session.offset_bytes,
            size=session.size_bytes,
            chunk_size=chunk_bytes,
            state=session.state.value,
            expires_at=session.expires_at,
            photo_id=session.photo_id,
        )


class OffsetOut(WireModel):
    """Bytes that are durable on the server's disk."""

    offset: int


class AcceptedOut(WireModel):
    """What became of a file."""

    photo_id: UUID | None = None
    status: str | None = None
    checksum: str
    receipt: ReceiptOut | None = None
    duplicate: bool = False
    in_trash: bool = False
    tombstoned: bool = False

    @classmethod
    def of(cls, accepted: Accepted) -> Self:
        """Return the wire form."""
        return cls(
            photo_id=accepted.photo_id,
            status=accepted.status.value if accepted.status else None,
            checksum=str(accepted.checksum),
            receipt=ReceiptOut.of(accepted.receipt) if accepted.receipt else None,
            duplicate=accepted.is_duplicate,
            in_trash=accepted.is_in_trash,
            tombstoned=accepted.is_tombstoned,
        )


class ReceiptsIn(WireModel):
    """Checksums to ask about."""

    checksums: list[Hex] = Field(max_length=MAX_CHECKSUMS)


class ReceiptItem(WireModel):
    """A receipt for one of the checksums; those that the server does not have for this owner are left out."""

    checksum: str
    state: Literal["received", "stored", "replicated"]
    at: UtcTime
    photo_id: UUID

    @classmethod
    def of(cls, checksum: Checksum, photo_id: PhotoId, receipt: Receipt) -> Self:
        """Return the wire form."""
        return cls(checksum=str(checksum), state=receipt.state.value, at=receipt.at, photo_id=photo_id)


class ReceiptsOut(WireModel):
    """Receipts, in the order of the checksums asked for."""

    items: list[ReceiptItem]
