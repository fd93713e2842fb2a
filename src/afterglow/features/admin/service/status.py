"""The use case of the node's status."""

import asyncio
from pathlib import Path

from afterglow.features.admin.models import Disk, Status
from afterglow.features.admin.repository import node as repository
from afterglow.features.admin.repository import queues as queues_repository
from afterglow.features.admin.rules import FAILURES_OVER, SEEN_WITHIN, disk_state
from afterglow.features.admin.service.measuring import DERIVATIVES, ORIGINALS, PHOTOS
from afterglow.features.admin.service.ports import AdminPorts, Reserves, require_administrator
from afterglow.infra.db.database import Tx
from afterglow.infra.storage.room import DiskUsage, disk_usage
from afterglow.kernel.principal import Principal


async def get_status(tx: Tx, ports: AdminPorts, principal: Principal) -> Status:
    """Return what the node can say of itself; what costs a full count is as it was last counted.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
    """
    require_administrator(principal)
    measures = await repository.list_measures(tx)
    return Status(
        version=ports.version,
        role=ports.role,
        started_at=ports.started_at,
        now=tx.now,
        disk=await read_disk(ports.data_dir, ports.reserves),
        database=await repository.get_database_facts(tx),
        photos=measures.get(PHOTOS),
        originals=measures.get(ORIGINALS),
        derivatives=measures.get(DERIVATIVES),
        failures=await queues_repository.list_failures(tx, tx.now - FAILURES_OVER),
        processes=await repository.list_processes(tx, tx.now - SEEN_WITHIN),
    )


async def read_disk(folder: Path, reserves: Reserves) -> Disk:
    """Return how much room there is on the disk of the data folder; where its parts lie on several, on the fullest."""
    disks = [_judge(usage, reserves) for usage in await asyncio.to_thread(_usages, folder)]
    return min(disks, key=lambda disk: disk.free_bytes - disk.full_below_bytes)


def _usages(folder: Path) -> list[DiskUsage]:
    parts = {part.stat().st_dev: part for part in folder.iterdir() if part.is_dir()}
    return [disk_usage(part) for part in ({folder.stat().st_dev: folder} | parts).values()]


def _judge(usage: DiskUsage, reserves: Reserves) -> Disk:
    low_below_bytes = reserves.low_below(usage.total_bytes)
    full_below_bytes = reserves.full_below(usage.total_bytes)
    return Disk(
        total_bytes=usage.total_bytes,
        free_bytes=usage.free_bytes,
        low_below_bytes=low_below_bytes,
        full_below_bytes=full_below_bytes,
        state=disk_state(usage.free_bytes, low_below_bytes, full_below_bytes),
    )
