"""SQL of tombstones: checksums that an owner has purged, and who tried to bring them back."""

from collections.abc import Sequence
from datetime import datetime

from afterglow.features.photos.models import Refusal, Source, Tombstone
from afterglow.infra.db.database import Record, Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import UserId

# Sources that are kept of each tombstone, the latest ones; beyond them attempts are only counted.
KEPT_REFUSALS = 20


async def find_tombstones(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> set[Checksum]:
    """Return those of the checksums that the owner has purged and not allowed again."""
    rows = await tx.fetch(
        """
        SELECT checksum FROM tombstones
        WHERE owner_id = $1 AND checksum = ANY ($2::bytea[]) AND allowed_at IS NULL
        """,
        owner_id,
        checksums,
    )
    return {Checksum(row["checksum"]) for row in rows}


async def admit(tx: Tx, owner_id: UserId, checksum: Checksum) -> bool:
    """Make way for a new photo of these bytes; return False, and change nothing, if they were purged.

    A tombstone that the owner has allowed again ends here, and so does the row of the photo that was purged, should
    the purge not have come to it yet: an owner's checksum is in one row.
    """
    tombstone = await tx.fetch_row(
        "SELECT allowed_at FROM tombstones WHERE owner_id = $1 AND checksum = $2 FOR UPDATE", owner_id, checksum
    )
    if tombstone is None:
        return True
    if tombstone["allowed_at"] is None:
        return False
    await tx.execute("DELETE FROM tombstones WHERE owner_id = $1 AND checksum = $2", owner_id, checksum)
    await tx.execute(
        """
        DELETE FROM photos
        WHERE owner_id = $1 AND purging_at IS NOT NULL
          AND id = (SELECT photo_id FROM photo_files WHERE owner_id = $1 AND checksum = $2)
        """,
        owner_id,
        checksum,
    )
    return True


async def count_refusal(tx: Tx, owner_id: UserId, checksum: Checksum) -> None:
    """Count an attempt to bring purged bytes back."""
    await tx.execute(
        """
        UPDATE tombstones SET refused_count = refused_count + 1, last_refused_at = $3
        WHERE owner_id = $1 AND checksum = $2
        """,
        owner_id,
        checksum,
        tx.now,
    )


async def upsert_refusal(tx: Tx, owner_id: UserId, checksum: Checksum, source: Source) -> None:
    """Remember which source it was that tried."""
    await tx.execute(
        """
        INSERT INTO tombstone_refusals AS r (owner_id, checksum, kind, name, device_id, last_at, count)
        SELECT t.owner_id, t.checksum, $3, $4, $5, $6, 1 FROM tombstones t WHERE t.owner_id = $1 AND t.checksum = $2
        ON CONFLICT (owner_id, checksum, kind, name, device_id) DO UPDATE SET last_at = $6, count = r.count + 1
        """,
        owner_id,
        checksum,
        source.kind,
        source.name,
        source.device_id,
        tx.now,
    )


async def prune_refusals(tx: Tx, owner_id: UserId, checksum: Checksum) -> None:
    """Keep the latest sources only: their names are whatever somebody sends."""
    await tx.execute(
        """
        DELETE FROM tombstone_refusals
        WHERE owner_id = $1 AND checksum = $2 AND ctid IN (
            SELECT ctid FROM tombstone_refusals WHERE owner_id = $1 AND checksum = $2
            ORDER BY last_at DESC OFFSET $3)
        """,
        owner_id,
        checksum,
        KEPT_REFUSALS,
    )


async def list_tombstones(
    tx: Tx, owner_id: UserId, after: tuple[datetime, Checksum] | None, limit: int
) -> list[Tombstone]:
    """Return the owner's tombstones without their refusals, newest first, after a key; up to `limit`."""
    condition = "AND (created_at, checksum) < ($2, $3)" if after else ""
    rows = await tx.fetch(
        f"""
        SELECT checksum, filename, created_at, allowed_at, refused_count, last_refused_at FROM tombstones
        WHERE owner_id = $1 {condition}
        ORDER BY created_at DESC, checksum DESC LIMIT {int(limit)}
        """,
        owner_id,
        *(after or ()),
    )
    return [_tombstone(row) for row in rows]


async def list_refusals(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> list[tuple[Checksum, Refusal]]:
    """Return the latest refusals of these tombstones, latest first."""
    rows = await tx.fetch(
        """
        SELECT checksum, kind, name, device_id, last_at, count FROM tombstone_refusals
        WHERE owner_id = $1 AND checksum = ANY ($2::bytea[])
        ORDER BY last_at DESC, kind, name
        """,
        owner_id,
        checksums,
    )
    return [
        (
            Checksum(row["checksum"]),
            Refusal(row["kind"], row["name"], row["device_id"], row["last_at"], row["count"]),
        )
        for row in rows
    ]


async def allow(tx: Tx, owner_id: UserId, checksum: Checksum) -> bool:
    """Let these bytes be taken again; False where the owner has no such tombstone."""
    count = await tx.execute_count(
        "UPDATE tombstones SET allowed_at = COALESCE(allowed_at, $3) WHERE owner_id = $1 AND checksum = $2",
        owner_id,
        checksum,
        tx.now,
    )
    return count == 1


def _tombstone(row: Record) -> Tombstone:
    return Tombstone(
        checksum=Checksum(row["checksum"]),
        filename=row["filename"],
        created_at=row["created_at"],
        allowed_at=row["allowed_at"],
        refused_count=row["refused_count"],
        last_refused_at=row["last_refused_at"],
    )
