"""The only place that chooses adapters: what a node of this role is made of."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from fastapi import APIRouter

import afterglow
from afterglow.config import NodeRole, Settings
from afterglow.features.accounts import routes as accounts_routes
from afterglow.features.accounts import service as accounts
from afterglow.features.accounts.service import AccountPorts, NodeFacts
from afterglow.features.admin import routes as admin_routes
from afterglow.features.admin import service as admin
from afterglow.features.admin.service import AdminPorts, HealthPorts, Reserves, RunLedger
from afterglow.features.admin.tasks import Recorded, ReportWorker, TakeMeasures
from afterglow.features.derivatives import routes as derivatives_routes
from afterglow.features.derivatives.events import CacheLookedThrough
from afterglow.features.derivatives.rules import CacheBounds
from afterglow.features.derivatives.service import DerivativeCache, DerivePorts, EvictionPorts
from afterglow.features.derivatives.tasks import Derive, EvictDerivatives
from afterglow.features.details import routes as details_routes
from afterglow.features.details.service import SidecarPorts
from afterglow.features.details.tasks import WriteSidecar
from afterglow.features.downloads import routes as downloads_routes
from afterglow.features.downloads.service import DownloadPorts
from afterglow.features.ingest.service import IngestPorts
from afterglow.features.ingest.tasks import ReadMetadata, SweepOriginals
from afterglow.features.pipeline.rules import DERIVE, METADATA, SIDECAR, StepDefinition
from afterglow.features.pipeline.tasks import PlanStale, StepWork, WakeDue
from afterglow.features.timeline import routes as timeline_routes
from afterglow.features.uploads import routes as uploads_routes
from afterglow.features.uploads.service import UploadLimits, UploadPorts
from afterglow.features.uploads.tasks import SweepUploads
from afterglow.infra.crypto.keys import ServerKeys
from afterglow.infra.db.database import Database, Subscriber, create_pool
from afterglow.infra.db.embedded import EmbeddedPostgres
from afterglow.infra.db.revisions import migration_state
from afterglow.infra.imaging.port import Imaging
from afterglow.infra.imaging.sandbox import Sandbox
from afterglow.infra.queue.pgqueuer import PgQueuerConsumer, enqueue
from afterglow.infra.queue.port import Consumer, ScheduledHandler
from afterglow.infra.storage.local import LocalStore
from afterglow.infra.storage.spool import Spool
from afterglow.infra.telemetry.counts import Counts
from afterglow.infra.telemetry.process import process_name
from afterglow.infra.web.idempotency import ForgetAnswers
from afterglow.kernel.errors import UnavailableError
from afterglow.kernel.events import Event

HOME_STORE = "home"
SIGNED_URLS = "signed-urls"
# Steps that workers of this node do; `open_worker` says how.
WORKED_STEPS = (METADATA, DERIVE, SIDECAR)

# Who hears of which event, in the transaction in which it became true.
SUBSCRIBERS: Mapping[type[Event], Sequence[Subscriber]] = {CacheLookedThrough: [admin.keep_cache_figures]}


class RoleNotSupportedError(UnavailableError):
    """This version runs as `home` only; AFTERGLOW_ROLE=edge follows in a later one."""

    code = "settings.role-not-supported"


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


Scheduled = tuple[str, str, ScheduledHandler]
"""A recurring job: its name, when (cron, UTC), and what it does."""


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker process works with.

    Attributes:
        steps: What to do for each step of the pipeline.
        schedules: What to do when, by name and cron expression.
        at_start: What to do at once, and again and again, after pauses of seconds.
        ledger: Where it is noted how runs end.
    """

    consumer: Consumer
    steps: Mapping[StepDefinition, StepWork]
    schedules: Sequence[Scheduled]
    at_start: Sequence[ScheduledHandler]
    ledger: RunLedger


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


def migrate(settings: Settings) -> None:
    """Bring database and data folder to what this version needs: schema, stores, keys, identity; idempotent, blocks.

    Raises:
        RoleNotSupportedError: The role is `edge`.
        UnavailableError: The database is away, or the originals' disk is not mounted.
    """
    if settings.role is not NodeRole.HOME:
        raise RoleNotSupportedError
    asyncio.run(_migrate(settings))


async def _migrate(settings: Settings) -> None:
    from afterglow.infra.db.migrate import migrate as migrate_database  # noqa: PLC0415 (Alembic: only here)

    urls = database_urls(settings)
    await migrate_database(urls.owner, urls.app)
    async with open_node(settings, "migrate", max_connections=2) as node:
        async with node.database.transaction([]) as tx:
            is_in_use = await tx.fetch_value("SELECT store_in_use($1)", HOME_STORE)
        # An absent disk looks just like a new folder: the store is only made while nothing was ever put into it.
        if is_in_use:
            await node.store.check()
        else:
            await node.store.initialise()
        await node.database.run([], admin.forget_processes)
        await node.spool.initialise()
        await node.database.run([], lambda tx: accounts.ensure_server(tx, settings.data_dir))


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
        )
    finally:
        await database.close()


def ingest_ports(node: Node) -> IngestPorts:
    """Return what the one door works with."""
    return IngestPorts(node.database, node.store, node.spool)


def upload_ports(node: Node) -> UploadPorts:
    """Return what uploads work with."""
    settings = node.settings
    limits = UploadLimits(
        max_bytes=settings.upload_max_bytes,
        chunk_bytes=settings.upload_chunk_bytes,
        ttl=timedelta(hours=settings.upload_ttl_hours),
        reserve_bytes=settings.disk_reserve_bytes,
        reserve_percent=settings.disk_reserve_percent,
    )
    return UploadPorts(ingest_ports(node), limits)


def admin_ports(node: Node, kind: str) -> AdminPorts:
    """Return what administration works with in a process of this kind, `http` or `worker`."""
    settings = node.settings
    return AdminPorts(
        database=node.database,
        counts=node.counts,
        process=process_name(),
        kind=kind,
        version=afterglow.__version__,
        role=settings.role.value,
        data_dir=settings.data_dir,
        reserves=Reserves(
            low_bytes=settings.cache_reserve_bytes,
            low_percent=settings.cache_reserve_percent,
            full_bytes=settings.disk_reserve_bytes,
            full_percent=settings.disk_reserve_percent,
        ),
        max_attempts=settings.step_attempts,
        worked=frozenset(step.name for step in WORKED_STEPS),
        metrics_token=settings.metrics_token.get_secret_value(),
    )


def eviction_ports(node: Node) -> EvictionPorts:
    """Return what the eviction of derivatives works with."""
    settings = node.settings
    return EvictionPorts(
        database=node.database,
        cache=node.cache,
        bounds=CacheBounds(settings.derivative_cache_bytes, settings.derivative_max_age_days),
        reserve_bytes=settings.cache_reserve_bytes,
        reserve_percent=settings.cache_reserve_percent,
    )


async def http_parts(node: Node) -> list[object]:
    """Return what the routes work with, for `infra.web.provide`."""
    settings = node.settings
    async with node.database.transaction([], read_only=True) as tx:
        server = await accounts.get_server(tx)
    account_ports = AccountPorts.build(
        node=NodeFacts(role=settings.role.value, version=afterglow.__version__),
        server_id=server.id,
        keys=node.keys,
        access_token_life=timedelta(minutes=settings.access_token_minutes),
        session_life=timedelta(days=settings.session_days),
        data_dir=settings.data_dir,
    )

    async def is_migrated() -> bool:
        return (await migration_state(database_urls(settings).app)).up_to_date

    return [
        node.database,
        account_ports,
        upload_ports(node),
        node.cache,
        DownloadPorts(node.store, node.cache, node.keys.secret_for(SIGNED_URLS)),
        HealthPorts(node.database, node.store, node.spool, is_migrated),
        admin_ports(node, "http"),
        node.counts,
    ]


def routers() -> list[APIRouter]:
    """Return the routes of all features."""
    return [
        *accounts_routes.routers,
        uploads_routes.router,
        timeline_routes.router,
        # Before the composed photo, whose paths are more general.
        derivatives_routes.router,
        downloads_routes.router,
        details_routes.router,
        *admin_routes.routers,
    ]


@contextlib.asynccontextmanager
async def open_worker(node: Node) -> AsyncIterator[WorkerParts]:
    """Open what a worker works with: its decoders and its end of the queue."""
    settings = node.settings
    imaging: Imaging = Sandbox(
        children=settings.decoders,
        timeout_s=settings.decode_timeout_s,
        memory_bytes=settings.decode_memory_bytes,
        readable=[node.store.root],
        writable=[node.cache.root],
    )
    # One connection listens for wake-ups; the queue's own statements need the others.
    pool = await create_pool(database_urls(settings).app, max_connections=4, application_name="afterglow-queue")
    derive_ports = DerivePorts(node.database, node.store, imaging, node.cache, settings.max_pixels)
    plan_stale = PlanStale(node.database)
    ledger = RunLedger(node.counts)
    consumer = PgQueuerConsumer(
        pool,
        batch=settings.step_batch,
        poll_interval=timedelta(seconds=settings.poll_interval_s),
        # Sooner than the lease of the run that the silent worker held: then the job is gone when the
        # reconciler wants to put it on the queue again.
        heartbeat_timeout=timedelta(seconds=settings.step_lease_s) * 2 / 3,
    )
    schedules: Sequence[Scheduled] = [
        ("plan-stale", "* * * * *", plan_stale),
        ("prune-queue-log", "17 * * * *", consumer.prune_log),
        *_sweeps(node),
    ]
    await node.database.run([], partial(admin.announce_schedules, schedules=[entry[:2] for entry in schedules]))
    try:
        yield WorkerParts(
            consumer=consumer,
            steps={
                METADATA: ReadMetadata(ingest_ports(node)),
                DERIVE: Derive(derive_ports),
                SIDECAR: WriteSidecar(SidecarPorts(node.database, settings.data_dir / "sidecars")),
            },
            schedules=[(name, cron, Recorded(node.database, name, cron, work)) for name, cron, work in schedules],
            at_start=[
                WakeDue(node.database),
                plan_stale,
                ReportWorker(admin_ports(node, "worker"), ledger),
                TakeMeasures(node.database),
            ],
            ledger=ledger,
        )
    finally:
        await imaging.close()
        await pool.close()


def _sweeps(node: Node) -> list[Scheduled]:
    """Return the recurring jobs that remove what nobody needs."""
    uploads = upload_ports(node)
    return [
        ("sweep-uploads", "*/10 * * * *", SweepUploads(uploads)),
        ("sweep-originals", "23 3 * * *", SweepOriginals(uploads.ingest)),
        ("forget-answers", "41 * * * *", ForgetAnswers(node.database)),
        ("evict-derivatives", "11,41 * * * *", EvictDerivatives(eviction_ports(node))),
    ]
