"""SQL of the pipeline.

That the ids are named twice, joined and by ANY, keeps the planner to their index also where a table was never analysed,
as in a new library: it would take it for empty, and read it whole.
"""

from collections.abc import Mapping, Sequence

from afterglow.features.photos.models import PhotoStatus
from afterglow.features.pipeline.models import Settled
from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import PhotoId, UserId


async def lock_statuses(tx: Tx, photo_ids: Mapping[PhotoId, UserId]) -> dict[PhotoId, PhotoStatus]:
    """Lock the rows of these photos until the commit and return their statuses; others are left out.

    Photos are given with their owners, and locked in the order of their ids. One that is being purged is gone already.
    """
    rows = await tx.fetch(
        """
        SELECT p.id, p.status
        FROM unnest($1::uuid[], $2::uuid[]) AS n (photo_id, owner_id)
        JOIN photos p ON p.id = n.photo_id AND p.owner_id = n.owner_id
        WHERE p.id = ANY ($1::uuid[]) AND p.purging_at IS NULL
        ORDER BY p.id
        FOR NO KEY UPDATE OF p
        """,
        list(photo_ids),
        list(photo_ids.values()),
    )
    return {PhotoId(row["id"]): PhotoStatus(row["status"]) for row in rows}


async def settle_photos(tx: Tx, settled: Sequence[Settled]) -> None:
    """Set statuses, and keep what the pixels told; one statement, so that days are counted in their order."""
    derived = [each.derived for each in settled]
    await tx.execute(
        """
        UPDATE photos p SET
            status = n.status,
            width = COALESCE(n.width, p.width),
            height = COALESCE(n.height, p.height),
            placeholder = COALESCE(n.placeholder, p.placeholder),
            perceptual_hash = COALESCE(n.perceptual_hash, p.perceptual_hash),
            damaged = CASE WHEN n.derive_version IS NULL THEN p.damaged ELSE n.damaged END,
            derive_version = COALESCE(n.derive_version, p.derive_version),
            updated_at = $10
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::int[], $6::bytea[], $7::bytea[], $8::text[],
                    $9::int[])
             AS n (photo_id, owner_id, status, width, height, placeholder, perceptual_hash, damaged, derive_version)
        WHERE p.id = n.photo_id AND p.owner_id = n.owner_id AND p.id = ANY ($1::uuid[])
        """,
        [each.photo_id for each in settled],
        [each.owner_id for each in settled],
        [each.status.value for each in settled],
        [each and each.width for each in derived],
        [each and each.height for each in derived],
        [each and each.placeholder for each in derived],
        [each and each.perceptual_hash for each in derived],
        [each and each.damaged for each in derived],
        [each and each.version for each in derived],
        tx.now,
    )


async def list_stale(tx: Tx, step: str, version: int, priority: int, window: int) -> list[tuple[UserId, PhotoId]]:
    """Return photos whose finished step is older than the version, across owners, oldest photos first.

    Steps that wait with this priority fill the window too.
    """
    rows = await tx.fetch(
        "SELECT owner_id, photo_id FROM stale_steps($1, $2, $3::smallint, $4)", step, version, priority, window
    )
    return [(UserId(row["owner_id"]), PhotoId(row["photo_id"])) for row in rows]
