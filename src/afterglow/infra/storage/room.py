"""Room on a disk, and the reserve that uploads leave alone."""

import os
from dataclasses import dataclass
from pathlib import Path

from afterglow.kernel.errors import StorageFullError


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """Size of a disk, and what an unprivileged process may still write to it."""

    total_bytes: int
    free_bytes: int


def disk_usage(folder: Path) -> DiskUsage:
    """Return the usage of the disk that holds a folder.

    Raises:
        OSError: The folder can't be reached.
    """
    disk = os.statvfs(folder)
    return DiskUsage(total_bytes=disk.f_blocks * disk.f_frsize, free_bytes=disk.f_bavail * disk.f_frsize)


def require_room(usage: DiskUsage, size_bytes: int, reserve_bytes: int, reserve_percent: float) -> None:
    """Refuse bytes that would eat into the reserve, before the first of them is taken (STO-5).

    Args:
        usage: The disk at present.
        size_bytes: Size of what is to come (≥ 0).
        reserve_bytes: Bytes that stay free.
        reserve_percent: Share of the disk that stays free (0-100); the larger of the two reserves counts.

    Raises:
        StorageFullError: With the fields `needed` and `available`, in bytes.
    """
    reserve = max(reserve_bytes, int(usage.total_bytes * reserve_percent / 100))
    available = max(usage.free_bytes - reserve, 0)
    if size_bytes > available or usage.free_bytes < reserve:
        raise StorageFullError(needed=size_bytes, available=available)
