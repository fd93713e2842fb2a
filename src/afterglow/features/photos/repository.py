"""SQL of photos, their files, sources and originals."""

import json
from collections.abc import Sequence
from datetime import datetime

from afterglow.features.photos.models import (
    Camera,
    Derived,
    Facts,
    Known,
    NewPhoto,
    Photo,
    PhotoFilter,
    PhotoStatus,
    Position,
    Source,
    Taken,
)
from afterglow.infra.db.database import Record, Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId, new_id

# One photo with its primary file and the moment its original was verified at home.
_PHOTO = """
    SELECT p.id, p.owner_id, p.status, p.kind, p.mime, p.filename, p.width, p.height, p.orientation, p.duration_ms,
           p.taken_local, p.taken_at, p.offset_minutes, p.taken_source, p.latitude, p.longitude, p.altitude_m,
           p.camera_make, p.camera_model, p.lens, p.iso, p.aperture, p.exposure_s, p.focal_length_mm,
           p.placeholder, p.derive_version, p.damaged, p.favorite, p.archived, p.sensitive, p.category, p.is_primary,
           p.rating, p.description, p.tags, p.organization_status, p.organized_at, p.deleted_at, p.created_at,
           p.updated_at, f.checksum, f.size_bytes, l.verified_at AS stored_at
    FROM photos p
    JOIN photo_files f ON f.photo_id = p.id AND f.owner_id = p.owner_id AND f.role = 'primary'
    LEFT JOIN original_locations l ON l.checksum = f.checksum AND l.store = 'home' AND l.state = 'present'
"""


async def keep_original(tx: Tx, checksum: Checksum, size_bytes: int, sha1: bytes, store: str, key: str) -> None:
    """Record an original and where it lies verified; idempotent, and shared by all owners."""
    await tx.execute("SELECT keep_original($1, $2, $3, $4, $5)", checksum, size_bytes, sha1, store, key)


async def list_unknown_objects(tx: Tx, store: str, keys: Sequence[str]) -> list[str]:
    """Return those of the keys that no location names, across owners."""
    return [row["key"] for row in await tx.fetch("SELECT key FROM unknown_objects($1, $2::text[])", store, keys)]


async def insert_photo(tx: Tx, photo: NewPhoto) -> None:
    """Create the photo's row; its status is INGESTED."""
    facts = photo.facts
    await tx.execute(
        f"""
        INSERT INTO photos (
            id, owner_id, status, kind, mime, filename, created_at, updated_at, {_FACT_COLUMNS})
        VALUES ($1, $2, 'INGESTED', $3, $4, $5, $6, $6, {_placeholders(7, _FACT_COUNT)})
        """,
        photo.id,
        photo.owner_id,
        photo.kind,
        photo.mime,
        photo.filename,
        tx.now,
        *_fact_values(facts),
    )


async def insert_primary_file(tx: Tx, photo: NewPhoto, source: str) -> None:
    """Name the photo's original."""
    await tx.execute(
        """
        INSERT INTO photo_files (id, photo_id, owner_id, role, checksum, size_bytes, mime, name, source, created_at)
        VALUES ($1, $2, $3, 'primary', $4, $5, $6, $7, $8, $9)
        """,
        new_id(),
        photo.id,
        photo.owner_id,
        photo.checksum,
        photo.size_bytes,
        photo.mime,
        photo.filename,
        source,
        tx.now,
    )


async def upsert_metadata(tx: Tx, owner_id: UserId, photo_id: PhotoId, facts: Facts) -> None:
    """Keep the whole raw tag set, and what was dropped from it."""
    await tx.execute(
        """
        INSERT INTO photo_metadata (photo_id, owner_id, tags, notes) VALUES ($1, $2, $3::jsonb, $4)
        ON CONFLICT (photo_id) DO UPDATE SET tags = excluded.tags, notes = excluded.notes
        """,
        photo_id,
        owner_id,
        json.dumps(dict(facts.raw_tags), allow_nan=False),
        list(facts.notes),
    )


async def insert_source(tx: Tx, owner_id: UserId, photo_id: PhotoId, source: Source) -> None:
    """Remember where the photo came from, once for each place."""
    await tx.execute(
        """
        INSERT INTO photo_sources (id, photo_id, owner_id, kind, name, modified_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT DO NOTHING
        """,
        new_id(),
        photo_id,
        owner_id,
        source.kind,
        source.name,
        source.modified_at,
        tx.now,
    )


async def find_known(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> list[Known]:
    """Return the owner's photos that have these bytes."""
    rows = await tx.fetch(
        """
        SELECT f.checksum, f.photo_id, f.created_at AS received_at, p.deleted_at, l.verified_at AS stored_at
        FROM photo_files f
        JOIN photos p ON p.id = f.photo_id AND p.owner_id = f.owner_id
        LEFT JOIN original_locations l ON l.checksum = f.checksum AND l.store = 'home' AND l.state = 'present'
        WHERE f.owner_id = $1 AND f.checksum = ANY ($2::bytea[])
        """,
        owner_id,
        checksums,
    )
    return [
        Known(
            photo_id=PhotoId(row["photo_id"]),
            checksum=Checksum(row["checksum"]),
            in_trash=row["deleted_at"] is not None,
            stored_at=row["stored_at"],
            received_at=row["received_at"],
        )
        for row in rows
    ]


async def find_tombstones(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> set[Checksum]:
    """Return those of the checksums that the owner has purged."""
    rows = await tx.fetch(
        "SELECT checksum FROM tombstones WHERE owner_id = $1 AND checksum = ANY ($2::bytea[])", owner_id, checksums
    )
    return {Checksum(row["checksum"]) for row in rows}


async def find_photo(tx: Tx, owner_id: UserId, photo_id: PhotoId) -> Photo | None:
    """Return the owner's photo, also from the trash."""
    row = await tx.fetch_row(f"{_PHOTO} WHERE p.id = $1 AND p.owner_id = $2", photo_id, owner_id)
    return _photo(row) if row else None


async def lock_status(tx: Tx, owner_id: UserId, photo_id: PhotoId) -> PhotoStatus | None:
    """Lock the photo's row until the commit and return its status; rows that only refer to it may be added."""
    value = await tx.fetch_value(
        "SELECT status FROM photos WHERE id = $1 AND owner_id = $2 FOR NO KEY UPDATE", photo_id, owner_id
    )
    return PhotoStatus(value) if value else None


async def list_photos(
    tx: Tx, owner_id: UserId, which: PhotoFilter, after: tuple[datetime, PhotoId] | None, limit: int
) -> list[Photo]:
    """Return photos in timeline order, newest first, after a key; up to `limit`."""
    conditions = ["p.owner_id = $1", "p.deleted_at IS NULL", f"{'' if which.archived else 'NOT '}p.archived"]
    args: list[object] = [owner_id]

    def add(condition: str, *values: object) -> None:
        numbers = [f"${len(args) + index + 1}" for index in range(len(values))]
        args.extend(values)
        conditions.append(condition.format(*numbers))

    # Literals, not parameters, where a partial index is to be proven usable.
    if which.status:
        add(f"p.status = '{which.status.value}'")
    if which.favorite is not None:
        add("p.favorite" if which.favorite else "NOT p.favorite")
    if which.kind == "video":
        add("p.kind = 'video'")
    elif which.kind:
        add("p.kind = {}", which.kind)
    if which.taken_from:
        add("p.taken_local >= {}", which.taken_from)
    if which.taken_to:
        add("p.taken_local < {}", which.taken_to)
    if after:
        add("(p.taken_local, p.id) < ({}, {})", *after)
    rows = await tx.fetch(
        f"{_PHOTO} WHERE {' AND '.join(conditions)} ORDER BY p.taken_local DESC, p.id DESC LIMIT {int(limit)}", *args
    )
    return [_photo(row) for row in rows]


async def update_status(tx: Tx, owner_id: UserId, photo_id: PhotoId, status: PhotoStatus) -> None:
    """Set the status; the database checks the transition."""
    await tx.execute(
        "UPDATE photos SET status = $3, updated_at = $4 WHERE id = $1 AND owner_id = $2 AND status <> $3",
        photo_id,
        owner_id,
        status.value,
        tx.now,
    )


async def update_derived(tx: Tx, owner_id: UserId, photo_id: PhotoId, derived: Derived, status: PhotoStatus) -> None:
    """Keep what the pixels told, and the status that follows; one statement, so one change and one day's count."""
    await tx.execute(
        """
        UPDATE photos SET width = $3, height = $4, placeholder = $5, perceptual_hash = $6, damaged = $7,
                          derive_version = $8, status = $9, updated_at = $10
        WHERE id = $1 AND owner_id = $2
        """,
        photo_id,
        owner_id,
        derived.width,
        derived.height,
        derived.placeholder,
        derived.perceptual_hash,
        derived.damaged,
        derived.version,
        status.value,
        tx.now,
    )


async def update_facts(tx: Tx, owner_id: UserId, photo_id: PhotoId, facts: Facts) -> None:
    """Replace what the file says; pixels' dimensions, once known, stay."""
    await tx.execute(
        f"""
        UPDATE photos SET width = CASE WHEN derive_version > 0 THEN width ELSE $3 END,
                          height = CASE WHEN derive_version > 0 THEN height ELSE $4 END,
                          ({", ".join(_FACT_NAMES[2:])}) = ROW ({_placeholders(5, _FACT_COUNT - 2)}),
                          updated_at = ${3 + _FACT_COUNT}
        WHERE id = $1 AND owner_id = $2
        """,
        photo_id,
        owner_id,
        *_fact_values(facts),
        tx.now,
    )


async def find_raw_tags(tx: Tx, owner_id: UserId, photo_id: PhotoId) -> tuple[str, list[str]] | None:
    """Return the raw tag set as JSON text, and the notes."""
    row = await tx.fetch_row(
        "SELECT tags::text AS tags, notes FROM photo_metadata WHERE photo_id = $1 AND owner_id = $2", photo_id, owner_id
    )
    return (row["tags"], list(row["notes"])) if row else None


_FACT_NAMES = (
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
_FACT_COUNT = len(_FACT_NAMES)
_FACT_COLUMNS = ", ".join(_FACT_NAMES)


def _fact_values(facts: Facts) -> tuple[object, ...]:
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


def _placeholders(first: int, count: int) -> str:
    return ", ".join(f"${number}" for number in range(first, first + count))


def _photo(row: Record) -> Photo:
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
