"""Rows put into the tables directly, as the tables' owner: whatever state a test wants to begin in."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, RunId, UserId, new_id

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def insert(connection: asyncpg.Connection, table: str, **columns: object) -> None:
    """Insert one row."""
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await connection.execute(
        f"INSERT INTO afterglow.{table} ({', '.join(columns)}) VALUES ({places})", *columns.values()
    )


async def add_user(connection: asyncpg.Connection, name: str = "ana") -> UserId:
    """An account that nobody can log in to."""
    user_id = UserId(new_id())
    await insert(
        connection,
        "users",
        id=user_id,
        email=f"{name}-{user_id.hex}@example.org",
        name=name.title(),
        role="member",
        created_at=LONG_AGO,
        updated_at=LONG_AGO,
    )
    return user_id


async def add_photo(connection: asyncpg.Connection, owner_id: UserId, **columns: object) -> PhotoId:
    """A photo without a file; `columns` win over what is usual."""
    taken_local = columns.get("taken_local", datetime(2024, 6, 15, 12, 30))
    usual = {
        "id": PhotoId(new_id()),
        "owner_id": owner_id,
        "status": "STORED",
        "kind": "photo",
        "mime": "image/jpeg",
        "filename": "photo.jpg",
        "width": 400,
        "height": 300,
        "taken_local": taken_local,
        "taken_at": taken_local.replace(tzinfo=UTC),
        "taken_source": "exif",
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
    }
    row = usual | columns
    await insert(connection, "photos", **row)
    return row["id"]


async def add_original(connection: asyncpg.Connection, content: object, store: str = "home") -> Checksum:
    """An original that lies verified in a store."""
    checksum = Checksum(hashlib.sha256(repr(content).encode()).digest())
    await connection.execute("SELECT afterglow.keep_original($1, 1, NULL, $2, $3)", checksum, store, checksum.hex())
    return checksum


async def add_file(
    connection: asyncpg.Connection, owner_id: UserId, photo_id: PhotoId, checksum: Checksum | None
) -> None:
    """The photo's primary file."""
    await insert(
        connection,
        "photo_files",
        id=new_id(),
        photo_id=photo_id,
        owner_id=owner_id,
        role="primary",
        checksum=checksum,
        size_bytes=1,
        mime="image/jpeg",
        name="photo.jpg",
        source="upload",
        created_at=LONG_AGO,
    )


async def add_step(
    connection: asyncpg.Connection, owner_id: UserId, photo_id: PhotoId, step: str = "derive", **columns: object
) -> None:
    """A step that waits and is due; `columns` win over what is usual."""
    usual = {
        "photo_id": photo_id,
        "owner_id": owner_id,
        "step": step,
        "version": 1,
        "algorithm": "test",
        "state": "waiting",
        "next_try_at": LONG_AGO,
        "created_at": LONG_AGO,
    }
    if columns.get("state") == "running":
        usual |= {"run_id": RunId(new_id()), "lease_until": LONG_AGO, "worker": "dead:1"}
    if columns.get("state") == "skipped":
        usual |= {"reason": "format.unsupported"}
    await insert(connection, "steps", **(usual | columns))


async def get_step(connection: asyncpg.Connection, photo_id: UUID, step: str = "derive") -> asyncpg.Record:
    """The step's row as it is."""
    row = await connection.fetchrow("SELECT * FROM afterglow.steps WHERE photo_id = $1 AND step = $2", photo_id, step)
    assert row is not None, f"{photo_id} has no step {step}"
    return row


async def get_status(connection: asyncpg.Connection, photo_id: UUID) -> str:
    """The photo's status as it is."""
    status = await connection.fetchval("SELECT status FROM afterglow.photos WHERE id = $1", photo_id)
    assert status is not None, f"there is no photo {photo_id}"
    return str(status)
