"""SQL of the timeline.

Bounds of days are sent as timestamps: comparing a timestamp with a date is not leakproof, and under row-level security
it would not reach the index. Days that are meant themselves are sent as text: the driver takes the last day of all for
infinity, which as a bound is as good.
"""

from collections.abc import Sequence
from datetime import date, datetime, time

from afterglow.features.timeline.models import Correction, MonthColumns, MonthCount, MonthRatios, Months
from afterglow.features.timeline.rules import next_month
from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import UserId

_SHOWN = "deleted_at IS NULL AND NOT archived"
_MONTHS = """
    SELECT date_trunc('month', day::timestamp)::date AS month, sum(count)::bigint AS count,
           sum(version)::bigint AS version
    FROM timeline_days
    WHERE owner_id = $1
    GROUP BY 1
"""


async def list_months(tx: Tx, owner_id: UserId) -> Months:
    """Return the owner's months and the version of the whole, by one look at the days."""
    (row,) = await tx.fetch(
        f"""
        SELECT timeline_base() AS base, array_agg(month ORDER BY month DESC) AS months,
               array_agg(count ORDER BY month DESC) AS counts, array_agg(version ORDER BY month DESC) AS versions
        FROM ({_MONTHS}) AS by_month
        """,
        owner_id,
    )
    base, versions = row["base"], row["versions"] or []
    columns = zip(row["months"] or [], row["counts"] or [], versions, strict=True)
    return Months([MonthCount(month, count, base + version) for month, count, version in columns], base + sum(versions))


async def find_version(tx: Tx, owner_id: UserId, start: date, end: date) -> int:
    """Return the version of the days from `start` up to, not including, `end`."""
    value = await tx.fetch_value(
        """
        SELECT timeline_base() + COALESCE(sum(version), 0)::bigint
        FROM timeline_days WHERE owner_id = $1 AND day >= $2 AND day < $3
        """,
        owner_id,
        start,
        end,
    )
    return int(value)


async def get_month(tx: Tx, owner_id: UserId, month: date) -> MonthColumns:
    """Return a month's tiles and their version, by one statement: both of the same moment (index photos_timeline)."""
    (row,) = await tx.fetch(
        f"""
        SELECT (SELECT timeline_base() + COALESCE(sum(version), 0)::bigint
                FROM timeline_days WHERE owner_id = $1 AND day >= $2 AND day < $3) AS version,
               string_agg('"' || id::text || '"', ',') AS ids,
               string_agg(COALESCE((round(10000 * width::float8 / height) / 10000)::text, '1.0'), ',') AS ratios,
               string_agg(COALESCE('"' || encode(placeholder, 'base64') || '"', 'null'), ',') AS placeholders,
               string_agg(to_char(taken_local, '"\\""YYYY-MM-DD"T"HH24:MI:SS.MS"\\""'), ',') AS taken_local,
               string_agg('"' || kind || '"', ',') AS kinds,
               string_agg('"' || status || '"', ',') AS statuses,
               string_agg(derive_version::text, ',') AS derive_versions,
               string_agg(CASE WHEN favorite THEN 'true' ELSE 'false' END, ',') AS favorites,
               string_agg(COALESCE(duration_ms::text, 'null'), ',') AS durations
        FROM (
            SELECT id, width, height, kind, status, placeholder, taken_local, derive_version, favorite, duration_ms
            FROM photos
            WHERE owner_id = $1 AND taken_local >= $4 AND taken_local < $5 AND {_SHOWN}
            ORDER BY taken_local DESC, id DESC
        ) AS tiles
        """,
        owner_id,
        month,
        next_month(month),
        _midnight(month),
        _midnight(next_month(month)),
    )
    version, *columns = row
    # Base64 comes in lines of 76 characters.
    return MonthColumns(month, version, *((column or "").replace("\n", "") for column in columns))


async def see_one_moment(tx: Tx, statement_timeout_s: int) -> None:
    """Let all statements of a transaction that reads see the same moment, and take longer; the first of its statements.

    It holds nobody up: the feed waits for transactions that write.
    """
    await tx.execute(
        f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = '{statement_timeout_s:d}s'"
    )


async def list_kept_ratios(tx: Tx, owner_id: UserId) -> list[MonthRatios]:
    """Return the ratio bytes that are kept, each as of the version that its month had when they were read."""
    rows = await tx.fetch("SELECT month, version, ratios FROM timeline_ratios WHERE owner_id = $1", owner_id)
    return [MonthRatios(*row) for row in rows]


async def read_ratios(tx: Tx, owner_id: UserId, months: Sequence[MonthCount]) -> list[MonthRatios]:
    """Return the ratio bytes of these months' photos, which the index photos_timeline holds."""
    rows = await tx.fetch(
        f"""
        SELECT m.month, m.version, COALESCE(read.ratios, '') AS ratios
        FROM unnest($2::date[], $3::bigint[], $4::timestamp[], $5::timestamp[]) AS m (month, version, first, last)
        CROSS JOIN LATERAL (
            SELECT string_agg(ratio_byte(width, height), '') AS ratios
            FROM (
                SELECT width, height FROM photos
                WHERE owner_id = $1 AND taken_local >= m.first AND taken_local < m.last AND {_SHOWN}
                ORDER BY taken_local DESC, id DESC
            ) AS tiles
        ) AS read
        """,
        owner_id,
        [month.month for month in months],
        [month.version for month in months],
        [_midnight(month.month) for month in months],
        [_midnight(next_month(month.month)) for month in months],
    )
    return [MonthRatios(*row) for row in rows]


async def keep_ratios(tx: Tx, owner_id: UserId, kept: Sequence[MonthRatios]) -> None:
    """Keep the ratio bytes of months; those of a later version stay. In month order, so that writers don't deadlock."""
    await tx.execute(
        """
        INSERT INTO timeline_ratios AS r (owner_id, month, version, ratios)
        SELECT $1, n.month, n.version, n.ratios
        FROM unnest($2::date[], $3::bigint[], $4::bytea[]) AS n (month, version, ratios)
        ORDER BY n.month
        ON CONFLICT (owner_id, month) DO UPDATE SET version = excluded.version, ratios = excluded.ratios
        WHERE r.version < excluded.version
        """,
        owner_id,
        [month.month for month in kept],
        [month.version for month in kept],
        [month.ratios for month in kept],
    )


async def list_miscounted_days(tx: Tx, owner_id: UserId) -> list[date]:
    """Return the days whose count is not that of their photos; reads the index of all of them (photos_timeline)."""
    rows = await tx.fetch(
        f"""
        WITH counted AS (
            SELECT day, count FROM timeline_days WHERE owner_id = $1
        ), found AS (
            SELECT taken_local::date AS day, count(*) AS count FROM photos WHERE owner_id = $1 AND {_SHOWN} GROUP BY 1
        )
        SELECT day FROM counted FULL JOIN found USING (day)
        WHERE COALESCE(counted.count, 0) <> COALESCE(found.count, 0)
        ORDER BY day
        """,
        owner_id,
    )
    return [row["day"] for row in rows]


async def ensure_days(tx: Tx, owner_id: UserId, days: Sequence[date], version: int) -> None:
    """Give days that have no row one that counts nothing yet."""
    await tx.execute(
        """
        INSERT INTO timeline_days (owner_id, day, count, version)
        SELECT $1, n.day::date, 0, $3 FROM unnest($2::text[]) AS n (day) ORDER BY n.day::date
        ON CONFLICT DO NOTHING
        """,
        owner_id,
        [day.isoformat() for day in days],
        version,
    )


async def lock_days(tx: Tx, owner_id: UserId, days: Sequence[date]) -> dict[date, int]:
    """Lock days in their order until the commit; return their counts.

    Whoever changed photos of these days has committed by now, or has not counted them yet.
    """
    rows = await tx.fetch(
        """
        SELECT day, count FROM timeline_days
        WHERE owner_id = $1 AND day = ANY ($2::text[]::date[])
        ORDER BY day FOR UPDATE
        """,
        owner_id,
        [day.isoformat() for day in days],
    )
    return {row["day"]: row["count"] for row in rows}


async def recount_days(tx: Tx, owner_id: UserId, counted: dict[date, int]) -> list[Correction]:
    """Count the photos of days that are locked, and correct those that are wrong; each correction grows the version."""
    days = list(counted)
    rows = await tx.fetch(
        f"""
        UPDATE timeline_days d SET count = found.count, version = d.version + 1
        FROM unnest($2::text[]::date[], $3::timestamp[], $4::timestamp[]) AS n (day, first, last)
        CROSS JOIN LATERAL (
            SELECT count(*) AS count FROM photos
            WHERE owner_id = $1 AND taken_local >= n.first AND taken_local <= n.last AND {_SHOWN}
        ) AS found
        WHERE d.owner_id = $1 AND d.day = n.day AND d.count <> found.count
        RETURNING d.day, d.count
        """,
        owner_id,
        [day.isoformat() for day in days],
        [_midnight(day) for day in days],
        [datetime.combine(day, time.max) for day in days],
    )
    return [Correction(row["day"], counted[row["day"]], row["count"]) for row in rows]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min)
