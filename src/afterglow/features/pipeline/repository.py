"""SQL of the pipeline."""

from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import PhotoId, UserId


async def list_stale(tx: Tx, step: str, version: int, priority: int, window: int) -> list[tuple[UserId, PhotoId]]:
    """Return photos whose finished step is older than the version, across owners, oldest photos first.

    Steps that wait with this priority fill the window too.
    """
    rows = await tx.fetch(
        "SELECT owner_id, photo_id FROM stale_steps($1, $2, $3::smallint, $4)", step, version, priority, window
    )
    return [(UserId(row["owner_id"]), PhotoId(row["photo_id"])) for row in rows]
