"""Wire types of uploads."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints, field_validator

from afterglow.features.ingest.models import Accepted, Receipt
from afterglow.features.uploads.models import UploadRequest, UploadSession, Usage
from afterglow.features.uploads.rules import representable
from afterglow.features.uploads.service import KnownReceipt, OpenedSession
from afterglow.infra.web.filenames import clean_name
from afterglow.infra.web.schemas import UtcTime, WireModel
from afterglow.kernel.checksums import Checksum

Hex = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$", to_lower=True)]
MAX_CHECKSUMS = 10_000


class ReceiptOut(WireModel):
    """What is proven of a file's bytes now; a client may free its own copy from `stored` on."""

    state: Literal["received", "stored", "replicated"]
    at: UtcTime
    signature: str | None = Field(
        None, description="The whole receipt, signed by this server, to be kept; see docs/formats/receipt.md."
    )

    @classmethod
    def of(cls, receipt: Receipt, signature: str | None = None) -> Self:
        """Return the wire form."""
        return cls(state=receipt.state.value, at=receipt.at, signature=signature)


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
    def of(cls, accepted: Accepted, signature: str | None) -> Self:
        """Return the wire form."""
        return cls(
            photo_id=accepted.photo_id,
            status=accepted.status.value if accepted.status else None,
            checksum=str(accepted.checksum),
            receipt=ReceiptOut.of(accepted.receipt, signature) if accepted.receipt else None,
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
    in_trash: bool = Field(description="The photo lies in the trash; sending it again does not bring it back.")
    signature: str | None = Field(None, description="As in the answer to an upload; only with `?signed=1`.")

    @classmethod
    def of(cls, known: KnownReceipt, signature: str | None) -> Self:
        """Return the wire form."""
        return cls(
            checksum=str(known.checksum),
            state=known.receipt.state.value,
            at=known.receipt.at,
            photo_id=known.photo_id,
            in_trash=known.is_in_trash,
            signature=signature,
        )


class ReceiptsOut(WireModel):
    """Receipts, in the order of the checksums asked for."""

    items: list[ReceiptItem]
    tombstoned: list[str] = Field(
        description="Those of the checksums that the owner has purged: they would not be taken, so don't send them."
    )


class PublicKey(WireModel):
    """A public key of the server, as a JWK (RFC 7517, RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class KeySet(WireModel):
    """The public keys that this server signs receipts with."""

    keys: list[PublicKey]


class UsageOut(WireModel):
    """What an account takes up, in bytes."""

    used_bytes: int = Field(description="Originals of all photos, those in the trash included.")
    announced_bytes: int = Field(description="What unfinished uploads have announced; it counts too.")
    open_sessions: int = Field(description="Unfinished uploads.")
    quota_bytes: int | None = Field(
        description="Most that the account may take up; null: as much as there is room for."
    )

    @classmethod
    def of(cls, usage: Usage, quota_bytes: int | None) -> Self:
        """Return the wire form."""
        return cls(
            used_bytes=usage.used_bytes,
            announced_bytes=usage.announced_bytes,
            open_sessions=usage.open_sessions,
            quota_bytes=quota_bytes,
        )
