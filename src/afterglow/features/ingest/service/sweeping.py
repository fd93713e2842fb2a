"""The sweep: removes originals that no row names, which is what a crash between put and commit leaves."""

from datetime import timedelta

from afterglow.features.ingest.service.ports import IngestPorts, lock_key
from afterglow.features.photos import service as photos
from afterglow.infra.storage.port import original_key
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.clock import utc_now

# Longer than any put may take: its age is the time of its last byte, and large files are copied for minutes.
STRAY_ORIGINAL_AGE = timedelta(hours=24)
_SWEEP_BATCH = 1000


async def sweep_originals(ports: IngestPorts, min_age: timedelta = STRAY_ORIGINAL_AGE) -> int:
    """Remove originals that no row names, and leftovers of interrupted puts; return how many originals went.

    Walks the whole store. Nobody was promised these bytes: the receipt follows the row.

    Args:
        ports: Of the door.
        min_age: Younger ones are left alone; their row may be about to be committed.

    Raises:
        UnavailableError: The store or the database is away.
    """
    removed = 0
    newest = utc_now() - min_age
    batch: list[str] = []
    async for entry in ports.store.list_keys():
        if entry.modified_at <= newest:
            batch.append(entry.key)
        if len(batch) == _SWEEP_BATCH:
            removed += await _remove_unknown(ports, batch)
            batch = []
    removed += await _remove_unknown(ports, batch)
    await ports.store.remove_leftovers(min_age)
    return removed


async def _remove_unknown(ports: IngestPorts, keys: list[str]) -> int:
    removed = 0
    for key in await ports.database.run([], lambda tx: photos.list_unknown_objects(tx, ports.store.name, keys)):
        checksum = checksum_of(key)
        if checksum is None:
            continue
        async with ports.database.lock(lock_key(checksum)) as connection:
            async with ports.database.transaction_on(connection, []) as tx:
                still_unknown = await photos.list_unknown_objects(tx, ports.store.name, [key])
            removed += bool(still_unknown) and await ports.store.delete(key)
    return removed


def checksum_of(key: str) -> Checksum | None:
    """Return the checksum that a key of an original names; None for any other key."""
    try:
        checksum = Checksum.parse(key.rsplit("/", 1)[-1])
    except ValueError:
        return None
    return checksum if original_key(checksum) == key else None
