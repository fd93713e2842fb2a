"""SQL of purges: photos that are gone for everybody, and what is left to be done for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from afterglow.features.photos.models import PurgeOrder
from afterglow.infra.db.database import Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId


async def lock_trashed(
    tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId], deleted_before: datetime | None
) -> list[PhotoId]:
    """Lock those of the owner's photos that are in the trash, since before a moment if one is given; return them."""
    rows = await tx.fetch(
        """
        SELECT id FROM photos
        WHERE owner_id = $1 AND id = ANY ($2::uuid[]) AND deleted_at IS NOT NULL AND purging_at IS NULL
          AND ($3::timestamptz IS NULL OR deleted_at <= $3)
        ORDER BY id FOR NO KEY UPDATE
        """,
        owner_id,
        photo_ids,
        deleted_before,
    )
    return [PhotoId(row["id"]) for row in rows]


async def insert_tombstones(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> None:
    """Remember the checksums of these photos' files as purged; one that was allowed again no longer is."""
    await tx.execute(
        """
        INSERT INTO tombstones (owner_id, checksum, filename, created_at)
        SELECT f.owner_id, f.checksum, f.name, $3
        FROM photo_files f
        WHERE f.owner_id = $1 AND f.photo_id = ANY ($2::uuid[]) AND f.checksum IS NOT NULL
        ORDER BY f.checksum
        ON CONFLICT (owner_id, checksum) DO UPDATE
            SET filename = excluded.filename, created_at = excluded.created_at, allowed_at = NULL
        """,
        owner_id,
        photo_ids,
        tx.now,
    )


async def insert_purges(
    tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId], waits: Mapping[PhotoId, datetime]
) -> None:
    """Order the purge of these photos: at once, or for those that have to wait not before a moment."""
    await tx.execute(
        """
        INSERT INTO purges (photo_id, owner_id, checksums, not_before)
        SELECT w.photo_id, $1,
               ARRAY (SELECT f.checksum FROM photo_files f
                      WHERE f.photo_id = w.photo_id AND f.owner_id = $1 AND f.checksum IS NOT NULL
                      ORDER BY f.checksum),
               COALESCE(w.not_before, now())
        FROM unnest($2::uuid[], $3::timestamptz[]) AS w (photo_id, not_before)
        """,
        owner_id,
        photo_ids,
        [waits.get(photo_id) for photo_id in photo_ids],
    )


async def mark_purging(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> None:
    """Let these photos, locked in the trash, be gone for everybody."""
    await tx.execute(
        "UPDATE photos SET purging_at = $3, updated_at = $3 WHERE owner_id = $1 AND id = ANY ($2::uuid[])",
        owner_id,
        photo_ids,
        tx.now,
    )


async def list_due(tx: Tx, limit: int) -> list[PurgeOrder]:
    """Return orders that are due, across owners, oldest first."""
    rows = await tx.fetch("SELECT owner_id, photo_id, checksums FROM due_purges($1)", limit)
    return [
        PurgeOrder(
            owner_id=UserId(row["owner_id"]),
            photo_id=PhotoId(row["photo_id"]),
            checksums=tuple(Checksum(checksum) for checksum in row["checksums"]),
        )
        for row in rows
    ]


async def delete_purging(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> int:
    """Remove the rows of photos that are being purged, with everything that hangs on them; return how many went."""
    return await tx.execute_count(
        "DELETE FROM photos WHERE owner_id = $1 AND id = ANY ($2::uuid[]) AND purging_at IS NOT NULL",
        owner_id,
        photo_ids,
    )


async def delete_order(tx: Tx, order: PurgeOrder) -> None:
    """Forget an order that is carried out."""
    await tx.execute("DELETE FROM purges WHERE photo_id = $1 AND owner_id = $2", order.photo_id, order.owner_id)


async def postpone_order(tx: Tx, order: PurgeOrder, delay: timedelta) -> None:
    """Try an order again later; by the database's clock."""
    await tx.execute(
        "UPDATE purges SET not_before = clock_timestamp() + $3 WHERE photo_id = $1 AND owner_id = $2",
        order.photo_id,
        order.owner_id,
        delay,
    )


async def has_order(tx: Tx, order: PurgeOrder) -> bool:
    """Return whether an order still stands."""
    return bool(
        await tx.fetch_value(
            "SELECT EXISTS (SELECT FROM purges WHERE photo_id = $1 AND owner_id = $2)", order.photo_id, order.owner_id
        )
    )


async def list_used(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> set[Checksum]:
    """Return those of the checksums that a photo of the owner is made of."""
    rows = await tx.fetch(
        "SELECT checksum FROM photo_files WHERE owner_id = $1 AND checksum = ANY ($2::bytea[])", owner_id, checksums
    )
    return {Checksum(row["checksum"]) for row in rows}
