"""Wire types of the trash and of tombstones."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from afterglow.features.photos.models import Refusal, Tombstone
from afterglow.infra.web.schemas import UtcTime, WireModel
from afterglow.kernel.ids import PhotoId

MAX_PHOTOS = 50_000
Hex = Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{64}$", to_lower=True)]


class PhotoIdsIn(WireModel):
    """Photos by their ids, in any order; those that the caller does not have are passed over."""

    photo_ids: list[UUID] = Field(max_length=MAX_PHOTOS)

    def to_ids(self) -> list[PhotoId]:
        """Return what the service takes."""
        return [PhotoId(photo_id) for photo_id in self.photo_ids]


class UpdatedOut(WireModel):
    """How many photos were changed; those that were in the wanted state already don't count."""

    updated: int


class PurgedOut(WireModel):
    """How many photos are gone: at once for everybody, and from the disk within minutes."""

    purged: int


class RefusalOut(WireModel):
    """A source that tried to bring a purged file back."""

    name: str
    device_id: UUID | None
    kind: str
    last_at: UtcTime
    count: int

    @classmethod
    def of(cls, refusal: Refusal) -> Self:
        """Return the wire form."""
        return cls.model_validate(refusal)


class TombstoneOut(WireModel):
    """A purged file; uploads of it are refused until it is allowed again."""

    checksum: str
    filename: str
    created_at: UtcTime
    allowed_at: UtcTime | None
    refusals: list[RefusalOut] = Field(description="the latest sources, latest first; at most 20")
    refused_count: int = Field(description="attempts of all sources")
    last_refused_at: UtcTime | None

    @classmethod
    def of(cls, tombstone: Tombstone) -> Self:
        """Return the wire form."""
        return cls(
            checksum=str(tombstone.checksum),
            filename=tombstone.filename,
            created_at=tombstone.created_at,
            allowed_at=tombstone.allowed_at,
            refusals=[RefusalOut.of(refusal) for refusal in tombstone.refusals],
            refused_count=tombstone.refused_count,
            last_refused_at=tombstone.last_refused_at,
        )
