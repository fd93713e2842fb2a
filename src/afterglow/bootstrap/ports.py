"""What the features work with, made of a node's parts."""

from datetime import timedelta
from functools import partial

import afterglow
from afterglow.bootstrap.node import Node
from afterglow.features.admin.service import AdminPorts, Reserves
from afterglow.features.derivatives.rules import CacheBounds
from afterglow.features.derivatives.service import EvictionPorts, remove_derivatives
from afterglow.features.details.service import SidecarPorts, remove_sidecar
from afterglow.features.ingest.service import IngestPorts, PurgePorts
from afterglow.features.pipeline.rules import DERIVE, METADATA, SIDECAR
from afterglow.features.uploads.service import UploadLimits, UploadPorts
from afterglow.infra.telemetry.process import process_name

# Steps that workers of this node do; `open_worker` says how.
WORKED_STEPS = (METADATA, DERIVE, SIDECAR)


def ingest_ports(node: Node) -> IngestPorts:
    """Return what the one door works with."""
    return IngestPorts(node.database, node.store, node.spool, node.scanner)


def sidecar_ports(node: Node) -> SidecarPorts:
    """Return what sidecars are written with."""
    return SidecarPorts(node.database, node.settings.data_dir / "sidecars")


def purge_ports(node: Node) -> PurgePorts:
    """Return what the end of a purge works with."""
    return PurgePorts(
        ingest_ports(node),
        remove_derivatives=partial(remove_derivatives, node.cache),
        remove_sidecar=partial(remove_sidecar, sidecar_ports(node)),
    )


def upload_ports(node: Node) -> UploadPorts:
    """Return what uploads work with."""
    settings = node.settings
    limits = UploadLimits(
        max_bytes=settings.upload_max_bytes,
        chunk_bytes=settings.upload_chunk_bytes,
        ttl=timedelta(hours=settings.upload_ttl_hours),
        reserve_bytes=settings.disk_reserve_bytes,
        reserve_percent=settings.disk_reserve_percent,
        max_sessions=settings.upload_max_sessions,
        stall_s=settings.upload_stall_s,
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
