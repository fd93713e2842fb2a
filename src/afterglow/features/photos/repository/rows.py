"""A photo as rows hold it: its columns, and the way from and to them."""

from afterglow.features.photos.models import Camera, Facts, Photo, PhotoStatus, Position, Taken
from afterglow.infra.db.database import Record
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId

# When the original of the file `f` was verified at home. LATERAL with its LIMIT keeps the planner to one look-up for
# each row: a table that was never analysed, as in a new library, it would take for empty, and read it whole instead.
LOCATION = """
    LEFT JOIN LATERAL (
        SELECT verified_at FROM original_locations
        WHERE checksum = f.checksum AND store = 'home' AND state = 'present'
        LIMIT 1
    ) AS l ON true
"""

# One photo with its primary file and the moment its original was verified at home.
PHOTO = f"""
    SELECT p.id, p.owner_id, p.status, p.kind, p.mime, p.filename, p.width, p.height, p.orientation, p.duration_ms,
           p.taken_local, p.taken_at, p.offset_minutes, p.taken_source, p.latitude, p.longitude, p.altitude_m,
           p.camera_make, p.camera_model, p.lens, p.iso, p.aperture, p.exposure_s, p.focal_length_mm,
           p.placeholder, p.derive_version, p.damaged, p.favorite, p.archived, p.sensitive, p.category, p.is_primary,
           p.rating, p.description, p.tags, p.organization_status, p.organized_at, p.deleted_at, p.created_at,
           p.updated_at, f.checksum, f.size_bytes, l.verified_at AS stored_at
    FROM photos p
    CROSS JOIN LATERAL (
        SELECT checksum, size_bytes FROM photo_files
        WHERE photo_id = p.id AND owner_id = p.owner_id AND role = 'primary'
        LIMIT 1
    ) AS f
    {LOCATION}
"""


FACT_NAMES = (
    "width",
    "height",
    "orientation",
    "taken_local",
    "taken_at",
    "offset_minutes",
    "taken_source",
    "latitude",
    "longitude",
    "altitude_m",
    "camera_make",
    "camera_model",
    "lens",
    "iso",
    "aperture",
    "exposure_s",
    "focal_length_mm",
    "rating",
    "description",
    "tags",
)
FACT_COUNT = len(FACT_NAMES)
FACT_COLUMNS = ", ".join(FACT_NAMES)


def fact_values(facts: Facts) -> tuple[object, ...]:
    """Return the values of `FACT_COLUMNS`."""
    position = facts.position
    camera = facts.camera
    return (
        facts.width,
        facts.height,
        facts.orientation,
        facts.taken.local,
        facts.taken.at,
        facts.taken.offset_minutes,
        facts.taken.source,
        position.latitude if position else None,
        position.longitude if position else None,
        position.altitude_m if position else None,
        camera.make,
        camera.model,
        camera.lens,
        camera.iso,
        camera.aperture,
        camera.exposure_s,
        camera.focal_length_mm,
        facts.rating,
        facts.description,
        list(facts.tags),
    )


def placeholders(first: int, count: int) -> str:
    """Return `$first, …` for so many parameters."""
    return ", ".join(f"${number}" for number in range(first, first + count))


def photo_of(row: Record) -> Photo:
    """Return a row of `PHOTO` as what it is."""
    return Photo(
        id=PhotoId(row["id"]),
        owner_id=UserId(row["owner_id"]),
        status=PhotoStatus(row["status"]),
        kind=row["kind"],
        mime=row["mime"],
        filename=row["filename"],
        size_bytes=row["size_bytes"],
        checksum=Checksum(row["checksum"]) if row["checksum"] else None,
        width=row["width"],
        height=row["height"],
        orientation=row["orientation"],
        duration_ms=row["duration_ms"],
        taken=Taken(row["taken_local"], row["taken_at"], row["offset_minutes"], row["taken_source"]),
        position=_position(row),
        camera=Camera(
            row["camera_make"],
            row["camera_model"],
            row["lens"],
            row["iso"],
            row["aperture"],
            row["exposure_s"],
            row["focal_length_mm"],
        ),
        placeholder=row["placeholder"],
        derive_version=row["derive_version"],
        damaged=row["damaged"],
        favorite=row["favorite"],
        archived=row["archived"],
        sensitive=row["sensitive"],
        category=row["category"],
        is_primary=row["is_primary"],
        rating=row["rating"],
        description=row["description"],
        tags=tuple(row["tags"]),
        organization_status=row["organization_status"],
        organized_at=row["organized_at"],
        stored_at=row["stored_at"],
        deleted_at=row["deleted_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _position(row: Record) -> Position | None:
    if row["latitude"] is None or row["longitude"] is None:
        return None
    return Position(row["latitude"], row["longitude"], row["altitude_m"])
