"""SQL of originals: where bytes lie that are shared by all owners."""

from collections.abc import Sequence
from datetime import datetime

from afterglow.infra.db.database import Tx
from afterglow.kernel.checksums import Checksum


async def keep_original(tx: Tx, checksum: Checksum, size_bytes: int, sha1: bytes, store: str, key: str) -> datetime:
    """Record an original and where it lies verified; idempotent, and shared by all owners. Returns when it was."""
    # The function writes its transaction's now().
    verified_at: datetime = await tx.fetch_value(
        "SELECT now() FROM keep_original($1, $2, $3, $4, $5)", checksum, size_bytes, sha1, store, key
    )
    return verified_at


async def list_unknown_objects(tx: Tx, store: str, keys: Sequence[str]) -> list[str]:
    """Return those of the keys that no location names, across owners."""
    return [row["key"] for row in await tx.fetch("SELECT key FROM unknown_objects($1, $2::text[])", store, keys)]


async def doubt_original(tx: Tx, checksum: Checksum, store: str) -> None:
    """Record that what a store holds of an original is not its bytes any more, across owners."""
    await tx.execute("SELECT doubt_original($1, $2)", checksum, store)


async def forget_original(tx: Tx, checksum: Checksum, store: str) -> bool:
    """Forget that an original lies in a store, unless a file of anybody is made of it; return whether it may go."""
    return bool(await tx.fetch_value("SELECT forget_original($1, $2)", checksum, store))
