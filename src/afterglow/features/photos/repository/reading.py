"""SQL that finds and lists photos."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from afterglow.features.photos.models import Known, Photo, PhotoFilter, PhotoStatus
from afterglow.features.photos.repository.rows import LOCATION, PHOTO, photo_of
from afterglow.infra.db.database import Record, Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId

_KNOWN = f"""
    SELECT f.checksum, f.photo_id, f.created_at AS received_at, p.deleted_at, l.verified_at AS stored_at
    FROM photo_files f
    CROSS JOIN LATERAL (
        SELECT deleted_at FROM photos WHERE id = f.photo_id AND owner_id = f.owner_id AND purging_at IS NULL LIMIT 1
    ) AS p
    {LOCATION}
"""


async def find_known(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> list[Known]:
    """Return the owner's photos that have these bytes, but for those that are being purged."""
    rows = await tx.fetch(
        f"{_KNOWN} WHERE f.owner_id = $1 AND f.checksum = ANY ($2::bytea[])",
        owner_id,
        checksums,
    )
    return [_known(row) for row in rows]


async def find_standing(tx: Tx, owner_id: UserId, checksum: Checksum) -> tuple[Known | None, bool]:
    """Return as `find_known` and, of bytes without a photo, whether the owner has purged and not allowed them."""
    row = await tx.fetch_row(
        f"""
        SELECT b.checksum, k.photo_id, k.received_at, k.deleted_at, k.stored_at,
               k.photo_id IS NULL AND EXISTS (
                   SELECT FROM tombstones t
                   WHERE t.owner_id = $1 AND t.checksum = $2 AND t.allowed_at IS NULL) AS is_tombstoned
        FROM (VALUES ($2::bytea)) AS b (checksum)
        LEFT JOIN ({_KNOWN} WHERE f.owner_id = $1 AND f.checksum = $2) AS k ON true
        """,
        owner_id,
        checksum,
    )
    if row is None:  # VALUES has a row
        return None, False
    return (_known(row) if row["photo_id"] else None), row["is_tombstoned"]


async def find_photo(tx: Tx, owner_id: UserId, photo_id: PhotoId) -> Photo | None:
    """Return the owner's photo, also from the trash; None while it is being purged."""
    row = await tx.fetch_row(
        f"{PHOTO} WHERE p.id = $1 AND p.owner_id = $2 AND p.purging_at IS NULL", photo_id, owner_id
    )
    return photo_of(row) if row else None


async def find_photos(tx: Tx, owners: Mapping[PhotoId, UserId]) -> list[Photo]:
    """Return photos of several owners, as `find_photo` does each of them."""
    rows = await tx.fetch(
        f"""
        {PHOTO}
        JOIN unnest($1::uuid[], $2::uuid[]) AS n (photo_id, owner_id) ON n.photo_id = p.id AND n.owner_id = p.owner_id
        WHERE p.id = ANY ($1::uuid[]) AND p.purging_at IS NULL
        """,
        list(owners),
        list(owners.values()),
    )
    return [photo_of(row) for row in rows]


async def list_ids_after(tx: Tx, owner_id: UserId, after: PhotoId, limit: int) -> list[PhotoId]:
    """Return the ids of the owner's photos by id, whatever their state, but for those that are being purged."""
    rows = await tx.fetch(
        """
        SELECT id FROM photos WHERE owner_id = $1 AND id > $2 AND purging_at IS NULL
        ORDER BY id LIMIT $3
        """,
        owner_id,
        after,
        limit,
    )
    return [PhotoId(row["id"]) for row in rows]


async def lock_status(tx: Tx, owner_id: UserId, photo_id: PhotoId) -> PhotoStatus | None:
    """Lock the photo's row until the commit and return its status; rows that only refer to it may be added."""
    value = await tx.fetch_value(
        "SELECT status FROM photos WHERE id = $1 AND owner_id = $2 AND purging_at IS NULL FOR NO KEY UPDATE",
        photo_id,
        owner_id,
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
        f"{PHOTO} WHERE {' AND '.join(conditions)} ORDER BY p.taken_local DESC, p.id DESC LIMIT {int(limit)}", *args
    )
    return [photo_of(row) for row in rows]


async def find_raw_tags(tx: Tx, owner_id: UserId, photo_id: PhotoId) -> tuple[str, list[str]] | None:
    """Return the raw tag set as JSON text, and the notes."""
    row = await tx.fetch_row(
        "SELECT tags::text AS tags, notes FROM photo_metadata WHERE photo_id = $1 AND owner_id = $2", photo_id, owner_id
    )
    return (row["tags"], list(row["notes"])) if row else None


def _known(row: Record) -> Known:
    return Known(
        photo_id=PhotoId(row["photo_id"]),
        checksum=Checksum(row["checksum"]),
        in_trash=row["deleted_at"] is not None,
        stored_at=row["stored_at"],
        received_at=row["received_at"],
    )
