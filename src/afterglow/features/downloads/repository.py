"""SQL of downloads."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from afterglow.features.downloads.models import FORMAT, Archive, ArchivePlan, ChosenFile, DownloadId, Item
from afterglow.infra.db.database import Record, Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId


async def list_files(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> list[ChosenFile]:
    """Return all files of these photos of the owner, oldest photo first, its primary file first."""
    rows = await tx.fetch(
        """
        SELECT p.id, p.taken_local, p.taken_at, p.deleted_at, f.role, f.name, f.checksum, f.size_bytes
        FROM photos p
        JOIN photo_files f ON f.photo_id = p.id AND f.owner_id = p.owner_id
        WHERE p.owner_id = $1 AND p.id = ANY ($2::uuid[]) AND p.purging_at IS NULL
        ORDER BY p.taken_local, p.id, f.role <> 'primary', f.role, f.id
        """,
        owner_id,
        photo_ids,
    )
    return [
        ChosenFile(
            photo_id=PhotoId(row["id"]),
            role=row["role"],
            name=row["name"],
            checksum=Checksum(row["checksum"]) if row["checksum"] else None,
            size_bytes=row["size_bytes"],
            taken_local=row["taken_local"],
            taken_at=row["taken_at"],
            is_in_trash=row["deleted_at"] is not None,
        )
        for row in rows
    ]


async def count_open_items(tx: Tx, owner_id: UserId) -> tuple[int, datetime | None]:
    """Return how many items the owner's archives have that are not expired, and when the first of them expires."""
    row = await tx.fetch_row(
        """
        SELECT coalesce(sum(count), 0) AS items, min(expires_at) AS first_expiry FROM downloads
        WHERE owner_id = $1 AND expires_at > $2
        """,
        owner_id,
        tx.now,
    )
    return (int(row["items"]), row["first_expiry"]) if row else (0, None)


async def insert_archive(
    tx: Tx, download_id: DownloadId, owner_id: UserId, plan: ArchivePlan, created_at: datetime, expires_at: datetime
) -> None:
    """Freeze an archive; its items follow, and it is not found before `mark_complete`."""
    await tx.execute(
        """
        INSERT INTO downloads (id, owner_id, format, filename, size_bytes, count, directory_offset, manifest_bytes,
                               manifest_crc32, tag, missing, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        download_id,
        owner_id,
        FORMAT,
        plan.filename,
        plan.size_bytes,
        len(plan.items),
        plan.directory_offset,
        plan.manifest_bytes,
        plan.manifest_crc32,
        plan.tag,
        plan.missing_text,
        created_at,
        expires_at,
    )


async def insert_items(tx: Tx, download_id: DownloadId, owner_id: UserId, items: Sequence[Item]) -> None:
    """Freeze some of an archive's items."""
    await tx.execute(
        """
        INSERT INTO download_items (download_id, owner_id, position, photo_id, role, checksum, size_bytes, name,
                                    original_name, taken_local, taken_at, offset_bytes, record_offset)
        SELECT $1, $2, item.*
        FROM unnest($3::integer[], $4::uuid[], $5::text[], $6::bytea[], $7::bigint[], $8::text[], $9::text[],
                    $10::timestamp[], $11::timestamptz[], $12::bigint[], $13::bigint[]) AS item
        """,
        download_id,
        owner_id,
        [item.position for item in items],
        [item.photo_id for item in items],
        [item.role for item in items],
        [item.checksum for item in items],
        [item.size_bytes for item in items],
        [item.name for item in items],
        [item.original_name for item in items],
        [item.taken_local for item in items],
        [item.taken_at for item in items],
        [item.offset_bytes for item in items],
        [item.record_offset for item in items],
    )


async def mark_complete(tx: Tx, owner_id: UserId, download_id: DownloadId) -> None:
    """Let an archive be found, all of whose items are there."""
    await tx.execute("UPDATE downloads SET is_complete = true WHERE id = $1 AND owner_id = $2", download_id, owner_id)


async def find_archive(tx: Tx, owner_id: UserId, download_id: DownloadId) -> Archive | None:
    """Return an archive of the owner that has not expired, and whose bytes this version gives."""
    row = await tx.fetch_row(
        """
        SELECT id, owner_id, filename, size_bytes, count, directory_offset, manifest_bytes, manifest_crc32, tag,
               created_at, expires_at
        FROM downloads WHERE id = $1 AND owner_id = $2 AND is_complete AND expires_at > $3 AND format = $4
        """,
        download_id,
        owner_id,
        tx.now,
        FORMAT,
    )
    return Archive(**dict(row)) if row else None


async def get_missing(tx: Tx, owner_id: UserId, download_id: DownloadId) -> str | None:
    """Return the end of an archive's manifest; None if it was forgotten meanwhile."""
    value: str | None = await tx.fetch_value(
        "SELECT missing FROM downloads WHERE id = $1 AND owner_id = $2", download_id, owner_id
    )
    return value


async def find_position_at(tx: Tx, owner_id: UserId, download_id: DownloadId, offset_bytes: int) -> int:
    """Return the position of the item whose entry covers an offset of the archive; 0 before the first one."""
    value: int | None = await tx.fetch_value(
        """
        SELECT position FROM download_items WHERE download_id = $1 AND owner_id = $2 AND offset_bytes <= $3
        ORDER BY position DESC LIMIT 1
        """,
        download_id,
        owner_id,
        offset_bytes,
    )
    return value or 0


async def find_position_of_record(tx: Tx, owner_id: UserId, download_id: DownloadId, record_offset: int) -> int:
    """Return the position of the item whose record covers an offset of the directory; 0 before the first one."""
    value: int | None = await tx.fetch_value(
        """
        SELECT position FROM download_items WHERE download_id = $1 AND owner_id = $2 AND record_offset <= $3
        ORDER BY position DESC LIMIT 1
        """,
        download_id,
        owner_id,
        record_offset,
    )
    return value or 0


async def list_items(tx: Tx, owner_id: UserId, download_id: DownloadId, position: int, limit: int) -> list[Item]:
    """Return an archive's items in order, from a position on; up to `limit`."""
    rows = await tx.fetch(
        """
        SELECT i.position, i.photo_id, i.role, i.checksum, i.size_bytes, i.name, i.original_name, i.taken_local,
               i.taken_at, i.offset_bytes, i.record_offset, o.crc32,
               NOT EXISTS (
                   SELECT FROM photo_files f WHERE f.owner_id = i.owner_id AND f.checksum = i.checksum) AS is_purged
        FROM download_items i
        LEFT JOIN originals o ON o.checksum = i.checksum
        WHERE i.download_id = $1 AND i.owner_id = $2 AND i.position >= $3
        ORDER BY i.position LIMIT $4
        """,
        download_id,
        owner_id,
        position,
        limit,
    )
    return [_item(row) for row in rows]


async def keep_crcs(tx: Tx, crcs: Mapping[Checksum, int]) -> None:
    """Remember CRC-32s that were proven; idempotent, and shared by all owners."""
    await tx.execute("SELECT keep_crcs($1::bytea[], $2::bigint[])", list(crcs), list(crcs.values()))


async def expire_archives(tx: Tx, before: datetime, limit: int) -> int:
    """Forget archives of all owners that expired before a moment, at most `limit`; return how many."""
    count: int = await tx.fetch_value("SELECT expire_downloads($1, $2)", before, limit)
    return count


def _item(row: Record) -> Item:
    fields = dict(row)
    return Item(**fields | {"checksum": Checksum(row["checksum"])})
