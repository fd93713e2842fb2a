"""Wire types of downloads."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from afterglow.features.downloads.models import MissingFile
from afterglow.features.downloads.service import MAX_PHOTOS, Ordered
from afterglow.features.photos.models import PhotoFilter, PhotoStatus
from afterglow.infra.web.schemas import UtcTime, WireModel


class PhotoQuery(WireModel):
    """Which photos are meant: the filters of `GET /api/photos`. An unknown one is refused rather than ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    status: PhotoStatus | None = None
    favorite: bool | None = None
    archived: bool = False
    kind: Literal["photo", "video"] | None = None
    taken_from: datetime | None = Field(None, alias="from", description="wall clock, first moment")
    taken_to: datetime | None = Field(None, alias="to", description="wall clock, first moment after")

    def to_filter(self) -> PhotoFilter:
        """Return what the service takes."""
        taken_from, taken_to = (moment and moment.replace(tzinfo=None) for moment in (self.taken_from, self.taken_to))
        return PhotoFilter(self.status, self.favorite, self.archived, self.kind, taken_from, taken_to)


class OrderDownload(WireModel):
    """What is to be downloaded: photos by id, or all that match a query."""

    photo_ids: list[UUID] | None = Field(None, min_length=1, max_length=MAX_PHOTOS)
    album_id: UUID | None = Field(None, description="not supported yet")
    query: PhotoQuery | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if [self.photo_ids, self.album_id, self.query].count(None) != 2:  # noqa: PLR2004 (all but one)
            raise ValueError("exactly one of photoIds, albumId and query is needed")
        return self


class MissingOut(WireModel):
    """A chosen file that is not in the archive."""

    photo_id: UUID
    filename: str
    role: Literal["primary", "motion", "raw", "sidecar", "edit"]
    reason: Literal["in-trash", "not-held", "missing", "damaged"]

    @classmethod
    def of(cls, missing: MissingFile) -> Self:
        """Return the wire form."""
        file = missing.file
        return cls(photo_id=file.photo_id, filename=file.name, role=file.role, reason=missing.reason.value)


class OrderedOut(WireModel):
    """An archive that waits to be downloaded."""

    url: str = Field(description="gives the archive to whoever holds it, in any number of ranges, until it expires")
    filename: str
    size: int = Field(description="of the archive, in bytes")
    count: int = Field(description="files of photos in it; a live photo has two")
    missing: list[MissingOut] = Field(description="chosen, but not in it; also named in its manifest")
    expires_at: UtcTime

    @classmethod
    def of(cls, ordered: Ordered) -> Self:
        """Return the wire form."""
        plan = ordered.plan
        return cls(
            url=ordered.url,
            filename=plan.filename,
            size=plan.size_bytes,
            count=len(plan.items),
            missing=[MissingOut.of(missing) for missing in plan.missing],
            expires_at=ordered.expires_at,
        )
