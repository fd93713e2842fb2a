"""A cache of folders of files, by when each was last used: remember that, add it up, remove the oldest.

A folder's own modification time says when it was last used: making a file in it sets it, `touch_folder` does on use, at
most once a day. Looking through a cache holds one number for each day in memory, however many folders there are.
All functions block.
"""

import contextlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from afterglow.kernel.faults import fault_point

TOUCHED_EVERY: Final = timedelta(days=1)
SETTLED_AFTER: Final = timedelta(hours=1)
"""Younger folders may be being written, and nobody may have seen what is in them: they are never removed."""

_BLOCK_BYTES: Final = 512  # of st_blocks, whatever the file system's own are (POSIX)


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """What a cache takes up on its disk.

    Attributes:
        folders: How many there are.
        size_bytes: Of all.
        bytes_by_day: Of those that may be removed, by the day of their last use.
    """

    folders: int
    size_bytes: int
    bytes_by_day: Mapping[date, int]


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed."""

    folders: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path
    used_at: datetime
    size_bytes: int


def ends_with(path: Path, end: bytes) -> bool:
    """Return whether there is a plain file that ends with these bytes; one that can't be read does not."""
    try:
        with path.open("rb") as file:
            file.seek(-len(end), os.SEEK_END)
            return file.read() == end
    except OSError:
        return False


def touch_folder(folder: Path, now: datetime) -> None:
    """Remember that a folder is used, unless that is remembered for today already, or can't be."""
    with contextlib.suppress(OSError):
        if now.timestamp() - folder.stat().st_mtime > TOUCHED_EVERY.total_seconds():
            os.utime(folder)


def measure_folders(root: Path, depth: int, now: datetime) -> CacheUsage:
    """Return what the folders that lie this deep below a root take up; what vanishes meanwhile is left out.

    Raises:
        OSError: The disk failed.
    """
    folders, size_bytes = 0, 0
    by_day: Counter[date] = Counter()
    for folder in _folders(root, depth):
        folders += 1
        size_bytes += folder.size_bytes
        if _is_settled(folder, now):
            by_day[folder.used_at.date()] += folder.size_bytes
    return CacheUsage(folders, size_bytes, by_day)


def remove_folders(root: Path, depth: int, now: datetime, before: date, share_bytes: int) -> Removed:
    """Remove the folders last used before a day, and of those last used on that day as many as the share wants.

    A kill half-way leaves a folder with fewer files, and the next call goes on.

    Args:
        root: Of the cache.
        depth: How deep below it the folders lie.
        now: The moment; folders that are too young for any removal stay.
        before: First day whose folders stay, apart from the share.
        share_bytes: How much of that day's folders goes too, at least.

    Raises:
        OSError: The disk failed.
    """
    count, size_bytes, left_bytes = 0, 0, share_bytes
    for folder in _folders(root, depth):
        day = folder.used_at.date()
        is_shared = day == before and left_bytes > 0
        if not _is_settled(folder, now) or (day >= before and not is_shared):
            continue
        shutil.rmtree(folder.path, ignore_errors=True)
        fault_point("cache.after-remove")
        with contextlib.suppress(OSError):
            folder.path.parent.rmdir()  # unless something else is in it
        left_bytes -= folder.size_bytes if is_shared else 0
        count += 1
        size_bytes += folder.size_bytes
    return Removed(count, size_bytes)


def _is_settled(folder: _Folder, now: datetime) -> bool:
    return folder.used_at <= now - SETTLED_AFTER


def _folders(root: Path, depth: int) -> Iterator[_Folder]:
    """Iterate over the folders this deep; of each level one folder's entries are in memory."""
    for path in _subfolders(root):
        if depth > 1:
            yield from _folders(path, depth - 1)
        elif folder := _measured(path):
            yield folder


def _subfolders(root: Path) -> Iterator[Path]:
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for name in names:
        yield root / name


def _measured(path: Path) -> _Folder | None:
    try:
        used_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        with os.scandir(path) as entries:
            sizes = [entry.stat(follow_symlinks=False).st_blocks * _BLOCK_BYTES for entry in entries]
    except FileNotFoundError:
        return None
    return _Folder(path, used_at, sum(sizes))
