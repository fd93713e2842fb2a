"""SQL of the pipeline."""

from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import PhotoId, UserId


async def list_stale(tx: Tx, step: str, version: int, limit: int) -> list[tuple[UserId, PhotoId]]:
    """Return photos whose finished step is older than the version, across owners, in the order of their ids."""
    rows = await tx.fetch("SELECT owner_id, photo_id FROM stale_steps($1, $2, $3)", step, version, limit)
    return [(UserId(row["owner_id"]), PhotoId(row["photo_id"])) for row in rows]
