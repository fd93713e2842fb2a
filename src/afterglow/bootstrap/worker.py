"""What a worker process is made of: its steps, its schedules, its decoders."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from afterglow.bootstrap.node import Node, database_urls
from afterglow.bootstrap.ports import (
    admin_ports,
    eviction_ports,
    ingest_ports,
    purge_ports,
    sidecar_ports,
    upload_ports,
)
from afterglow.features.admin import service as admin
from afterglow.features.admin.service import RunLedger
from afterglow.features.admin.tasks import Recorded, ReportWorker, TakeMeasures
from afterglow.features.changes.tasks import EnsureEpoch, PruneChanges
from afterglow.features.derivatives.service import DerivePorts
from afterglow.features.derivatives.tasks import Derive, EvictDerivatives
from afterglow.features.details.tasks import WriteSidecar
from afterglow.features.downloads.tasks import ForgetDownloads
from afterglow.features.ingest.tasks import FinishPurges, ReadMetadata, SweepOriginals
from afterglow.features.photos.tasks import PurgeTrash
from afterglow.features.pipeline.rules import DERIVE, METADATA, SIDECAR, StepDefinition
from afterglow.features.pipeline.tasks import PlanStale, StepWork, WakeDue
from afterglow.features.timeline.tasks import RecountTimeline
from afterglow.features.uploads.tasks import SweepUploads
from afterglow.infra.db.database import create_pool
from afterglow.infra.imaging.port import Imaging
from afterglow.infra.imaging.sandbox import Sandbox
from afterglow.infra.queue.pgqueuer import PgQueuerConsumer
from afterglow.infra.queue.port import Consumer, ScheduledHandler
from afterglow.infra.web.idempotency import ForgetAnswers

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


@contextlib.asynccontextmanager
async def open_worker(node: Node) -> AsyncIterator[WorkerParts]:
    """Open what a worker works with: its decoders and its end of the queue."""
    settings = node.settings
    imaging = _imaging(node)
    # One connection listens for wake-ups; the queue's own statements need the others.
    pool = await create_pool(database_urls(settings).app, max_connections=4, application_name="afterglow-queue")
    derive_ports = DerivePorts(node.database, node.store, imaging, node.cache, settings.max_pixels)
    plan_stale = PlanStale(node.database)
    finish_purges = FinishPurges(purge_ports(node))
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
        ("finish-purges", "* * * * *", finish_purges),
        ("prune-queue-log", "17 * * * *", consumer.prune_log),
        *_upkeep(node),
        *_sweeps(node),
    ]
    await node.database.run([], partial(admin.announce_schedules, schedules=[entry[:2] for entry in schedules]))
    try:
        yield WorkerParts(
            consumer=consumer,
            steps={
                METADATA: ReadMetadata(ingest_ports(node)),
                DERIVE: Derive(derive_ports),
                SIDECAR: WriteSidecar(sidecar_ports(node)),
            },
            schedules=[(name, cron, Recorded(node.database, name, cron, work)) for name, cron, work in schedules],
            at_start=[
                WakeDue(node.database),
                plan_stale,
                finish_purges,
                ReportWorker(admin_ports(node, "worker"), ledger),
                TakeMeasures(node.database),
            ],
            ledger=ledger,
        )
    finally:
        await imaging.close()
        await pool.close()


def _imaging(node: Node) -> Imaging:
    settings = node.settings
    return Sandbox(
        children=settings.decoders,
        timeout_s=settings.decode_timeout_s,
        memory_bytes=settings.decode_memory_bytes,
        readable=[node.store.root],
        writable=[node.cache.root],
    )


def _upkeep(node: Node) -> list[Scheduled]:
    """Return the recurring jobs that keep counts and the feed right."""
    return [
        ("recount-timeline", "47 2 * * *", RecountTimeline(node.database)),
        ("ensure-epoch", "* * * * *", EnsureEpoch(node.database)),
        ("prune-changes", "27 2 * * *", PruneChanges(node.database, timedelta(days=node.settings.feed_days))),
    ]


def _sweeps(node: Node) -> list[Scheduled]:
    """Return the recurring jobs that remove what nobody needs."""
    uploads = upload_ports(node)
    return [
        ("sweep-uploads", "*/10 * * * *", SweepUploads(uploads)),
        ("sweep-originals", "23 3 * * *", SweepOriginals(uploads.ingest)),
        ("purge-trash", "7 3 * * *", PurgeTrash(node.database, timedelta(days=node.settings.trash_days))),
        ("forget-answers", "41 * * * *", ForgetAnswers(node.database)),
        ("forget-downloads", "53 * * * *", ForgetDownloads(node.database)),
        ("evict-derivatives", "11,41 * * * *", EvictDerivatives(eviction_ports(node))),
    ]
