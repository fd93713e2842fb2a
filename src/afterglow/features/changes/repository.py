"""SQL of changes.

Transaction ids travel as text: the driver does not know their type, and 64 bits are more than it has for integers.
"""

import json
from datetime import timedelta

from afterglow.features.changes.models import Change, Horizon, Position
from afterglow.infra.db.database import Record, Tx
from afterglow.kernel.ids import UserId


async def see_one_moment(tx: Tx) -> None:
    """Let all statements of a transaction that reads see the same moment; the first of its statements."""
    await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


async def get_horizon(tx: Tx, owner_id: UserId) -> Horizon:
    """Return the present epoch, the lowest transaction that is not over, and the owner's floor."""
    (row,) = await tx.fetch(
        """
        SELECT current_epoch() AS now_epoch, pg_snapshot_xmin(pg_current_snapshot())::text AS horizon,
               f.epoch, f.xid::text AS xid_text, f.seq
        FROM (SELECT) AS one LEFT JOIN feed_floors f ON f.owner_id = $1
        """,
        owner_id,
    )
    floor = _position(row) if row["epoch"] is not None else None
    return Horizon(row["now_epoch"], int(row["horizon"]), floor)


async def list_changes(tx: Tx, owner_id: UserId, after: Position, limit: int) -> list[Change]:
    """Return an owner's changes of an epoch after a position, in their order (index changes_pkey).

    Only of transactions below all that are not over: one that commits late never comes before what was read.
    """
    rows = await tx.fetch(
        """
        SELECT c.epoch, c.xid::text AS xid_text, c.seq, c.type, c.entity_id, c.data::text AS data, c.created_at
        FROM changes c
        WHERE c.owner_id = $1 AND c.epoch = $2 AND (c.xid, c.seq) > ($3::text::xid8, $4::bigint)
          AND c.xid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY c.xid, c.seq
        LIMIT $5
        """,
        owner_id,
        after.epoch,
        str(after.xid),
        after.seq,
        limit,
    )
    return [
        Change(
            position=_position(row),
            type=row["type"],
            entity_id=row["entity_id"],
            data=json.loads(row["data"]) if row["data"] is not None else None,
            created_at=row["created_at"],
        )
        for row in rows
    ]


async def prune_changes(tx: Tx, owner_id: UserId, retention: timedelta, limit: int) -> int:
    """Remove the owner's oldest changes if they are too old or of a former epoch, and raise the floor above them.

    Looks at no more than `limit` of them, in their order, so that it never searches among those that stay; returns how
    many went. Those of transactions that are not surely over stay.
    """
    return await tx.execute_count(
        """
        WITH oldest AS (
            SELECT epoch, xid, seq, created_at FROM changes
            WHERE owner_id = $1 AND (epoch < current_epoch() OR xid < pg_snapshot_xmin(pg_current_snapshot()))
            ORDER BY epoch, xid, seq
            LIMIT $3
        ), pruned AS (
            DELETE FROM changes c USING oldest o
            WHERE c.owner_id = $1 AND c.epoch = o.epoch AND c.xid = o.xid AND c.seq = o.seq
              AND (o.epoch < current_epoch() OR o.created_at < now() - $2::interval)
            RETURNING c.owner_id, c.epoch, c.xid, c.seq
        ), raised AS (
            INSERT INTO feed_floors AS f (owner_id, epoch, xid, seq)
            SELECT owner_id, epoch, xid, seq FROM pruned ORDER BY epoch DESC, xid DESC, seq DESC LIMIT 1
            ON CONFLICT (owner_id) DO UPDATE SET epoch = excluded.epoch, xid = excluded.xid, seq = excluded.seq
            WHERE (f.epoch, f.xid, f.seq) < (excluded.epoch, excluded.xid, excluded.seq)
        )
        SELECT FROM pruned
        """,
        owner_id,
        retention,
        limit,
    )


async def mint_epoch(tx: Tx, reason: str) -> int:
    """Begin a new epoch; waits for writers that have recorded changes, and holds up all others until the commit."""
    return int(await tx.fetch_value("SELECT mint_epoch($1)", reason))


async def ensure_epoch(tx: Tx) -> int | None:
    """Begin a new epoch if the present one is another database's; return it, or None."""
    minted = await tx.fetch_value("SELECT ensure_epoch()")
    return int(minted) if minted is not None else None


def _position(row: Record) -> Position:
    return Position(row["epoch"], int(row["xid_text"]), row["seq"])
