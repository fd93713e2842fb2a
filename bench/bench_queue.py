"""Steps per second with a million waiting: started and finished in batches, as the worker does, and one by one."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import asyncpg
import psutil
import uvloop

from afterglow.features.photos.models import Derived
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import DERIVE, SIDECAR, StepDefinition
from afterglow.features.pipeline.service import Completion
from afterglow.features.steps import service as steps
from afterglow.infra.db.database import Database, create_pool
from afterglow.infra.db.embedded import APP_ROLE, OWNER_ROLE, SUPERUSER, EmbeddedPostgres, Endpoint
from afterglow.infra.db.migrate import migrate
from afterglow.infra.queue.pgqueuer import PgQueuerConsumer, enqueue
from afterglow.infra.queue.port import Job
from afterglow.kernel.ids import PhotoId
from kit import report

WAITING = int(os.environ.get("BENCH_STEPS", "1000000"))
RUN = int(os.environ.get("BENCH_STEPS_RUN", "30000"))
# As the worker: at most so many starts or ends in one transaction, and starts beside ends.
BATCH = 64
LANES = 2
ONE_BY_ONE = RUN // 15
LEASE = timedelta(seconds=30)
OWNERS = 3
DERIVED = Derived(4000, 3000, b"\1" * 21, b"\2" * 8, None, DERIVE.version)
WAKES = {DERIVE.name: Completion(derived=DERIVED, wakes=(SIDECAR,)), SIDECAR.name: Completion()}

# Everybody's photos, a day after the other, with the steps that a new photo has.
FILL = """
SET session_replication_role = replica;
INSERT INTO users (id, email, name, role, created_at, updated_at)
SELECT gen_random_uuid(), n || '@example.org', 'Bench', 'member', now(), now() FROM generate_series(1, {owners}) n;
INSERT INTO photos (id, owner_id, status, kind, mime, filename, width, height, taken_local, taken_at, taken_source,
                    created_at, updated_at)
SELECT gen_random_uuid(), o.ids[1 + n % {owners}], 'INGESTED', 'photo', 'image/jpeg', 'IMG_' || n || '.jpg', 4000, 3000,
       moment, moment, 'exif', now(), now()
FROM (SELECT array_agg(id) AS ids FROM users) o,
     (SELECT n, timestamp '2014-01-01' + n % 4000 * interval '1 day' AS moment FROM generate_series(1, {waiting}) n) r;
INSERT INTO timeline_days (owner_id, day, count) SELECT owner_id, taken_local::date, count(*) FROM photos GROUP BY 1, 2;
INSERT INTO steps (photo_id, owner_id, step, version, algorithm, state, next_try_at, created_at, finished_at)
SELECT p.id, p.owner_id, s.name, 1, 'bench', s.state, p.created_at - random() * interval '1 day', p.created_at,
       CASE WHEN s.state = 'done' THEN p.created_at END
FROM photos p, (VALUES ('metadata', 'done'), ('derive', 'waiting'), ('offload', 'done')) s (name, state);
INSERT INTO pgqueuer (priority, entrypoint, payload, dedupe_key, status, execute_after)
SELECT 0, 'bench', uuid_send(gen_random_uuid()), 'waiting:' || n, 'queued', now() - interval '1 day'
FROM generate_series(1, {waiting}) n;
"""


def main() -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory(prefix="afterglow-bench-") as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "data")
        endpoint = server.start()
        try:
            uvloop.run(measure(endpoint))
        finally:
            server.stop()


async def measure(endpoint: Endpoint) -> None:
    """Fill the database and print the figures."""
    await migrate(endpoint.dsn(OWNER_ROLE), endpoint.dsn(APP_ROLE))
    await fill(endpoint)
    async with opened(endpoint) as database:
        meter = Meter(await server_process(endpoint))
        due_ms = await time_due(database)
        due = await list_due(database, RUN + ONE_BY_ONE)
        alone = await meter.rate(due[:ONE_BY_ONE], lambda ids: run_steps(database, DERIVE, ids, 1))
        before = await count_scans(endpoint)
        batched = {
            step.name: await meter.rate(due[ONE_BY_ONE:], lambda ids, step=step: run_steps(database, step, ids, BATCH))
            for step in (DERIVE, SIDECAR)
        }
        scans = await count_scans(endpoint) - before
        due_after_ms = await time_due(database)
        wake_ups = await meter.rate(due[:RUN], lambda ids: pass_on(endpoint, database, ids))
    total = sum(float(figures["s"]) for figures in batched.values())
    report(
        "queue",
        waiting=WAITING,
        run=2 * RUN,
        batch=BATCH,
        steps_per_s=round(2 * RUN / total),
        steps_in_batches=batched,
        steps_one_by_one=alone,
        ratio_to_one_by_one=round(float(alone["cpu_ms"]) / float(batched[DERIVE.name]["cpu_ms"]), 1),
        wake_ups=wake_ups,
        due_ms=due_ms,
        due_ms_after=due_after_ms,
        sequential_scans=scans,
    )


async def fill(endpoint: Endpoint) -> None:
    """Make photos whose derivatives wait, and as many wake-ups of another kind."""
    connection = await asyncpg.connect(endpoint.dsn(SUPERUSER), server_settings={"search_path": "afterglow, public"})
    await connection.execute(FILL.format(owners=OWNERS, waiting=WAITING), timeout=900)
    await connection.execute("VACUUM ANALYZE", timeout=900)
    await connection.close()


@asynccontextmanager
async def opened(endpoint: Endpoint) -> AsyncIterator[Database]:
    """The database as the worker opens it."""
    database = await Database.connect(
        endpoint.dsn(APP_ROLE), enqueue=enqueue, subscribers={}, max_connections=8, application_name="bench"
    )
    yield database
    await database.close()


class Meter:
    """Times work, and what it costs here and in the server."""

    def __init__(self, server: psutil.Process) -> None:
        self._server = server

    async def rate(
        self, photo_ids: Sequence[PhotoId], work: Callable[[Sequence[PhotoId]], Awaitable[None]]
    ) -> dict[str, float]:
        """Return how many photos a second the work takes on, and the CPU of each, in milliseconds."""
        started, client_s, server_s = time.monotonic(), time.process_time(), self._server_s()
        await work(photo_ids)
        elapsed_s = time.monotonic() - started
        client_s, server_s = time.process_time() - client_s, self._server_s() - server_s
        count = len(photo_ids)
        return {
            "per_s": round(count / elapsed_s),
            "s": round(elapsed_s, 2),
            "cpu_ms": round((client_s + server_s) / count * 1000, 3),
            "client_cpu_ms": round(client_s / count * 1000, 3),
            "server_cpu_ms": round(server_s / count * 1000, 3),
        }

    def _server_s(self) -> float:
        spent = 0.0
        for number in psutil.pids():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(number)
                if self._server.pid in {number, process.ppid()}:
                    times = process.cpu_times()
                    spent += times.user + times.system + times.children_user + times.children_system
        return spent


async def server_process(endpoint: Endpoint) -> psutil.Process:
    """Return the server's first process, whose children serve."""
    connection = await asyncpg.connect(endpoint.dsn(SUPERUSER))
    backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
    await connection.close()
    return psutil.Process(backend.ppid())


async def list_due(database: Database, count: int) -> list[PhotoId]:
    """Return the photos whose derivatives are due first."""
    due = await database.run([], lambda tx: steps.list_due(tx, DERIVE.name, count))
    return [each.photo_id for each in due]


async def time_due(database: Database) -> float:
    """Return how long the reconciler's look for a window of due steps takes, the best of three, in milliseconds."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        await list_due(database, 500)
        times.append((time.perf_counter() - started) * 1000)
    return round(min(times), 2)


async def run_steps(database: Database, step: StepDefinition, photo_ids: Sequence[PhotoId], size: int) -> None:
    """Start and finish a step of these photos, so many in a transaction."""
    batches = iter([photo_ids[start : start + size] for start in range(0, len(photo_ids), size)])

    async def work_off() -> None:
        for batch in batches:
            await run_batch(database, step, batch)

    await asyncio.gather(*(work_off() for _ in range(LANES)))


async def run_batch(database: Database, step: StepDefinition, photo_ids: Sequence[PhotoId]) -> None:
    """Do what the worker's runner does, without the work itself."""
    runs = await database.run(
        [], lambda tx: pipeline.start_runs(tx, step, photo_ids, "bench:1", LEASE), repeatable=True
    )
    if len(runs) != len(photo_ids):
        raise SystemExit(f"{len(photo_ids) - len(runs)} steps did not start")
    ends = [(run, WAKES[step.name]) for run in runs]
    owners = sorted({run.owner_id for run in runs})
    if await database.run(owners, lambda tx: pipeline.complete_runs(tx, ends), repeatable=True):
        raise SystemExit("runs were lost")


async def pass_on(endpoint: Endpoint, database: Database, photo_ids: Sequence[PhotoId]) -> None:
    """Put wake-ups on the queue in batches, pick them and be done with them, as the worker's consumer does."""
    pool = await create_pool(endpoint.dsn(APP_ROLE), max_connections=4, application_name="bench-queue")
    consumer = PgQueuerConsumer(
        pool, batch=BATCH, poll_interval=timedelta(seconds=10), heartbeat_timeout=timedelta(seconds=20)
    )
    rest = len(photo_ids)

    async def count_down(_: PhotoId) -> None:
        nonlocal rest
        rest -= 1
        if rest == 0:
            consumer.stop()

    consumer.register("bench", count_down, concurrency=4 * BATCH)
    consuming = asyncio.ensure_future(consumer.run())
    for start in range(0, len(photo_ids), BATCH):
        async with database.transaction([], repeatable=True) as tx:
            for photo_id in photo_ids[start : start + BATCH]:
                tx.defer(Job("bench", photo_id))
    await consuming
    await pool.close()


async def count_scans(endpoint: Endpoint) -> int:
    """Return how often a large table was read from its beginning to its end so far."""
    connection = await asyncpg.connect(endpoint.dsn(SUPERUSER))
    await asyncio.sleep(1)  # sessions tell their figures at most once a second
    scans: int = await connection.fetchval(
        "SELECT sum(seq_scan)::int FROM pg_stat_user_tables WHERE relname IN ('steps', 'photos', 'pgqueuer')"
    )
    await connection.close()
    return scans


if __name__ == "__main__":
    main()
