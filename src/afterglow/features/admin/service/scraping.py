"""The use case of metrics."""

import hmac
import ipaddress

from afterglow.features.admin.models import Measure, Queue, ScheduleRun
from afterglow.features.admin.repository import node as repository
from afterglow.features.admin.rules import SEEN_WITHIN
from afterglow.features.admin.service.measuring import PHOTOS
from afterglow.features.admin.service.ports import AdminPorts
from afterglow.features.admin.service.queues import read_queues
from afterglow.features.admin.service.reporting import tell_of_process
from afterglow.features.admin.service.status import read_disk
from afterglow.infra.db.database import Tx
from afterglow.infra.telemetry import catalogue
from afterglow.infra.telemetry.counts import Snapshot
from afterglow.infra.telemetry.exposition import Reading, expose
from afterglow.kernel.errors import UnavailableError


def may_scrape(address: str | None, bearer: str | None, token: str, *, is_forwarded: bool) -> bool:
    """Return whether a caller may have the metrics (ADM-2).

    Args:
        address: Of the caller; None if it came by a local socket.
        bearer: The token that it showed.
        token: The token of the settings; empty if none opens the door.
        is_forwarded: Whether a proxy sent it: then a caller from anywhere seems to be on this machine.
    """
    if token and bearer and hmac.compare_digest(token.encode(), bearer.encode()):
        return True
    return not is_forwarded and (address is None or _is_loopback(address))


async def scrape(ports: AdminPorts) -> bytes:
    """Return all metrics as text; without the database, what this process knows by itself."""
    disk = await read_disk(ports.data_dir, ports.reserves)
    readings = [
        Reading(catalogue.BUILD_INFO, 1, (ports.version,)),
        Reading(catalogue.DISK_FREE, disk.free_bytes),
        Reading(catalogue.DISK_SIZE, disk.total_bytes),
    ]
    snapshots = [ports.counts.snapshot()]
    try:
        others, known = await ports.database.run([], lambda tx: _read(tx, ports))
    except UnavailableError:
        readings.append(Reading(catalogue.DATABASE_UP, 0))
    else:
        snapshots += others
        readings += [Reading(catalogue.DATABASE_UP, 1), *known]
    return expose(snapshots, readings)


async def _read(tx: Tx, ports: AdminPorts) -> tuple[list[Snapshot], list[Reading]]:
    await repository.relax_durability(tx)
    # With several http processes the next scrape may be answered by another: it has to find no less than this one.
    await tell_of_process(tx, ports, running=0)
    others = await repository.list_counts(tx, but=ports.process_id)
    processes = await repository.list_processes(tx, tx.now - SEEN_WITHIN)
    readings = [
        *_queue_readings(await read_queues(tx), tx),
        *_schedule_readings(await repository.list_schedules(tx), tx),
        *_photo_readings((await repository.list_measures(tx)).get(PHOTOS)),
        Reading(catalogue.WORKERS, sum(process.kind == "worker" for process in processes)),
        Reading(catalogue.DATABASE_SIZE, (await repository.get_database_facts(tx)).size_bytes),
    ]
    return others, readings


def _queue_readings(queues: list[Queue], tx: Tx) -> list[Reading]:
    return [
        Reading(metric, value, (queue.name,))
        for queue in queues
        for metric, value in (
            (catalogue.QUEUE_WAITING, queue.waiting),
            (catalogue.QUEUE_RUNNING, queue.running),
            (catalogue.QUEUE_FAILED, queue.failed),
            (catalogue.QUEUE_AGE, (tx.now - queue.due_since).total_seconds() if queue.due_since else 0),
            (catalogue.QUEUE_PAUSED, queue.pause is not None),
        )
    ]


def _schedule_readings(schedules: list[ScheduleRun], tx: Tx) -> list[Reading]:
    return [
        Reading(metric, value, (schedule.name,))
        for schedule in schedules
        for metric, value in (
            (catalogue.SCHEDULE_FAILING, schedule.is_failing),
            (catalogue.SCHEDULE_LATE, max((tx.now - schedule.next_at).total_seconds(), 0)),
        )
    ]


def _photo_readings(photos: Measure | None) -> list[Reading]:
    counted = photos.figures if photos else {}
    return [Reading(catalogue.PHOTOS, count, (status,)) for status, count in counted.items()]


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback
