"""SQL that creates photos and changes what is known of them."""

import json

from afterglow.features.photos.models import Facts, NewPhoto, PhotoStatus, Source
from afterglow.features.photos.repository.rows import FACT_COLUMNS, FACT_COUNT, FACT_NAMES, fact_values, placeholders
from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import PhotoId, UserId, new_id


async def insert_photo(tx: Tx, photo: NewPhoto, source: Source) -> None:
    """Create the photo's row, its raw tags and its source; its status is INGESTED.

    One statement: each costs every upload a round trip.
    """
    facts = photo.facts
    await tx.execute(
        f"""
        WITH photo AS (
            INSERT INTO photos (
                id, owner_id, status, kind, mime, filename, created_at, updated_at, {FACT_COLUMNS})
            VALUES ($1, $2, 'INGESTED', $3, $4, $5, $6, $6, {placeholders(14, FACT_COUNT)})
        ), metadata AS (
            INSERT INTO photo_metadata (photo_id, owner_id, tags, notes) VALUES ($1, $2, $7::jsonb, $8)
        )
        INSERT INTO photo_sources (id, photo_id, owner_id, kind, name, device_id, modified_at, created_at)
        VALUES ($9, $1, $2, $10, $11, $12, $13, $6)
        """,
        photo.id,
        photo.owner_id,
        photo.kind,
        photo.mime,
        photo.filename,
        tx.now,
        _json(facts),
        list(facts.notes),
        new_id(),
        source.kind,
        source.name,
        source.device_id,
        source.modified_at,
        *fact_values(facts),
    )


async def insert_primary_file(tx: Tx, photo: NewPhoto, source: str) -> None:
    """Name the photo's original.

    A statement of its own, after the photo's: the triggers of the two lock the day and then the owner's usage, and in
    one statement nobody says which comes first.
    """
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
        _json(facts),
        list(facts.notes),
    )


async def insert_source(tx: Tx, owner_id: UserId, photo_id: PhotoId, source: Source) -> None:
    """Remember where the photo came from, once for each place."""
    await tx.execute(
        """
        INSERT INTO photo_sources (id, photo_id, owner_id, kind, name, device_id, modified_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT DO NOTHING
        """,
        new_id(),
        photo_id,
        owner_id,
        source.kind,
        source.name,
        source.device_id,
        source.modified_at,
        tx.now,
    )


async def update_status(tx: Tx, owner_id: UserId, photo_id: PhotoId, status: PhotoStatus) -> None:
    """Set the status; the database checks the transition."""
    await tx.execute(
        "UPDATE photos SET status = $3, updated_at = $4 WHERE id = $1 AND owner_id = $2 AND status <> $3",
        photo_id,
        owner_id,
        status.value,
        tx.now,
    )


async def update_facts(tx: Tx, owner_id: UserId, photo_id: PhotoId, facts: Facts) -> None:
    """Replace what the file says; pixels' dimensions, once known, stay."""
    await tx.execute(
        f"""
        UPDATE photos SET width = CASE WHEN derive_version > 0 THEN width ELSE $3 END,
                          height = CASE WHEN derive_version > 0 THEN height ELSE $4 END,
                          ({", ".join(FACT_NAMES[2:])}) = ROW ({placeholders(5, FACT_COUNT - 2)}),
                          updated_at = ${3 + FACT_COUNT}
        WHERE id = $1 AND owner_id = $2
        """,
        photo_id,
        owner_id,
        *fact_values(facts),
        tx.now,
    )


def _json(facts: Facts) -> str:
    return json.dumps(dict(facts.raw_tags), allow_nan=False)
