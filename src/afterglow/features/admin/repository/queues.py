"""SQL of queues: depths, pauses, and how runs ended."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from afterglow.features.admin.models import Depth, Ended, Failures, Pause
from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import UserId


async def list_depths(tx: Tx, bound: int) -> list[Depth]:
    """Return how long each queue is that has anything, counted up to a bound."""
    rows = await tx.fetch("SELECT step, waiting, running, failed, due_since FROM queue_depths($1)", bound)
    return [Depth(row["step"], row["waiting"], row["running"], row["failed"], row["due_since"]) for row in rows]


async def count_steps(tx: Tx) -> dict[str, dict[str, int]]:
    """Return how many steps wait and have failed, by state and step; counts every one."""
    counts: dict[str, dict[str, int]] = {"waiting": {}, "failed": {}}
    for row in await tx.fetch("SELECT step, state, count FROM count_steps()"):
        counts[row["state"]][row["step"]] = row["count"]
    return counts


async def list_pauses(tx: Tx) -> list[Pause]:
    """Return the queues that are paused."""
    rows = await tx.fetch("SELECT step, paused_at, paused_by FROM paused_steps ORDER BY step")
    return [Pause(row["step"], row["paused_at"], row["paused_by"]) for row in rows]


async def insert_pause(tx: Tx, step: str, paused_by: UserId) -> None:
    """Pause a queue; one that is paused stays as it is."""
    await tx.execute(
        "INSERT INTO paused_steps (step, paused_at, paused_by) VALUES ($1, $2, $3) ON CONFLICT (step) DO NOTHING",
        step,
        tx.now,
        paused_by,
    )


async def delete_pause(tx: Tx, step: str) -> bool:
    """Resume a queue; False if it was not paused."""
    return await tx.execute_count("DELETE FROM paused_steps WHERE step = $1", step) == 1


async def add_results(tx: Tx, slot: datetime, ended: Sequence[Ended]) -> None:
    """Add ends of runs to those of the same slot of time."""
    await tx.execute(
        """
        INSERT INTO step_results AS r (slot, step, result, code, runs, duration_s)
        SELECT $1, e.step, e.result, e.code, e.runs, e.duration_s
        FROM unnest($2::text[], $3::text[], $4::text[], $5::int[], $6::float8[])
             AS e (step, result, code, runs, duration_s)
        ORDER BY e.step, e.result, e.code
        ON CONFLICT (slot, step, result, code) DO UPDATE SET
            runs = r.runs + excluded.runs, duration_s = r.duration_s + excluded.duration_s
        """,
        slot,
        [entry.step for entry in ended],
        [entry.result for entry in ended],
        [entry.code for entry in ended],
        [entry.runs for entry in ended],
        [entry.duration_s for entry in ended],
    )


async def list_results(tx: Tx, since: datetime) -> list[Ended]:
    """Return how runs ended since a moment, by step, result and code."""
    rows = await tx.fetch(
        """
        SELECT step, result, code, sum(runs) AS runs, sum(duration_s) AS duration_s
        FROM step_results
        WHERE slot >= $1
        GROUP BY step, result, code
        """,
        since,
    )
    return [Ended(row["step"], row["result"], row["code"], row["runs"], row["duration_s"]) for row in rows]


async def list_failures(tx: Tx, since: datetime) -> list[Failures]:
    """Return runs that ended with an error since a moment, by step and code, the most first."""
    rows = await tx.fetch(
        """
        SELECT step, code, sum(runs) AS runs
        FROM step_results
        WHERE slot >= $1 AND result IN ('failed', 'retried')
        GROUP BY step, code
        ORDER BY runs DESC, step, code
        """,
        since,
    )
    return [Failures(row["step"], row["code"], row["runs"]) for row in rows]


async def prune_results(tx: Tx, older_than: timedelta) -> None:
    """Forget how runs ended before that."""
    await tx.execute("DELETE FROM step_results WHERE slot < $1", tx.now - older_than)
