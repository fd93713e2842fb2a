"""Timeline and photo calls at 100,000 and 1,000,000 photos: latency, and CPU of client, http and database.

The photos' days are spread over eleven years against the order in which they were added, which is as bad as it gets: no
two photos of a month lie near each other in the table.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import asyncpg
import httpx

from afterglow.infra.db.embedded import SUPERUSER, EmbeddedPostgres
from kit import BenchNode, bench_node, difference, report

SIZES = [int(size) for size in os.environ.get("BENCH_ROWS", "100000,1000000").split(",")]
CALLS = 60
COLD_CALLS = 5
DAYS = 4000
# Enough rows of others that their owner's index entries lie among ours.
OTHERS_SHARE = 4

FILL = """
INSERT INTO photos (id, owner_id, status, kind, mime, filename, width, height, taken_local, taken_at, taken_source,
                    placeholder, derive_version, created_at, updated_at)
SELECT overlay($1::uuid::text PLACING lpad(to_hex(n), 8, '0') FROM 1 FOR 8)::uuid, $1::uuid,
       'STORED', 'photo', 'image/jpeg', 'IMG_' || n || '.jpg',
       -- What cameras make: nine in ten are 4:3, 3:2 or 16:9, a third of those upright; the others were cropped.
       CASE WHEN chance % 10 = 0 THEN 2000 + chance % 2000 WHEN chance % 3 = 0 THEN 3000 ELSE 4000 END,
       CASE WHEN chance % 10 = 0 THEN 3000 WHEN chance % 3 = 0 THEN 4000
            WHEN chance % 5 < 3 THEN 3000 WHEN chance % 5 = 3 THEN 2667 ELSE 2250 END,
       moment, moment, 'exif', decode('d818060a04685787878f77787f88878878f8877808', 'hex'), 1, now(), now()
FROM (SELECT n, abs(hashint4(n) / 2),
             timestamp '2014-01-01' + (n::bigint * 7919 % $3) * interval '1 day' + n % 86400 * interval '1 second'
      FROM generate_series(1, $2::int) AS n) AS rows (n, chance, moment)
"""
FILES = """
INSERT INTO photo_files (id, photo_id, owner_id, role, size_bytes, mime, name, source, created_at)
SELECT id, id, owner_id, 'primary', 3000000, mime, filename, 'upload', now() FROM photos
"""
# Of the newest photos only: they are on the first page.
STEPS = """
INSERT INTO steps (photo_id, owner_id, step, version, algorithm, state, next_try_at, run_id, created_at, finished_at)
SELECT p.id, p.owner_id, n.step, 1, 'bench', 'done', now(), gen_random_uuid(), now(), now()
FROM (SELECT id, owner_id FROM photos WHERE owner_id = $1 ORDER BY taken_local DESC, id DESC LIMIT 1000) p
CROSS JOIN unnest('{metadata,derive,sidecar}'::text[]) AS n (step)
"""

Call = Callable[[], Awaitable[httpx.Response]]


def main() -> None:
    """Run the benchmark."""
    with bench_node(AFTERGLOW_DECODERS="1") as node:
        token = node.claim()
        for size in SIZES:
            asyncio.run(measure(node, token, size))


async def measure(node: BenchNode, token: str, size: int) -> None:
    """Fill the library to a size and time each call."""
    connection = await connect(node)
    started = time.perf_counter()
    owner = await fill(connection, size)
    filled_s = time.perf_counter() - started
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=node.url, headers=headers, timeout=120) as client:
        figures = await time_calls(node, client, connection, owner)
    await connection.close()
    report("timeline", rows=size, month_photos=size * 30 // DAYS, filled_s=round(filled_s, 1), calls=figures)


async def time_calls(
    node: BenchNode, client: httpx.AsyncClient, connection: asyncpg.Connection, owner: UUID
) -> dict[str, object]:
    """Return the figures of all calls."""
    months = [month["month"] for month in (await client.get("/api/timeline")).json()["months"]]
    photo = (await client.get("/api/photos", params={"limit": 1})).json()["items"][0]["id"]
    others = iter(months[1:-1])

    def get(path: str, **headers: str) -> Call:
        return lambda: client.get(path, headers=headers)

    async def forget_layout() -> None:
        await connection.execute("DELETE FROM timeline_ratios")

    async def change_month() -> None:
        await connection.execute(
            "UPDATE timeline_days SET version = version + 1 WHERE owner_id = $1 AND day = '2016-06-15'", owner
        )

    # A month that nobody asked for before, each time.
    figures = {"month_first": await time_call(node, lambda: client.get(f"/api/timeline/{next(others)}"), warm_up=2)}
    figures["layout_cold"] = await time_call(node, get("/api/timeline/layout"), COLD_CALLS, before=forget_layout)
    figures["layout_month_changed"] = await time_call(node, get("/api/timeline/layout"), before=change_month)
    known = (await client.get("/api/timeline/layout")).headers["etag"]
    calls = {
        "months": get("/api/timeline"),
        "month": get(f"/api/timeline/{months[len(months) // 2]}"),
        "layout": get("/api/timeline/layout"),
        "layout_known": get("/api/timeline/layout", **{"If-None-Match": known}),
        "photos_page_50": get("/api/photos?limit=50"),
        "photos_page_500": get("/api/photos?limit=500"),
        "photo": get(f"/api/photos/{photo}"),
        "feed_page_500": get("/api/feed?limit=500"),
    }
    return figures | {name: await time_call(node, call) for name, call in calls.items()}


async def connect(node: BenchNode) -> asyncpg.Connection:
    """Return a connection for which no trigger runs for each row."""
    endpoint = EmbeddedPostgres(node.data_dir).endpoint()
    connection = await asyncpg.connect(
        endpoint.dsn(SUPERUSER), server_settings={"search_path": "afterglow, public"}, command_timeout=900
    )
    await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    return connection


async def fill(connection: asyncpg.Connection, size: int) -> UUID:
    """Give the owner this many photos, and others a quarter as many."""
    owner: UUID = await connection.fetchval("SELECT id FROM users WHERE role = 'owner'")
    other = await connection.fetchval(
        "INSERT INTO users (id, email, name, role, created_at, updated_at) "
        "VALUES (gen_random_uuid(), $1, 'Other', 'member', now(), now()) RETURNING id",
        f"other-{size}@example.org",
    )
    await connection.execute("TRUNCATE photos, photo_files, timeline_days, timeline_ratios, steps CASCADE")
    for who, count in ((owner, size), (other, size // OTHERS_SHARE)):
        await connection.execute(FILL, who, count, DAYS)
    await connection.execute(
        # No version comes twice, as no version of a real library does: answers are kept by it.
        "INSERT INTO timeline_days (owner_id, day, count, version) "
        "SELECT owner_id, taken_local::date, count(*), $1::bigint FROM photos GROUP BY 1, 2",
        size,
    )
    await connection.execute(FILES)
    await connection.execute(STEPS, owner)
    await connection.execute("VACUUM ANALYZE photos, photo_files, timeline_days, steps")
    return owner


async def time_call(
    node: BenchNode,
    call: Call,
    calls: int = CALLS,
    warm_up: int = 5,
    before: Callable[[], Awaitable[None]] | None = None,
) -> dict[str, object]:
    """Return latency and cost of a call; what is done before each is not timed, but its cost is in the database's."""
    for _ in range(min(warm_up, calls)):
        await call()
    cost, own, times = node.cost(), 0.0, []
    for _ in range(calls):
        if before:
            await before()
        started, process_started = time.perf_counter(), time.process_time()
        answer = await call()
        times.append((time.perf_counter() - started) * 1000)
        own += time.process_time() - process_started
    assert answer.status_code in (200, 304), answer.text
    return summary(times) | {
        "server_cpu_ms": per_call(difference(node.cost(), cost), calls),
        "client_cpu_ms": round(own / calls * 1000, 2),
        "bytes": len(answer.content),
        "sent_bytes": int(answer.headers.get("content-length", 0)),
    }


def summary(times_ms: Sequence[float]) -> dict[str, object]:
    """Return the median and the 95th percentile."""
    return {
        "p50_ms": round(statistics.median(times_ms), 2),
        "p95_ms": round(sorted(times_ms)[int(len(times_ms) * 0.95)], 2),
    }


def per_call(cpu_s: dict[str, float], calls: int) -> dict[str, float]:
    """Return milliseconds of each kind of process that did anything."""
    return {kind: round(value / calls * 1000, 2) for kind, value in cpu_s.items() if value}


if __name__ == "__main__":
    main()
