"""SQL of what the node says of itself: schedules, processes, measures, the database."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from afterglow.features.admin.models import DatabaseFacts, Measure, ProcessRow, ScheduleRun
from afterglow.infra.db.database import Tx
from afterglow.infra.telemetry.counts import Snapshot

_SCHEDULE_COLUMNS = "name, cron, next_at, started_at, finished_at, failed_at, error"


async def list_schedules(tx: Tx) -> list[ScheduleRun]:
    """Return all recurring jobs by name."""
    rows = await tx.fetch(f"SELECT {_SCHEDULE_COLUMNS} FROM schedule_runs ORDER BY name")
    return [ScheduleRun(**dict(row)) for row in rows]


async def replace_schedules(tx: Tx, schedules: Sequence[tuple[str, str, datetime]]) -> None:
    """Make these the recurring jobs (name, cron, next run); what is known of their last runs stays."""
    names = [name for name, _, _ in schedules]
    await tx.execute("DELETE FROM schedule_runs WHERE NOT name = ANY ($1::text[])", names)
    await tx.execute(
        """
        INSERT INTO schedule_runs (name, cron, next_at)
        SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS s (name, cron, next_at)
        ORDER BY s.name
        ON CONFLICT (name) DO UPDATE SET cron = excluded.cron, next_at = excluded.next_at
        """,
        names,
        [cron for _, cron, _ in schedules],
        [next_at for _, _, next_at in schedules],
    )


async def start_schedule(tx: Tx, name: str, next_at: datetime) -> None:
    """Record that a recurring job begins."""
    await tx.execute(
        "UPDATE schedule_runs SET started_at = $2, finished_at = NULL, next_at = $3 WHERE name = $1",
        name,
        tx.now,
        next_at,
    )


async def finish_schedule(tx: Tx, name: str, error: str | None) -> None:
    """Record how a recurring job ended; the last error is kept until the next one."""
    await tx.execute(
        """
        UPDATE schedule_runs SET
            finished_at = $2,
            failed_at = CASE WHEN $3::text IS NULL THEN failed_at ELSE $2 END,
            error = COALESCE($3, error)
        WHERE name = $1
        """,
        name,
        tx.now,
        error,
    )


async def upsert_process(tx: Tx, process: ProcessRow, counts: Snapshot) -> None:
    """Keep what a process tells of itself."""
    await tx.execute(
        """
        INSERT INTO processes (id, kind, name, version, started_at, seen_at, running, resident_bytes, counts)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)
        ON CONFLICT (id) DO UPDATE SET
            seen_at = excluded.seen_at, running = excluded.running, resident_bytes = excluded.resident_bytes,
            counts = excluded.counts
        """,
        process.id,
        process.kind,
        process.name,
        process.version,
        process.started_at,
        process.seen_at,
        process.running,
        process.resident_bytes,
        json.dumps(counts),
    )


async def list_processes(tx: Tx, seen_since: datetime) -> list[ProcessRow]:
    """Return the processes that told of themselves since a moment."""
    rows = await tx.fetch(
        """
        SELECT id, kind, name, version, started_at, seen_at, running, resident_bytes
        FROM processes WHERE seen_at >= $1
        ORDER BY kind, name
        """,
        seen_since,
    )
    return [ProcessRow(**dict(row)) for row in rows]


async def list_counts(tx: Tx, but: UUID) -> list[Snapshot]:
    """Return what all processes of this start of the node have counted, ended ones too, except one."""
    rows = await tx.fetch("SELECT counts FROM processes WHERE id <> $1", but)
    return [json.loads(row["counts"]) for row in rows]


async def delete_processes(tx: Tx) -> None:
    """Forget all processes and their counts."""
    await tx.execute("DELETE FROM processes")


async def upsert_measure(tx: Tx, name: str, figures: Mapping[str, int]) -> None:
    """Keep figures under a name."""
    await tx.execute(
        """
        INSERT INTO measures (name, figures, measured_at) VALUES ($1, $2::jsonb, $3)
        ON CONFLICT (name) DO UPDATE SET figures = excluded.figures, measured_at = excluded.measured_at
        """,
        name,
        json.dumps(figures),
        tx.now,
    )


async def list_measures(tx: Tx) -> dict[str, Measure]:
    """Return all figures by their names."""
    rows = await tx.fetch("SELECT name, figures, measured_at FROM measures")
    return {row["name"]: Measure(json.loads(row["figures"]), row["measured_at"]) for row in rows}


async def count_photos(tx: Tx) -> dict[str, int]:
    """Return the photos of everybody by status, those in the trash apart; counts every one."""
    return {row["status"]: row["count"] for row in await tx.fetch("SELECT status, count FROM count_photos()")}


async def count_originals(tx: Tx) -> dict[str, int]:
    """Return how many originals there are and what they weigh; counts every one."""
    row = await tx.fetch_row("SELECT count, size_bytes FROM count_originals()")
    return dict(row) if row else {}


async def get_database_facts(tx: Tx) -> DatabaseFacts:
    """Return what the database says of itself."""
    row = await tx.fetch_row(
        """
        SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS size_bytes,
               (SELECT version_num FROM alembic_version) AS revision
        """
    )
    if row is None:  # pragma: no cover (a query without FROM has a row)
        raise AssertionError
    return DatabaseFacts(row["version"], row["revision"], row["size_bytes"])


async def relax_durability(tx: Tx) -> None:
    """Let this transaction's commit not wait for the disk: what it writes is worth less than the wait."""
    await tx.execute("SET LOCAL synchronous_commit = off")
