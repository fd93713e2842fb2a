"""SQL of uploads."""

from collections.abc import Sequence
from datetime import datetime

from afterglow.features.uploads.models import SessionState, UploadRequest, UploadSession, Usage
from afterglow.infra.db.database import Record, Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UploadId, UserId

_COLUMNS = (
    "id, owner_id, filename, size_bytes, checksum, modified_at, device_id, offset_bytes, state, photo_id, updated_at, "
    "expires_at, tus_metadata"
)


async def insert_session(
    tx: Tx, upload_id: UploadId, owner_id: UserId, request: UploadRequest, expires_at: datetime
) -> None:
    """Open a session at offset 0."""
    await tx.execute(
        """
        INSERT INTO upload_sessions
            (id, owner_id, filename, size_bytes, checksum, modified_at, device_id, state, created_at, updated_at,
             expires_at, tus_metadata)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'open', $8, $8, $9, $10)
        """,
        upload_id,
        owner_id,
        request.filename,
        request.size_bytes,
        request.checksum,
        request.modified_at,
        request.device_id,
        tx.now,
        expires_at,
        request.tus_metadata,
    )


async def lock_usage(tx: Tx, owner_id: UserId) -> None:
    """Have the owner's usage to oneself until the commit: nobody else opens a session or adds a file meanwhile."""
    await tx.execute("SELECT FROM owner_usage WHERE owner_id = $1 FOR UPDATE", owner_id)


async def get_usage(tx: Tx, owner_id: UserId) -> Usage:
    """Return what the owner's files take up, and what is announced."""
    row = await tx.fetch_row(
        """
        SELECT coalesce((SELECT used_bytes FROM owner_usage WHERE owner_id = $1), 0) AS used_bytes,
               coalesce(sum(size_bytes), 0)::bigint AS announced_bytes, count(*) AS open_sessions
        FROM upload_sessions
        WHERE owner_id = $1 AND state = 'open'
        """,
        owner_id,
    )
    assert row is not None  # noqa: S101 - an aggregate always has its one row
    return Usage(max(row["used_bytes"], 0), row["announced_bytes"], row["open_sessions"])


async def list_sizes(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> dict[Checksum, int]:
    """Return the sizes of those of the owner's files that have these bytes [bytes]."""
    rows = await tx.fetch(
        "SELECT checksum, size_bytes FROM photo_files WHERE owner_id = $1 AND checksum = ANY ($2::bytea[])",
        owner_id,
        checksums,
    )
    return {Checksum(row["checksum"]): row["size_bytes"] for row in rows}


async def want_session(tx: Tx, owner_id: UserId, upload_id: UploadId) -> None:
    """Note that a request wanted to write to the session and could not."""
    await tx.execute(
        "UPDATE upload_sessions SET wanted_at = $3 WHERE id = $1 AND owner_id = $2 AND state = 'open'",
        upload_id,
        owner_id,
        tx.now,
    )


async def is_wanted(tx: Tx, owner_id: UserId, upload_id: UploadId, since: datetime) -> bool:
    """Return whether a request wanted to write to the session since a moment, or it is gone."""
    return bool(
        await tx.fetch_value(
            """
            SELECT NOT EXISTS (
                SELECT FROM upload_sessions
                WHERE id = $1 AND owner_id = $2 AND state = 'open' AND (wanted_at IS NULL OR wanted_at <= $3))
            """,
            upload_id,
            owner_id,
            since,
        )
    )


async def find_session(tx: Tx, owner_id: UserId, upload_id: UploadId) -> UploadSession | None:
    """Return the owner's session."""
    row = await tx.fetch_row(
        f"SELECT {_COLUMNS} FROM upload_sessions WHERE id = $1 AND owner_id = $2", upload_id, owner_id
    )
    return _session(row) if row else None


async def update_offset(tx: Tx, owner_id: UserId, upload_id: UploadId, offset_bytes: int, expires_at: datetime) -> None:
    """Promise bytes that are durable; the session lives on from here."""
    await tx.execute(
        """
        UPDATE upload_sessions SET offset_bytes = $3, updated_at = $4, expires_at = $5
        WHERE id = $1 AND owner_id = $2 AND state = 'open'
        """,
        upload_id,
        owner_id,
        offset_bytes,
        tx.now,
        expires_at,
    )


async def extend_session(tx: Tx, owner_id: UserId, upload_id: UploadId, expires_at: datetime) -> None:
    """Let an open session live on."""
    await tx.execute(
        "UPDATE upload_sessions SET expires_at = $3 WHERE id = $1 AND owner_id = $2 AND state = 'open'",
        upload_id,
        owner_id,
        expires_at,
    )


async def mark_done(
    tx: Tx, owner_id: UserId, upload_id: UploadId, checksum: Checksum, photo_id: PhotoId | None
) -> None:
    """Remember what the upload became, so that completing it again gives the same answer; the first end counts."""
    await tx.execute(
        """
        UPDATE upload_sessions
        SET state = 'done', checksum = $3, photo_id = $4, offset_bytes = size_bytes, updated_at = $5
        WHERE id = $1 AND owner_id = $2 AND state = 'open'
        """,
        upload_id,
        owner_id,
        checksum,
        photo_id,
        tx.now,
    )


async def delete_session(tx: Tx, owner_id: UserId, upload_id: UploadId) -> bool:
    """Forget a session; returns whether there was one."""
    return (
        await tx.execute_count("DELETE FROM upload_sessions WHERE id = $1 AND owner_id = $2", upload_id, owner_id) == 1
    )


async def expire_sessions(tx: Tx, limit: int) -> list[UploadId]:
    """Forget sessions whose time is over, across owners; return them."""
    return [UploadId(row["id"]) for row in await tx.fetch("SELECT id FROM expire_uploads($1)", limit)]


async def list_open(tx: Tx, upload_ids: Sequence[UploadId]) -> dict[UploadId, UserId]:
    """Return those of the uploads that are open sessions, with their owners; across owners."""
    rows = await tx.fetch("SELECT id, owner_id FROM open_uploads($1::uuid[])", upload_ids)
    return {UploadId(row["id"]): UserId(row["owner_id"]) for row in rows}


def _session(row: Record) -> UploadSession:
    return UploadSession(
        id=UploadId(row["id"]),
        owner_id=UserId(row["owner_id"]),
        filename=row["filename"],
        size_bytes=row["size_bytes"],
        checksum=Checksum(row["checksum"]) if row["checksum"] else None,
        modified_at=row["modified_at"],
        device_id=row["device_id"],
        offset_bytes=row["offset_bytes"],
        state=SessionState(row["state"]),
        photo_id=PhotoId(row["photo_id"]) if row["photo_id"] else None,
        updated_at=row["updated_at"],
        expires_at=row["expires_at"],
        tus_metadata=row["tus_metadata"],
    )
