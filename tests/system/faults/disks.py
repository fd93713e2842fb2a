"""Disks that are small, full or read-only: mounted file systems in memory, which only root can make."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from factories.node.data import copy_data

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


@contextlib.contextmanager
def disk_under(data_dir: Path, names: Sequence[str], size_mib: int) -> Iterator[Path]:
    """Mount a small disk that holds some folders of a node; afterwards they are back, with what they hold then."""
    with mounted_disk(data_dir.parent / "disk", size_mib) as mounted, contextlib.ExitStack() as undo:
        for name in names:
            (data_dir / name).mkdir(exist_ok=True)
            copy_data(data_dir / name, mounted / name)
            (data_dir / name).rename(data_dir / f"{name}.before")
            (data_dir / name).symlink_to(mounted / name)
            undo.callback(_put_back, data_dir / name)
        yield mounted


def _put_back(place: Path) -> None:
    moved = place.resolve()
    place.unlink()
    copy_data(moved, place)
    shutil.rmtree(f"{place}.before")


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
