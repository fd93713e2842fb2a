"""What the door needs of the outside, and the lock under which originals come and go."""

import asyncio
from dataclasses import dataclass, field

from afterglow.infra.db.database import Database
from afterglow.infra.scanning.port import NoScanner, Scanner
from afterglow.infra.storage.port import ObjectStore
from afterglow.infra.storage.spool import Spool
from afterglow.kernel.checksums import Checksum

# Each holds a database connection for as long as the store takes, which for a copy to a slow disk is minutes.
_PUTS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class IngestPorts:
    """What the door needs of the outside.

    Attributes:
        store: The store of originals at home.
        spool: Where arrivals lie.
        scanner: Asked about every file before it is let in.
        puts: Bounds how many arrivals go to the store at once.
    """

    database: Database
    store: ObjectStore
    spool: Spool
    scanner: Scanner = field(default_factory=NoScanner)
    puts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_PUTS_AT_ONCE))


def lock_key(checksum: Checksum) -> int:
    """Return the advisory lock that ingest, purge and sweep hold for a checksum: its first 64 bits, signed."""
    return int.from_bytes(checksum[:8], "big", signed=True)
