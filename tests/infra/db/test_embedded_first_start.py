"""A first start that is killed at any point is healed by the next one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_kit import connection, fetch_value, open_folder, owner_process, stopped_at_end

from afterglow.infra.db.embedded import APP_ROLE, OWNER_ROLE, EmbeddedPostgres

FAULT_POINTS = [
    "postgres.after-credentials",
    "postgres.after-initdb",
    "postgres.after-rename",
    "postgres.after-spawn",
    "postgres.after-role",
    "postgres.after-role:2",
    "postgres.after-database",
    "postgres.before-record",
]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder / "data"


@pytest.mark.req("RUN-1")
@pytest.mark.parametrize("point", FAULT_POINTS)
async def test_kill_at(point: str, data_dir: Path) -> None:
    with owner_process(data_dir, point) as owner:
        assert owner.wait() == -signal.SIGKILL
    with stopped_at_end(EmbeddedPostgres(data_dir, durable=False)) as server:
        endpoint = server.start()
        async with connection(endpoint, OWNER_ROLE) as made:
            await made.execute("CREATE TABLE photos (v vector(2))")
        assert await fetch_value(endpoint, "SELECT count(*) FROM pg_extension WHERE extname = 'vector'", APP_ROLE) == 1
        assert not list((data_dir / "postgres").glob("data.new-*"))


async def test_half_made_cluster_is_removed(data_dir: Path) -> None:
    leftover = data_dir / "postgres/data.new-0badcafe"
    (leftover / "base").mkdir(parents=True)
    (leftover / "PG_VERSION").write_text("18\n")
    with stopped_at_end(EmbeddedPostgres(data_dir, durable=False)) as server:
        assert await fetch_value(server.start(), "SELECT 1") == 1
        assert not leftover.exists()


async def test_set_up_runs_again_when_it_is_not_recorded(data_dir: Path) -> None:
    with stopped_at_end(EmbeddedPostgres(data_dir, durable=False)) as server:
        async with connection(server.start(), "postgres") as made:
            await made.execute("DROP EXTENSION vector")
            await made.execute(f"ALTER ROLE {APP_ROLE} SUPERUSER")
        server.stop()
        (data_dir / "postgres/setup.json").unlink()
        endpoint = server.start()
        assert await fetch_value(endpoint, "SELECT '[1]'::vector <-> '[1]'::vector", APP_ROLE) == 0
        assert await fetch_value(endpoint, "SELECT usesuper FROM pg_user WHERE usename = user", APP_ROLE) is False


def test_passwords_and_cluster_are_private(data_dir: Path) -> None:
    mask = os.umask(0)
    try:
        with stopped_at_end(EmbeddedPostgres(data_dir, durable=False)) as server:
            server.start()
            modes = {
                name: (data_dir / name).stat().st_mode & 0o777
                for name in ("secrets", "secrets/postgres.json", "postgres/data", "postgres/run", "postgres/log")
            }
    finally:
        os.umask(mask)
    assert modes.pop("secrets/postgres.json") == 0o600
    assert set(modes.values()) == {0o700}
