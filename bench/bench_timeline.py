"""Timeline and photo calls at 100,000 and 1,000,000 photos: latency, and CPU of client, http and database."""

import asyncio
import os
import statistics
import time
from uuid import UUID

import asyncpg
import httpx

from afterglow.infra.db.embedded import SUPERUSER, EmbeddedPostgres
from kit import BenchNode, bench_node, difference, report

SIZES = [int(size) for size in os.environ.get("BENCH_ROWS", "100000,1000000").split(",")]
CALLS = 60
DAYS = 4000
# Enough rows of others that their owner's index entries lie among ours.
OTHERS_SHARE = 4

FILL = """
INSERT INTO photos (id, owner_id, status, kind, mime, filename, width, height, taken_local, taken_at, taken_source,
                    placeholder, derive_version, created_at, updated_at)
SELECT gen_random_uuid(), $1, 'STORED', 'photo', 'image/jpeg', 'IMG_' || n || '.jpg',
       4000, 2000 + (n * 37) % 2000, moment, moment, 'exif',
       decode('d818060a04685787878f77787f88878878f8877808', 'hex'), 1, now(), now()
FROM (SELECT n, timestamp '2014-01-01' + (n::bigint * 7919 % $3) * interval '1 day' + n % 86400 * interval '1 second'
      FROM generate_series(1, $2::int) AS n) AS rows (n, moment)
"""


def main() -> None:
    """Run the benchmark."""
    with bench_node(AFTERGLOW_DECODERS="1") as node:
        token = node.claim()
        for size in SIZES:
            asyncio.run(measure(node, token, size))


async def measure(node: BenchNode, token: str, size: int) -> None:
    """Fill the library to a size and time each call."""
    owner = await fill(node, size)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=node.url, headers=headers, timeout=120) as client:
        months = (await client.get("/api/timeline")).json()["months"]
        photos = (await client.get("/api/photos", params={"limit": 50})).json()["items"]
        calls = {
            "months": "/api/timeline",
            "month": f"/api/timeline/{months[len(months) // 2]['month']}",
            "photos_page_50": "/api/photos?limit=50",
            "photo": f"/api/photos/{photos[0]['id']}",
        }
        figures = {name: await time_call(node, client, path) for name, path in calls.items()}
    report("timeline", rows=size, owner=str(owner)[:8], month_photos=size // len(months), calls=figures)


async def fill(node: BenchNode, size: int) -> UUID:
    """Give the owner this many photos, and others a quarter as many."""
    endpoint = EmbeddedPostgres(node.data_dir).endpoint()
    connection = await asyncpg.connect(endpoint.dsn(SUPERUSER), server_settings={"search_path": "afterglow, public"})
    owner: UUID = await connection.fetchval("SELECT id FROM users WHERE role = 'owner'")
    # As a replica: no trigger runs for each row; the days are counted at once.
    await connection.execute("SET session_replication_role = replica; DELETE FROM photos; DELETE FROM timeline_days")
    other = await connection.fetchval(
        "INSERT INTO users (id, email, name, role, created_at, updated_at) "
        "VALUES (gen_random_uuid(), $1, 'Other', 'member', now(), now()) RETURNING id",
        f"other-{size}@example.org",
    )
    for who, count in ((owner, size), (other, size // OTHERS_SHARE)):
        await connection.execute(FILL, who, count, DAYS, timeout=600)
        await connection.execute(
            "INSERT INTO timeline_days (owner_id, day, count) "
            "SELECT owner_id, taken_local::date, count(*) FROM photos WHERE owner_id = $1 GROUP BY 1, 2",
            who,
        )
    await connection.execute(
        "INSERT INTO photo_files (id, photo_id, owner_id, role, size_bytes, mime, name, source, created_at) "
        "SELECT gen_random_uuid(), id, owner_id, 'primary', 3000000, mime, filename, 'upload', now() FROM photos "
        "WHERE NOT EXISTS (SELECT 1 FROM photo_files f WHERE f.photo_id = photos.id)",
        timeout=600,
    )
    await connection.execute("VACUUM ANALYZE photos, photo_files, timeline_days", timeout=600)
    await connection.close()
    return owner


async def time_call(node: BenchNode, client: httpx.AsyncClient, path: str) -> dict[str, object]:
    """Return latency and cost of a call."""
    for _ in range(5):
        (await client.get(path)).raise_for_status()
    before, own, times = node.cost(), time.process_time(), []
    for _ in range(CALLS):
        started = time.perf_counter()
        answer = (await client.get(path)).raise_for_status()
        times.append((time.perf_counter() - started) * 1000)
    own = time.process_time() - own
    cpu = difference(node.cost(), before)
    return {
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(sorted(times)[int(CALLS * 0.95)], 2),
        "server_cpu_ms": {kind: round(value / CALLS * 1000, 2) for kind, value in cpu.items() if value},
        "client_cpu_ms": round(own / CALLS * 1000, 2),
        "bytes": len(answer.content),
    }


if __name__ == "__main__":
    main()
