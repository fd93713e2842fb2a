"""What uploads need of the outside, and what they may cost it."""

from dataclasses import dataclass
from datetime import timedelta

from afterglow.features.ingest.service import IngestPorts
from afterglow.features.uploads.errors import FileTooLargeError
from afterglow.infra.storage import room as disk
from afterglow.kernel.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What an upload may cost.

    Attributes:
        max_bytes: Largest file.
        chunk_bytes: Chunk size that sessions suggest.
        ttl: Life of an unfinished upload after its last byte.
        reserve_bytes: Bytes that stay free on the disk.
        reserve_percent: Share of the disk that stays free (0-100).
        max_sessions: Most unfinished uploads of one account.
        stall_s: Seconds after which a connection on which nothing comes is given up.
    """

    max_bytes: int
    chunk_bytes: int
    ttl: timedelta
    reserve_bytes: int
    reserve_percent: float
    max_sessions: int = 500
    stall_s: float = 60.0


@dataclass(frozen=True, slots=True)
class UploadPorts:
    """What uploads need of the outside."""

    ingest: IngestPorts
    limits: UploadLimits


async def require_room(ports: UploadPorts, size_bytes: int) -> None:
    """Refuse bytes that are too many for the limit or for a disk, before the first of them is taken (STO-5).

    The originals may lie on a disk of their own; one that is away keeps nobody from uploading (P-7).

    Raises:
        FileTooLargeError: They are more than the limit.
        StorageFullError: There is no room.
    """
    limits = ports.limits
    if size_bytes > limits.max_bytes:
        raise FileTooLargeError(limit=limits.max_bytes)
    await ports.ingest.spool.require_room(size_bytes, limits.reserve_bytes, limits.reserve_percent)
    try:
        usage = await ports.ingest.store.usage()
    except UnavailableError:
        return
    if usage:
        disk.require_room(usage, size_bytes, limits.reserve_bytes, limits.reserve_percent)
