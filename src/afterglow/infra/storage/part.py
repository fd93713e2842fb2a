"""One part of the spool: its lock, its running hashes, its proof. All functions block; call them in a thread."""

import fcntl
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from afterglow.infra.storage import files
from afterglow.infra.storage.errors import PartMissingError, PartSizeError, ReadBackMismatchError, UploadBusyError
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.faults import fault_point

_WRITE_BITS = 0o222


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A complete upload: durable, read-only, read back and equal to what came in."""

    path: Path
    size_bytes: int
    checksum: Checksum
    sha1: bytes
    """SHA-1 (20 bytes), kept beside the checksum for foreign clients only; it proves nothing."""


@dataclass(slots=True)
class Hashes:
    """The running hashes of a part's first `offset_bytes` bytes."""

    offset_bytes: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    sha1: "hashlib._Hash" = field(default_factory=lambda: hashlib.sha1(usedforsecurity=False))

    def update(self, chunk: bytes) -> None:
        """Take more bytes."""
        self.sha256.update(chunk)
        self.sha1.update(chunk)
        self.offset_bytes += len(chunk)

    def copy(self) -> "Hashes":
        """Return an independent copy."""
        return Hashes(self.offset_bytes, self.sha256.copy(), self.sha1.copy())


def hashes_at(known: Sequence[Hashes], offset_bytes: int) -> Hashes | None:
    """Return a copy of those hashes that go on from an offset; None if none are of that many bytes."""
    if offset_bytes == 0:
        return Hashes()
    return next((hashes.copy() for hashes in known if hashes.offset_bytes == offset_bytes), None)


def lock_part(path: Path, flags: int) -> int:
    """Open a part and take its exclusive lock, which lasts until the descriptor is closed.

    Raises:
        UploadBusyError: Somebody else holds it.
        PartMissingError: There is no such part.
        OSError: It can't be opened.
    """
    try:
        opened = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError as error:
        raise PartMissingError from error
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _require_same(opened, path)
    except BlockingIOError as error:
        os.close(opened)
        raise UploadBusyError from error
    except BaseException:
        os.close(opened)
        raise
    return opened


def _require_same(opened: int, path: Path) -> None:
    """Prove that the locked file is still the one under the path: who held the lock before may have removed it."""
    try:
        is_same = os.path.samestat(os.fstat(opened), path.lstat())
    except FileNotFoundError:
        is_same = False
    if not is_same:
        raise UploadBusyError


def is_sealed(stat: os.stat_result) -> bool:
    """Return whether a part takes no more bytes: it is read-only, or an original is the same file."""
    return not stat.st_mode & _WRITE_BITS or stat.st_nlink > 1


def seal_part(path: Path, known: Sequence[Hashes], size_bytes: int | None) -> SealedFile:
    """Prove a part; see `Spool.seal`."""
    with files.closing(lock_part(path, os.O_RDONLY)) as opened:
        found_bytes = os.fstat(opened).st_size
        if size_bytes is not None and found_bytes != size_bytes:
            raise PartSizeError(offset=found_bytes)
        if any(hashes.offset_bytes > found_bytes for hashes in known):
            path.unlink()  # the disk took more bytes than it holds
            raise ReadBackMismatchError
        streamed = hashes_at(known, found_bytes) or _hash_part(opened)
        _make_durable(opened, path)
        fault_point("spool.after-sync")
        checksum = Checksum(streamed.sha256.digest())
        if not files.reads_back_as(opened, checksum):
            path.unlink()  # sealing it again would compare the wrong bytes with themselves
            raise ReadBackMismatchError
    return SealedFile(path, found_bytes, checksum, streamed.sha1.digest())


def _hash_part(opened: int) -> Hashes:
    hashes = Hashes()
    hashes.offset_bytes = files.read_into(opened, hashes.sha256, hashes.sha1)
    return hashes


def _make_durable(opened: int, path: Path) -> None:
    try:
        os.fchmod(opened, files.FILE_MODE)
        files.sync_file(opened)
        files.sync_folder_of(path)
    except OSError:
        path.unlink(missing_ok=True)  # what the disk holds is unknown now, and a second fsync would not tell
        raise
