"""What goes wrong with the embedded database is said, and heals where it can."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_kit import connection, fetch_value, open_folder, stopped_at_end

from afterglow.infra.db.embedded import (
    APP_ROLE,
    OWNER_ROLE,
    ClusterVersionError,
    EmbeddedPostgres,
    ServerStartError,
)
from afterglow.kernel.errors import CorruptError


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder / "data"


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    with stopped_at_end(EmbeddedPostgres(data_dir, durable=False)) as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedPostgres]:
    """A running server for tests that only look."""
    with open_folder() as folder, stopped_at_end(EmbeddedPostgres(folder / "data", durable=False)) as made:
        made.start()
        yield made


async def test_failed_start_tells_the_log_and_frees_the_folder(data_dir: Path) -> None:
    with pytest.raises(ServerStartError, match="shared_buffers"):
        EmbeddedPostgres(data_dir, durable=False, settings={"shared_buffers": "much"}).start()
    with stopped_at_end(EmbeddedPostgres(data_dir, durable=False)) as server:
        assert await fetch_value(server.start(), "SELECT 1") == 1


async def test_failure_after_the_log_file_took_over_is_told_too(server: EmbeddedPostgres, data_dir: Path) -> None:
    server.start()
    server.stop()
    (data_dir / "postgres/data/global/pg_filenode.map").write_bytes(b"damaged")
    with pytest.raises(ServerStartError, match=r"pg_filenode\.map"):
        server.start()


def test_cluster_of_another_major_version_is_refused(server: EmbeddedPostgres, data_dir: Path) -> None:
    server.start()
    server.stop()
    version = data_dir / "postgres/data/PG_VERSION"
    version.write_text("9\n")
    with pytest.raises(ClusterVersionError, match="PostgreSQL 9"):
        server.start()


async def test_lost_passwords_are_replaced_without_losing_rows(server: EmbeddedPostgres, data_dir: Path) -> None:
    async with connection(server.start(), OWNER_ROLE) as made:
        await made.execute("CREATE TABLE kept AS SELECT 7 AS value")
    old = server.endpoint().passwords
    server.stop()
    (data_dir / "secrets/postgres.json").unlink()
    endpoint = server.start()
    assert not set(endpoint.passwords.values()) & set(old.values())
    assert await fetch_value(endpoint, "SELECT value FROM kept", OWNER_ROLE) == 7
    assert await fetch_value(endpoint, "SELECT 1", APP_ROLE) == 1


def test_passwords_stay_out_of_the_log(shared: EmbeddedPostgres) -> None:
    root = shared.endpoint().socket_dir.parent
    logged = "".join(path.read_text() for path in [*root.glob("log/*"), root / "startup.log"])
    assert "ready to accept connections" in logged
    assert not [password for password in shared.endpoint().passwords.values() if password in logged]


def test_damaged_password_file_is_named(server: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "secrets").mkdir(parents=True)
    (data_dir / "secrets/postgres.json").write_text("{")
    with pytest.raises(CorruptError, match=r"secrets/postgres\.json"):
        server.start()
