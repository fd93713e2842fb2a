"""Disks that are small, full or read-only: mounted file systems in memory, which only root can make."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

BLOCK_BYTES = 4096


@contextlib.contextmanager
def mounted_disk(folder: Path, size_mib: int) -> Iterator[Path]:
    """Mount a small disk on a new folder; the test is skipped where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=755", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: a process that was killed just now may still hold a file.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def fill(disk: Path, leave_bytes: int = 0) -> Path:
    """Fill a disk but for some bytes, while others write to it; return the file that does it."""
    ballast = disk / "ballast"
    size_bytes = 0
    with ballast.open("wb") as file:
        while (step_bytes := free_bytes(disk) - leave_bytes) >= BLOCK_BYTES:
            with contextlib.suppress(OSError):  # somebody else took the room
                os.posix_fallocate(file.fileno(), size_bytes, step_bytes)
                size_bytes += step_bytes
    return ballast


def free_bytes(disk: Path) -> int:
    """Return how much may still be written to a disk."""
    usage = os.statvfs(disk)
    return usage.f_bavail * usage.f_frsize


@contextlib.contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Make a mounted disk refuse every write, as a kernel does that saw it fail."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
