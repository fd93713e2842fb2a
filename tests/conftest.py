"""What all tests share: a PostgreSQL for each test process, a fresh database for each test, and the corpus."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from afterglow.config import Settings, load_settings
from afterglow.infra.db.database import Database
from afterglow.infra.db.embedded import APP_ROLE, OWNER_ROLE, SUPERUSER, EmbeddedPostgres, Endpoint
from afterglow.infra.db.migrate import migrate
from afterglow.infra.queue.pgqueuer import enqueue
from factories.product import Person, Product, open_product

TEMPLATE = "afterglow_template"
SHARED = "afterglow_shared"
KEPT_TABLES = ["alembic_version", "feed_epochs", "photo_transitions"]
CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"

# No test may look at, or write to, what the machine's user has.
for name in [name for name in os.environ if name.startswith("AFTERGLOW_") and not name.startswith("AFTERGLOW_TEST_")]:
    del os.environ[name]
for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real photos, which lies beside the repository and is never part of it."""
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus is not there: {CORPUS}")
    return CORPUS


@pytest.fixture(scope="session")
def open_tmp() -> Iterator[Path]:
    """A folder that other users may pass through: pytest's own are closed, which matters to a server run by root."""
    folder = Path(tempfile.mkdtemp(prefix="afterglow-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(open_tmp: Path) -> Iterator[Endpoint]:
    """This test process's own server."""
    server = EmbeddedPostgres(open_tmp / "server", durable=False, settings={"max_connections": "100"})
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
async def template(postgres: Endpoint) -> str:
    """A migrated database to copy."""
    connection = await asyncpg.connect(postgres.dsn(SUPERUSER, "postgres"))
    await connection.execute(f"CREATE DATABASE {TEMPLATE} OWNER {OWNER_ROLE}")
    await connection.close()
    connection = await asyncpg.connect(postgres.dsn(SUPERUSER, TEMPLATE))
    await connection.execute("CREATE EXTENSION vector")
    await connection.close()
    await migrate(postgres.dsn(OWNER_ROLE, TEMPLATE), postgres.dsn(APP_ROLE, TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
async def cleaner(postgres: Endpoint, template: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to this test process's copy of the template."""
    admin = await asyncpg.connect(postgres.dsn(SUPERUSER, "postgres"))
    await admin.execute(f"CREATE DATABASE {SHARED} TEMPLATE {template} OWNER {OWNER_ROLE}")
    await admin.close()
    connection = await asyncpg.connect(postgres.dsn(SUPERUSER, SHARED))
    yield connection
    await connection.close()


@pytest.fixture
async def database_name(cleaner: asyncpg.Connection) -> AsyncIterator[str]:
    """A migrated, empty database: emptied after each test, which is ten times faster than a copy for each."""
    yield SHARED
    tables = await cleaner.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'afterglow' AND NOT tablename = ANY ($1)", KEPT_TABLES
    )
    # As a replica: no trigger writes changes, no foreign key asks for an order.
    deletes = "; ".join(f"DELETE FROM afterglow.{table['tablename']}" for table in tables)
    await cleaner.execute(f"SET session_replication_role = replica; {deletes}")


@pytest.fixture
def owner_dsn(postgres: Endpoint, database_name: str) -> str:
    """The test's database, as the role that owns its tables."""
    return postgres.dsn(OWNER_ROLE, database_name)


@pytest.fixture
def app_dsn(postgres: Endpoint, database_name: str) -> str:
    """The test's database, as the role that requests and jobs work as."""
    return postgres.dsn(APP_ROLE, database_name)


@pytest.fixture
async def database(app_dsn: str) -> AsyncIterator[Database]:
    """The test's database as the product opens it."""
    opened = await Database.connect(
        app_dsn, enqueue=enqueue, subscribers={}, max_connections=8, application_name="test"
    )
    yield opened
    await opened.close()


@pytest.fixture
async def eager_database(cleaner: asyncpg.Connection, app_dsn: str) -> AsyncIterator[Database]:
    """The same with deadlocks found at once, instead of after a second."""
    await cleaner.execute(f"ALTER ROLE {APP_ROLE} SET deadlock_timeout = '10ms'")
    opened = await Database.connect(
        app_dsn, enqueue=enqueue, subscribers={}, max_connections=8, application_name="test-eager"
    )
    yield opened
    await opened.close()
    await cleaner.execute(f"ALTER ROLE {APP_ROLE} RESET deadlock_timeout")


@pytest.fixture
async def as_owner(owner_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that sees everything, to look behind the product."""
    connection = await asyncpg.connect(owner_dsn, server_settings={"search_path": "afterglow, public"})
    yield connection
    await connection.close()


@pytest.fixture
def settings(app_dsn: str, tmp_path: Path) -> Settings:
    """Settings of a node on the test's database and a new data folder."""
    return load_settings(data_dir=tmp_path / "data", database_url=app_dsn, decoders=1)


@pytest.fixture
async def product(settings: Settings) -> AsyncIterator[Product]:
    """The product without its processes."""
    settings.data_dir.mkdir()
    async with open_product(settings) as opened:
        yield opened


@pytest.fixture
async def ana(product: Product) -> AsyncIterator[Person]:
    """Somebody who is logged in."""
    person = await product.person("ana")
    yield person
    await person.http.aclose()


@pytest.fixture
async def ben(product: Product) -> AsyncIterator[Person]:
    """Somebody else."""
    person = await product.person("ben")
    yield person
    await person.http.aclose()
