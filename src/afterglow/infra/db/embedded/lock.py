"""The lock that makes one process the owner of a data folder's server."""

import fcntl
import os
from pathlib import Path

from afterglow.infra.db.embedded.errors import ClusterOwnedError
from afterglow.infra.storage.whole_files import PRIVATE_FILE

_held: set[int] = set()


def _close_in_child() -> None:
    # A forked child would share the lock, and keep it after its parent was killed.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


class OwnerLock:
    """An exclusive lock on a file; the kernel releases it when its holder dies, however that happens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Hold the lock; idempotent.

        Raises:
            ClusterOwnedError: Another holder has it; its process id is in the message and in `fields["pid"]`.
        """
        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise ClusterOwnedError(
                f"process {holder or 'of unknown id'} already runs the database of {self._path.parent.parent}",
                pid=int(holder) if holder.isdecimal() else None,
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        _held.add(descriptor)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the lock go; idempotent. The file stays: removing it would let two holders lock two files of one name."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None and descriptor in _held:
            _held.discard(descriptor)
            os.close(descriptor)

    @property
    def is_held(self) -> bool:
        """Whether this object holds it."""
        return self._descriptor in _held
