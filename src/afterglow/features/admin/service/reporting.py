"""Use cases of processes that tell of themselves."""

from datetime import datetime, timedelta
from typing import Final

from afterglow.features.admin.models import ProcessRow
from afterglow.features.admin.repository import node as repository
from afterglow.features.admin.repository import queues as queues_repository
from afterglow.features.admin.service.ledger import RunLedger
from afterglow.features.admin.service.ports import AdminPorts
from afterglow.infra.db.database import Tx
from afterglow.infra.telemetry.process import resident_bytes

SLOT: Final = timedelta(minutes=5)
RESULTS_KEPT: Final = timedelta(days=8)


async def report(ports: AdminPorts, ledger: RunLedger) -> None:
    """Write down that this worker is there, what it has counted, and how its runs ended since the last time.

    What could not be written is kept for the next time.

    Raises:
        UnavailableError: The database is away.
    """
    ended = ledger.take()

    async def write(tx: Tx) -> None:
        await repository.relax_durability(tx)
        if ended:
            await queues_repository.add_results(tx, slot_of(tx.now), ended)
            await queues_repository.prune_results(tx, RESULTS_KEPT)
        await tell_of_process(tx, ports, ledger.running)

    try:
        await ports.database.run([], write)
    except BaseException:
        ledger.give_back(ended)
        raise


async def tell_of_process(tx: Tx, ports: AdminPorts, running: int) -> None:
    """Keep what this process is and has counted, for whoever answers to /metrics."""
    process = ProcessRow(
        id=ports.process_id,
        kind=ports.kind,
        name=ports.process,
        version=ports.version,
        started_at=ports.started_at,
        seen_at=tx.now,
        running=running,
        resident_bytes=resident_bytes(),
    )
    await repository.upsert_process(tx, process, ports.counts.snapshot())


async def forget_processes(tx: Tx) -> None:
    """Forget the processes of earlier starts of the node, and their counts: these begin anew."""
    await repository.delete_processes(tx)


def slot_of(moment: datetime) -> datetime:
    """Return the beginning of the slot of time that a moment lies in."""
    return moment - timedelta(seconds=moment.timestamp() % SLOT.total_seconds())
