"""Wire types of the composed photo."""

import base64
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field

from afterglow.features.details.models import PhotoDetails
from afterglow.features.photos.models import Camera, PhotoStatus, Position
from afterglow.features.steps.models import Step, StepState
from afterglow.infra.web.schemas import LocalTime, PageOut, UtcTime, WireModel


class PlaceOut(WireModel):
    """Where a photo was taken; the names of the place follow in a later version."""

    latitude: float
    longitude: float
    city: str | None = None
    region: str | None = None
    country: str | None = None

    @classmethod
    def of(cls, position: Position | None) -> Self | None:
        """Return the wire form."""
        return cls(latitude=position.latitude, longitude=position.longitude) if position else None


class CameraOut(WireModel):
    """What took the photo, and how: exposure in seconds, focal length in millimetres."""

    make: str | None
    model: str | None
    lens: str | None
    iso: int | None
    aperture: float | None
    exposure: float | None
    focal_length: float | None

    @classmethod
    def of(cls, camera: Camera) -> Self | None:
        """Return the wire form; None where nothing is known."""
        if camera == Camera():
            return None
        return cls(
            make=camera.make,
            model=camera.model,
            lens=camera.lens,
            iso=camera.iso,
            aperture=camera.aperture,
            exposure=camera.exposure_s,
            focal_length=camera.focal_length_mm,
        )


class StepOut(WireModel):
    """A stage of the pipeline for this photo."""

    step: str
    state: Literal["waiting", "running", "done", "failed", "skipped"]
    reason: str | None
    attempts: int
    version: int
    error: str | None
    error_code: str | None
    next_try_at: UtcTime | None

    @classmethod
    def of(cls, step: Step) -> Self:
        """Return the wire form."""
        return cls(
            step=step.name,
            state=step.state.value,
            reason=step.reason,
            attempts=step.attempts,
            version=step.version,
            error=step.error,
            error_code=step.error_code,
            next_try_at=step.next_try_at,
        )


class AiStatusOut(WireModel):
    """Where the machine learning steps stand."""

    state: Literal["none", "waiting", "running", "done", "failed"] = "none"
    started_at: UtcTime | None = None
    completed_at: UtcTime | None = None


class PhotoReceiptOut(WireModel):
    """What is proven of the original's bytes."""

    state: Literal["received", "stored", "replicated"]
    at: UtcTime


class PhotoOut(WireModel):
    """A photo."""

    id: UUID
    owner_id: UUID
    status: PhotoStatus
    is_processing: bool
    is_stored: bool
    checksum: str | None
    size: int
    kind: Literal["photo", "video"]
    mime: str
    filename: str
    width: int | None
    height: int | None
    duration_ms: int | None
    taken_at: UtcTime
    taken_local: LocalTime
    offset_minutes: int | None
    taken_source: str
    place: PlaceOut | None
    camera: CameraOut | None
    placeholder: str | None = Field(description="thumbhash, base64")
    ratio: float | None
    damaged: str | None = Field(description="what was wrong with a file that is shown as far as it decodes")
    favorite: bool
    archived: bool
    sensitive: bool
    category: str | None
    is_primary: bool
    rating: int | None
    description: str
    tags: list[str]
    labels: list[dict[str, Any]]
    organization_status: Literal["unorganized", "organized", "ignored"]
    organized_at: UtcTime | None
    ai_status: AiStatusOut
    deleted_at: UtcTime | None
    created_at: UtcTime
    updated_at: UtcTime
    v: int = Field(description="version of the derivatives for their URLs; 0 while there are none")
    steps: list[StepOut]
    jobs: list[UUID]
    receipt: PhotoReceiptOut

    @classmethod
    def of(cls, details: PhotoDetails) -> Self:
        """Return the wire form."""
        photo, steps = details.photo, details.steps
        return cls.model_validate(
            {
                "id": photo.id,
                "owner_id": photo.owner_id,
                "status": photo.status,
                "is_processing": details.is_processing,
                "is_stored": photo.is_stored,
                "checksum": str(photo.checksum) if photo.checksum else None,
                "size": photo.size_bytes,
                "kind": photo.kind,
                "mime": photo.mime,
                "filename": photo.filename,
                "width": photo.width,
                "height": photo.height,
                "duration_ms": photo.duration_ms,
                "taken_at": photo.taken.at,
                "taken_local": photo.taken.local,
                "offset_minutes": photo.taken.offset_minutes,
                "taken_source": photo.taken.source,
                "place": PlaceOut.of(photo.position),
                "camera": CameraOut.of(photo.camera),
                "placeholder": base64.b64encode(photo.placeholder).decode() if photo.placeholder else None,
                "ratio": round(photo.ratio, 4) if photo.ratio else None,
                "damaged": photo.damaged,
                "favorite": photo.favorite,
                "archived": photo.archived,
                "sensitive": photo.sensitive,
                "category": photo.category,
                "is_primary": photo.is_primary,
                "rating": photo.rating,
                "description": photo.description,
                "tags": list(photo.tags),
                "labels": [],
                "organization_status": photo.organization_status,
                "organized_at": photo.organized_at,
                "ai_status": AiStatusOut(),
                "deleted_at": photo.deleted_at,
                "created_at": photo.created_at,
                "updated_at": photo.updated_at,
                "v": photo.derive_version,
                "steps": [StepOut.of(step) for step in steps],
                "jobs": [step.run_id for step in steps if step.state is StepState.RUNNING and step.run_id],
                "receipt": PhotoReceiptOut(state=details.receipt.state.value, at=details.receipt.at),
            }
        )


class MetadataOut(WireModel):
    """The whole raw tag set of the file."""

    exif: dict[str, Any]
    notes: list[str] = Field(description="what was dropped because it can't be true")


class TrashOut(PageOut[PhotoOut]):
    """A page of the trash."""

    retention_days: int = Field(description="days after its deletion until a photo is purged")
