"""Walking a local store's folders: in key order, and for leftovers. All functions block, on open folders."""

import os
from datetime import UTC, datetime
from stat import S_ISREG

from afterglow.infra.storage.local_place import is_temporary
from afterglow.infra.storage.port import ObjectStat, is_key


def may_hold(folder: str, prefix: str, start_after: str | None) -> bool:
    """Return whether a folder (`""`, or ending in `/`) can hold keys that are asked for."""
    inside_prefix = folder.startswith(prefix) or prefix.startswith(folder)
    return inside_prefix and (start_after is None or folder > start_after or start_after.startswith(folder))


def list_folder(opened: int, folder: str, prefix: str, start_after: str | None) -> list[str | ObjectStat]:
    """Return a folder's objects and subfolders in the order of the keys they hold.

    A subfolder counts as its name with the slash, since `ab/cd` comes after `ab-c` (`/` is greater than `-`).

    Raises:
        OSError: The folder can't be read.
    """
    found: list[str | ObjectStat] = []
    with os.scandir(opened) as entries:
        for entry in entries:
            key = folder + entry.name
            if not is_key(key):
                continue
            if entry.is_dir(follow_symlinks=False):
                if may_hold(f"{key}/", prefix, start_after):
                    found.append(f"{key}/")
            elif key.startswith(prefix) and (start_after is None or key > start_after):
                found.extend(_stat_object(opened, entry.name, key))
    return sorted(found, key=lambda item: item if isinstance(item, str) else item.key)


def _stat_object(opened: int, name: str, key: str) -> list[ObjectStat]:
    try:
        stat = os.stat(name, dir_fd=opened, follow_symlinks=False)
    except FileNotFoundError:
        return []  # deleted while we listed
    if not S_ISREG(stat.st_mode):
        return []
    return [ObjectStat(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))]


def remove_temporaries(root: int, before: datetime) -> int:
    """Remove temporary files last written before a moment, below an open root; returns how many.

    Raises:
        OSError: A file can't be removed.
    """
    removed = 0
    for _path, _folders, names, opened in os.fwalk(".", dir_fd=root, follow_symlinks=False):
        for name in filter(is_temporary, names):
            if os.stat(name, dir_fd=opened, follow_symlinks=False).st_mtime < before.timestamp():
                os.unlink(name, dir_fd=opened)
                removed += 1
    return removed
