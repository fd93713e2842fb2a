"""SQL of the trash.

Rows are locked in the order of their ids before they are changed, so that two calls with photos in common wait for one
another and do not deadlock.
"""

from collections.abc import Sequence
from datetime import datetime

from afterglow.features.photos.models import Photo
from afterglow.features.photos.repository.rows import PHOTO, photo_of
from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import PhotoId, UserId


async def trash_photos(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId], moment: datetime) -> list[PhotoId]:
    """Put those of the owner's photos into the trash that are not in it; return them."""
    rows = await tx.fetch(
        """
        WITH wanted AS (
            SELECT id FROM photos
            WHERE owner_id = $1 AND id = ANY ($2::uuid[]) AND deleted_at IS NULL
            ORDER BY id FOR NO KEY UPDATE
        )
        UPDATE photos p SET deleted_at = $3, updated_at = $4
        FROM wanted WHERE p.id = wanted.id AND p.owner_id = $1
        RETURNING p.id
        """,
        owner_id,
        photo_ids,
        moment,
        tx.now,
    )
    return [PhotoId(row["id"]) for row in rows]


async def restore_photos(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> list[PhotoId]:
    """Take those of the owner's photos out of the trash that are in it; return them."""
    rows = await tx.fetch(
        """
        WITH wanted AS (
            SELECT id FROM photos
            WHERE owner_id = $1 AND id = ANY ($2::uuid[]) AND deleted_at IS NOT NULL AND purging_at IS NULL
            ORDER BY id FOR NO KEY UPDATE
        )
        UPDATE photos p SET deleted_at = NULL, updated_at = $3
        FROM wanted WHERE p.id = wanted.id AND p.owner_id = $1
        RETURNING p.id
        """,
        owner_id,
        photo_ids,
        tx.now,
    )
    return [PhotoId(row["id"]) for row in rows]


async def list_trash(tx: Tx, owner_id: UserId, after: tuple[datetime, PhotoId] | None, limit: int) -> list[Photo]:
    """Return the owner's trash, newest deletion first, after a key; up to `limit`."""
    condition = "AND (p.deleted_at, p.id) < ($2, $3)" if after else ""
    rows = await tx.fetch(
        f"""
        {PHOTO}
        WHERE p.owner_id = $1 AND p.deleted_at IS NOT NULL AND p.purging_at IS NULL {condition}
        ORDER BY p.deleted_at DESC, p.id DESC LIMIT {int(limit)}
        """,
        owner_id,
        *(after or ()),
    )
    return [photo_of(row) for row in rows]


async def list_trashed_before(tx: Tx, owner_id: UserId, before: datetime, limit: int) -> list[PhotoId]:
    """Return photos that the owner put into the trash no later than a moment; up to `limit`."""
    rows = await tx.fetch(
        """
        SELECT id FROM photos
        WHERE owner_id = $1 AND deleted_at IS NOT NULL AND purging_at IS NULL AND deleted_at <= $2
        ORDER BY deleted_at DESC, id DESC LIMIT $3
        """,
        owner_id,
        before,
        limit,
    )
    return [PhotoId(row["id"]) for row in rows]


async def list_expired(tx: Tx, before: datetime, limit: int) -> list[tuple[UserId, PhotoId]]:
    """Return photos that have been in the trash since before a moment, across owners, oldest deletion first."""
    rows = await tx.fetch("SELECT owner_id, photo_id FROM expired_trash($1, $2)", before, limit)
    return [(UserId(row["owner_id"]), PhotoId(row["photo_id"])) for row in rows]
