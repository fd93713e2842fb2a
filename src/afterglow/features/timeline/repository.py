"""SQL of the timeline."""

from datetime import date, datetime, time

from afterglow.features.timeline.models import MonthCount, Tile
from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import UserId


async def list_months(tx: Tx, owner_id: UserId) -> list[MonthCount]:
    """Return the owner's months, newest first; also those whose photos have all gone, for their version."""
    rows = await tx.fetch(
        """
        SELECT date_trunc('month', day)::date AS month, sum(count)::bigint AS count, sum(version)::bigint AS version
        FROM timeline_days
        WHERE owner_id = $1
        GROUP BY 1
        ORDER BY 1 DESC
        """,
        owner_id,
    )
    return [MonthCount(row["month"], row["count"], row["version"]) for row in rows]


async def find_version(tx: Tx, owner_id: UserId, start: date, end: date) -> int:
    """Return the version of the days from `start` up to, not including, `end`; 0 where nothing ever was."""
    value = await tx.fetch_value(
        "SELECT sum(version)::bigint FROM timeline_days WHERE owner_id = $1 AND day >= $2 AND day < $3",
        owner_id,
        start,
        end,
    )
    return int(value or 0)


async def list_tiles(tx: Tx, owner_id: UserId, start: date, end: date) -> list[Tile]:
    """Return the tiles taken from `start` up to, not including, `end`, newest first (index photos_timeline).

    Both are sent as timestamps: comparing a timestamp with a date is not leakproof, and under row-level security it
    would not reach the index.
    """
    rows = await tx.fetch(
        """
        SELECT id, width, height, kind, status, placeholder, taken_local, derive_version, favorite, duration_ms
        FROM photos
        WHERE owner_id = $1 AND taken_local >= $2 AND taken_local < $3
          AND deleted_at IS NULL AND NOT archived
        ORDER BY taken_local DESC, id DESC
        """,
        owner_id,
        datetime.combine(start, time.min),
        datetime.combine(end, time.min),
    )
    return [Tile(*row) for row in rows]
