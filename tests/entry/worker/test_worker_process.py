"""The worker as a process: it hears of new photos, finishes them, and ends when it is told to."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from afterglow.config import Settings
from factories.pictures import jpeg
from factories.product import Person, Product
from factories.rows import get_status
from factories.waiting import until

Process = asyncio.subprocess.Process
# What PgQueuer would take from the environment if it were let.
STRANGE = {"CHANNEL": "elsewhere", "TRIGGER": "elsewhere", "FUNCTION": "elsewhere", "PGQUEUER_CHANNEL": "elsewhere"}


@asynccontextmanager
async def worker(settings: Settings, log: Path, env: Mapping[str, str]) -> AsyncIterator[Process]:
    """A worker process, ended with the block if it has not ended by itself."""
    environment = os.environ | {
        "AFTERGLOW_DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "AFTERGLOW_DECODERS": "1",
        # So that what is done was told, not found.
        "AFTERGLOW_POLL_INTERVAL_S": "3600",
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "afterglow.entry.worker", env=environment | env, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.fixture
async def start_worker(settings: Settings, tmp_path: Path) -> AsyncIterator[Callable[..., object]]:
    """Start a worker whose output is shown if the test fails."""
    async with AsyncExitStack() as stack:

        async def start(env: Mapping[str, str] | None = None) -> Process:
            process = await stack.enter_async_context(worker(settings, tmp_path / "worker.log", env or {}))

            async def has_begun() -> bool:
                assert process.returncode is None, "the worker did not start"
                return b"worker works" in (tmp_path / "worker.log").read_bytes()

            await until(has_begun)
            return process

        yield start
    sys.stdout.write((tmp_path / "worker.log").read_text())


async def upload(person: Person, seed: int) -> str:
    sent = await person.http.post("/api/upload", files={"file": (f"{seed}.jpg", jpeg(seed), "image/jpeg")})
    assert sent.status_code == 201
    return sent.json()["photoId"]


async def until_stored(as_owner: asyncpg.Connection, photo_id: str) -> None:
    async def is_stored() -> bool:
        return await get_status(as_owner, photo_id) == "STORED"

    await until(is_stored)


@pytest.mark.req("LIFE-5", "P-7")
@pytest.mark.parametrize("env", [{}, STRANGE], ids=["usual", "strange-environment"])
async def test_it_finishes_what_waits_and_what_comes_and_ends_on_request(
    product: Product, ana: Person, as_owner: asyncpg.Connection, start_worker: Callable[..., object],
    env: Mapping[str, str],
) -> None:  # fmt: skip
    assert product is not None
    waiting = await upload(ana, 1)
    process = await start_worker(env)
    await until_stored(as_owner, waiting)
    await until_stored(as_owner, await upload(ana, 2))
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 30) == 0


@pytest.mark.req("P-4", "LIFE-5")
async def test_it_ends_with_an_error_when_the_database_has_gone_so_that_it_is_started_again(
    product: Product, start_worker: Callable[..., object], cleaner: asyncpg.Connection, tmp_path: Path
) -> None:
    assert product is not None
    process = await start_worker()
    await cleaner.execute("ALTER ROLE afterglow_app NOLOGIN")
    try:
        await cleaner.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name IN ('afterglow-worker', 'afterglow-queue')"
        )
        assert await asyncio.wait_for(process.wait(), 60) == 1
    finally:
        await cleaner.execute("ALTER ROLE afterglow_app LOGIN")
    assert "queue.away" in (tmp_path / "worker.log").read_text()
