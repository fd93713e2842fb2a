"""Files that last: flushing, reading back, hashing. All functions block; call them in a thread."""

import errno
import fcntl
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISREG
from typing import Protocol

from afterglow.infra.storage.errors import ShortReadError
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.units import MIB

CHUNK_BYTES = MIB  # hashing releases the interpreter's lock per chunk; larger ones gain nothing
READ_AHEAD_BYTES = 8 * MIB  # more than a disk's cache, less than anybody misses
FILE_MODE = 0o440  # nobody writes to an original, not even we
FOLDER_MODE = 0o750

OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a FIFO must not make us wait
OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

# File systems that can't flush a folder say so by one of these; their folder entries are as durable as they get.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})


class Digest(Protocol):
    """A running hash."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def digest(self) -> bytes:
        """Return the hash of the bytes so far."""


@contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Give a file descriptor, and close it at the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_file(descriptor: int) -> None:
    """Return when the file's bytes and size are on the medium.

    Never call it again on the same bytes after it failed: the kernel has dropped the dirty pages and would report
    success (PostgreSQL wiki, "Fsync Errors").

    Raises:
        OSError: They are not, and may never be.
    """
    if sys.platform == "darwin":  # there fsync stops at the drive's cache
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    os.fsync(descriptor)


def sync_folder(descriptor: int) -> None:
    """Return when the folder's entries are on the medium, as far as its file system can promise that.

    Raises:
        OSError: The flush failed.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def sync_folder_of(path: Path) -> None:
    """Flush the folder that holds a path.

    Raises:
        OSError: The flush failed.
    """
    with closing(os.open(path.parent, OPEN_FOLDER)) as folder:
        sync_folder(folder)


def ensure_folder(path: Path, mode: int) -> None:
    """Make a folder and those above it where they are missing, each of them durable.

    Raises:
        OSError: One can't be made or flushed.
    """
    if path.is_dir():
        return
    ensure_folder(path.parent, mode)
    path.mkdir(mode=mode, exist_ok=True)
    sync_folder_of(path)


def evict(descriptor: int) -> None:
    """Drop a flushed file from the page cache, so that the next read comes from the medium (best effort).

    It works on ext4 and XFS after fsync; tmpfs has nothing behind its cache.
    """
    if hasattr(os, "posix_fadvise"):
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError:
            return


def start_writing(descriptor: int, offset: int, count: int) -> None:
    """Have the kernel begin to write a range to the medium now, so that a flush that follows is short (best effort).

    Linux does that for the dirty pages of a range that it is told nobody needs any more, and keeps them until they
    are clean (mm/fadvise.c).
    """
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(descriptor, offset, count, os.POSIX_FADV_DONTNEED)


def _start_reading(descriptor: int, offset: int, count: int) -> None:
    """Have the kernel begin to read a range, so that the disk works while we hash (best effort)."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(descriptor, offset, count, os.POSIX_FADV_WILLNEED)


def is_plain_file(descriptor: int) -> bool:
    """Return whether this is a regular file, not a folder, device or FIFO."""
    return S_ISREG(os.fstat(descriptor).st_mode)


def read_into(descriptor: int, *digests: Digest) -> int:
    """Feed a whole file to the digests; returns its size in bytes.

    Raises:
        ShortReadError: It ended before the size that the file system states.
        OSError: It can't be read.
    """
    stated_bytes = os.fstat(descriptor).st_size
    offset = 0
    _start_reading(descriptor, 0, READ_AHEAD_BYTES)
    while chunk := os.pread(descriptor, CHUNK_BYTES, offset):
        _start_reading(descriptor, offset + READ_AHEAD_BYTES, CHUNK_BYTES)
        for digest in digests:
            digest.update(chunk)
        offset += len(chunk)
    if offset < stated_bytes:
        raise ShortReadError(f"{offset} of {stated_bytes} bytes could be read")
    return offset


def read_back(descriptor: int) -> Checksum:
    """Return the SHA-256 of a file as its medium holds it.

    Raises:
        ShortReadError: It ended before its size.
        OSError: It can't be read.
    """
    evict(descriptor)
    sha256 = hashlib.sha256()
    read_into(descriptor, sha256)
    return Checksum(sha256.digest())


def reads_back_as(descriptor: int, checksum: Checksum) -> bool:
    """Return whether a file, as its medium holds it, has the checksum; one that ends before its size has not.

    Raises:
        OSError: It can't be read.
    """
    try:
        return read_back(descriptor) == checksum
    except ShortReadError:
        return False


def copy_file(source: int, target: int) -> None:
    """Copy all bytes of one open file to another, from their starts.

    Raises:
        OSError: A read or write failed.
    """
    offset = 0
    while chunk := os.pread(source, CHUNK_BYTES, offset):
        write_all(target, chunk, offset)
        offset += len(chunk)


def write_all(descriptor: int, chunk: bytes, offset: int) -> None:
    """Write all bytes of a chunk at an offset; one `pwrite` may take fewer. Harmless to repeat.

    Raises:
        OSError: A write failed.
    """
    view = memoryview(chunk)
    while view:
        written = os.pwrite(descriptor, view, offset)
        if written == 0:
            raise OSError(errno.EIO, "the disk takes no bytes and gives no reason")
        view = view[written:]
        offset += written
