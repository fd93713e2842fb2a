"""What uploads need of the outside, and what they may cost it."""

from dataclasses import dataclass
from datetime import timedelta

from afterglow.features.ingest.service import IngestPorts
from afterglow.features.uploads.errors import FileTooLargeError


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What an upload may cost.

    Attributes:
        max_bytes: Largest file.
        chunk_bytes: Chunk size that sessions suggest.
        ttl: Life of an unfinished upload after its last byte.
        reserve_bytes: Bytes that stay free on the disk.
        reserve_percent: Share of the disk that stays free (0-100).
    """

    max_bytes: int
    chunk_bytes: int
    ttl: timedelta
    reserve_bytes: int
    reserve_percent: float


@dataclass(frozen=True, slots=True)
class UploadPorts:
    """What uploads need of the outside."""

    ingest: IngestPorts
    limits: UploadLimits


async def require_room(ports: UploadPorts, size_bytes: int) -> None:
    """Refuse bytes that are too many for the limit or for the disk, before the first of them is taken (STO-5).

    Raises:
        FileTooLargeError: They are more than the limit.
        StorageFullError: There is no room.
    """
    limits = ports.limits
    if size_bytes > limits.max_bytes:
        raise FileTooLargeError(limit=limits.max_bytes)
    await ports.ingest.spool.require_room(size_bytes, limits.reserve_bytes, limits.reserve_percent)
