"""The parts that every process of a node has."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from afterglow.config import Settings
from afterglow.features.admin import service as admin
from afterglow.features.derivatives.events import CacheLookedThrough
from afterglow.features.derivatives.service import DerivativeCache
from afterglow.features.photos.events import PhotosRestored, PhotosTrashed
from afterglow.features.pipeline import service as pipeline
from afterglow.infra.crypto.keys import ServerKeys
from afterglow.infra.db.database import Database, Subscriber
from afterglow.infra.db.embedded import EmbeddedPostgres
from afterglow.infra.queue.pgqueuer import enqueue
from afterglow.infra.scanning.address import parse_address
from afterglow.infra.scanning.clamd import ClamdScanner
from afterglow.infra.scanning.port import NoScanner, Scanner
from afterglow.infra.storage.local import LocalStore
from afterglow.infra.storage.spool import Spool
from afterglow.infra.telemetry.counts import Counts
from afterglow.kernel.events import Event

HOME_STORE = "home"

# Who hears of which event, in the transaction in which it became true.
SUBSCRIBERS: Mapping[type[Event], Sequence[Subscriber]] = {
    CacheLookedThrough: [admin.keep_cache_figures],
    PhotosTrashed: [pipeline.refresh_sidecars],
    PhotosRestored: [pipeline.refresh_sidecars],
}


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """The database, as the app role and as the role that owns the tables."""

    app: str
    owner: str


@dataclass(frozen=True, slots=True)
class Node:
    """The parts that every process of a node has."""

    settings: Settings
    database: Database
    store: LocalStore
    spool: Spool
    cache: DerivativeCache
    keys: ServerKeys
    counts: Counts
    scanner: Scanner


def database_urls(settings: Settings) -> DatabaseUrls:
    """Return where the database is: the embedded one's socket, or what the settings name.

    Raises:
        UnavailableError: The embedded server does not run.
    """
    if settings.embedded_database:
        endpoint = EmbeddedPostgres(settings.data_dir).endpoint()
        return DatabaseUrls(endpoint.dsn("afterglow_app"), endpoint.dsn("afterglow_owner"))
    app = settings.database_url.get_secret_value()
    return DatabaseUrls(app, settings.database_owner_url.get_secret_value() or app)


def open_scanner(settings: Settings) -> Scanner:
    """Return the malware scanner that the settings name; nothing is connected yet."""
    if not settings.clamav_address:
        return NoScanner()
    return ClamdScanner(parse_address(settings.clamav_address), timeout_s=settings.clamav_timeout_s)


@contextlib.asynccontextmanager
async def open_node(settings: Settings, name: str, *, max_connections: int) -> AsyncIterator[Node]:
    """Open what every process of a node works with, and close it at the end.

    Args:
        settings: Of this node.
        name: Of the process, as the database shows it.
        max_connections: Most connections to the database.

    Raises:
        UnavailableError: The database is away.
    """
    data_dir = settings.data_dir
    counts = Counts()
    keys = await asyncio.to_thread(ServerKeys.load_or_create, data_dir / "secrets")
    database = await Database.connect(
        database_urls(settings).app,
        enqueue=enqueue,
        subscribers=SUBSCRIBERS,
        max_connections=max_connections,
        application_name=f"afterglow-{name}",
    )
    try:
        yield Node(
            settings=settings,
            database=database,
            store=LocalStore(HOME_STORE, data_dir / "originals"),
            spool=Spool(data_dir / "spool"),
            cache=DerivativeCache(data_dir / "derivatives", counts),
            keys=keys,
            counts=counts,
            scanner=open_scanner(settings),
        )
    finally:
        await database.close()
