"""Object store in a folder: plain files that are readable without Afterglow.

Layout: `<root>/<key>`, beside the marker `<root>/.afterglow-store`. Every path is walked from a descriptor of the root
on which the marker was seen, without following links: should the disk vanish in between, the work goes to the
disk that was checked, or fails; it never lands in the empty folder underneath.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from io import FileIO
from pathlib import Path
from stat import S_ISREG

from afterglow.infra.storage import files
from afterglow.infra.storage.errors import ObjectMissingError, ShortReadError, StoreMissingError, storage_errors
from afterglow.infra.storage.local_place import opened_source, place, place_content, place_instead, require_equal
from afterglow.infra.storage.local_tree import list_folder, may_hold, remove_temporaries
from afterglow.infra.storage.port import ObjectStat, PutResult, corrupt_key, require_key
from afterglow.infra.storage.room import DiskUsage, disk_usage
from afterglow.infra.storage.threads import finish_in_thread, open_in_thread
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.clock import utc_now
from afterglow.kernel.faults import fault_point
from afterglow.kernel.units import KIB

MARKER = ".afterglow-store"
STREAM_CHUNK_BYTES = 256 * KIB

_ABSENT = (FileNotFoundError, NotADirectoryError)


class LocalStore:
    """Objects as plain files of mode 0440 below one folder. See `port.ObjectStore` for what is promised."""

    def __init__(self, name: str, root: Path) -> None:
        self._name = name
        self.root = root
        self._durable: set[tuple[int, int]] = set()

    @property
    def name(self) -> str:
        """Return the store's name."""
        return self._name

    async def initialise(self) -> None:
        """Make the folder and its marker: once in the life of a store, when it is set up.

        Never call it on every start: an absent disk looks just like a new folder. It proves on the way that the file
        system has hard links. Idempotent while the marker is there.

        Raises:
            StoreMissingError: The folder belongs to a store of another name, or holds files but no marker.
            NoHardLinksError: The file system has none.
            StorageFullError: No room.
            StoreIoError: The folder can't be made or written.
        """
        await finish_in_thread(self._initialise)

    async def put(self, key: str, source: Path, checksum: Checksum) -> PutResult:
        """Move a file into the store; see the port. It is linked into place, or copied where that is impossible."""
        return await finish_in_thread(self._put, require_key(key), source, checksum)

    async def replace_corrupt(self, key: str, source: Path, checksum: Checksum) -> str | None:
        """Move a file to where a corrupt one lies, which gets another name; see the port."""
        return await finish_in_thread(self._replace_corrupt, require_key(key), source, checksum)

    async def open_range(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Return the object's bytes in chunks of up to 256 KiB; see the port."""
        opened = await open_in_thread(self._open, require_key(key))
        size_bytes = os.fstat(opened.fileno()).st_size
        return _stream(opened, start, size_bytes if end is None else min(end, size_bytes))

    async def stat(self, key: str) -> ObjectStat | None:
        """Return size and time of an object; see the port."""
        return await finish_in_thread(self._stat, require_key(key))

    async def hash(self, key: str) -> Checksum:
        """Return the SHA-256 of an object, read back from the disk; see the port."""
        return await finish_in_thread(self._hash, require_key(key))

    async def delete(self, key: str) -> bool:
        """Remove an object, durably; see the port. Its folders stay: removing them would race with puts."""
        return await finish_in_thread(self._delete, require_key(key))

    async def list_keys(self, prefix: str = "", start_after: str | None = None) -> AsyncIterator[ObjectStat]:
        """Iterate over the objects by key, holding one folder per level in memory; see the port."""
        pending: list[str | ObjectStat] = [""]
        while pending:
            entry = pending.pop()
            if isinstance(entry, ObjectStat):
                yield entry
            elif may_hold(entry, prefix, start_after):
                found = await finish_in_thread(self._list_folder, entry, prefix, start_after)
                pending.extend(reversed(found))

    async def remove_leftovers(self, older_than: timedelta) -> int:
        """Remove temporary copies of puts that were killed; see the port."""
        return await finish_in_thread(self._remove_leftovers, utc_now() - older_than)

    def local_path(self, key: str) -> Path:
        """Return where the object's file lies; see the port."""
        return self.root / require_key(key)

    async def check(self) -> None:
        """Prove that the store's disk is mounted; see the port."""
        await finish_in_thread(self._check)

    async def usage(self) -> DiskUsage:
        """Return size and free space of the store's disk."""
        return await finish_in_thread(self._usage)

    def _initialise(self) -> None:
        with storage_errors(f"initialise store {self._name}"):
            files.ensure_folder(self.root, files.FOLDER_MODE)
            with files.closing(os.open(self.root, files.OPEN_FOLDER)) as root:
                names = {path.name for path in self.root.iterdir()}
                if MARKER not in names:
                    self._make_marker(root, names)
                self._require_marker(root)

    def _make_marker(self, root: int, names: set[str]) -> None:
        if any(not name.startswith(".") for name in names - {"lost+found"}):
            raise StoreMissingError(f"{self.root} holds files, but no {MARKER}", store=self._name)
        place_content(f"{self._name}\n".encode(), root, MARKER)

    def _require_marker(self, root: int) -> None:
        try:
            with files.closing(os.open(MARKER, files.OPEN_FILE, dir_fd=root)) as marker:
                written = os.pread(marker, 4 * KIB, 0).decode(errors="replace").strip()
        except FileNotFoundError as error:
            raise StoreMissingError(f"{self.root} has no {MARKER}: is the disk mounted?", store=self._name) from error
        if written != self._name:
            raise StoreMissingError(f"{self.root} is the store {written!r}, not {self._name!r}", store=self._name)

    @contextmanager
    def _opened_root(self) -> Iterator[int]:
        try:
            root = os.open(self.root, files.OPEN_FOLDER)
        except _ABSENT as error:
            raise StoreMissingError(f"{self.root} is not there: is the disk mounted?", store=self._name) from error
        with files.closing(root):
            self._require_marker(root)
            yield root

    @contextmanager
    def _opened_folders(self, parts: list[str], *, make: bool = False) -> Iterator[list[int]]:
        """Give descriptors of the root and of each folder below it, the last one being the innermost."""
        with ExitStack() as stack:
            chain = [stack.enter_context(self._opened_root())]
            for part in parts:
                if make:
                    self._ensure_folder(chain[-1], part)
                folder = os.open(part, files.OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=chain[-1])
                chain.append(stack.enter_context(files.closing(folder)))
            yield chain

    def _ensure_folder(self, parent: int, name: str) -> None:
        try:
            os.mkdir(name, files.FOLDER_MODE, dir_fd=parent)
        except FileExistsError:
            return
        made = os.stat(name, dir_fd=parent, follow_symlinks=False)
        self._durable.discard((made.st_dev, made.st_ino))  # an inode number may have had a life before

    def _sync_folders(self, chain: list[int]) -> None:
        """Make the entry in the innermost folder durable, and the entries of all folders above it.

        A folder that was there already is no proof that it is durable: another put may have made it just now and not
        have flushed yet. So each process flushes a folder's entry once before it relies on it.
        """
        files.sync_folder(chain[-1])
        for parent, folder in zip(chain[-2::-1], chain[:0:-1], strict=True):
            found = os.fstat(folder)
            if (found.st_dev, found.st_ino) not in self._durable:
                files.sync_folder(parent)
                self._durable.add((found.st_dev, found.st_ino))

    def _put(self, key: str, source: Path, checksum: Checksum) -> PutResult:
        *parts, name = key.split("/")
        self._require_outside(source)
        with (
            storage_errors(f"put {key}"),
            opened_source(source) as opened,
            self._opened_folders(parts, make=True) as chain,
        ):
            fault_point("store.before-link")
            was_there = not place(opened, source, chain[-1], name, checksum)
            if was_there:
                require_equal(chain[-1], name, checksum)
            fault_point("store.after-link")
            self._sync_folders(chain)
            source.unlink(missing_ok=True)
            fault_point("store.after-unlink")
            return PutResult(size_bytes=os.fstat(opened).st_size, was_there=was_there)

    def _replace_corrupt(self, key: str, source: Path, checksum: Checksum) -> str | None:
        *parts, name = key.split("/")
        self._require_outside(source)
        aside_key = corrupt_key(key, utc_now())
        with (
            storage_errors(f"replace {key}"),
            opened_source(source) as opened,
            self._opened_folders(parts, make=True) as chain,
        ):
            aside = aside_key.rsplit("/", 1)[-1]
            was_corrupt = place_instead(opened, source, chain[-1], name, checksum, aside)
            self._sync_folders(chain)
            source.unlink(missing_ok=True)
        return aside_key if was_corrupt else None

    def _require_outside(self, source: Path) -> None:
        if source.resolve().is_relative_to(self.root.resolve()):
            raise ValueError(f"{source} lies in the store itself")

    def _open(self, key: str) -> FileIO:
        *parts, name = key.split("/")
        with storage_errors(f"open {key}"):
            try:
                with self._opened_folders(parts) as chain:
                    descriptor = os.open(name, files.OPEN_FILE, dir_fd=chain[-1])
            except _ABSENT as error:
                raise ObjectMissingError(key=key, store=self._name) from error
            if not files.is_plain_file(descriptor):
                os.close(descriptor)
                raise ObjectMissingError(key=key, store=self._name)
            return FileIO(descriptor)

    def _stat(self, key: str) -> ObjectStat | None:
        try:
            with self._open(key) as opened:
                found = os.fstat(opened.fileno())
        except ObjectMissingError:
            return None
        return ObjectStat(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def _hash(self, key: str) -> Checksum:
        with self._open(key) as opened, storage_errors(f"hash {key}"):
            return files.read_back(opened.fileno())

    def _delete(self, key: str) -> bool:
        *parts, name = key.split("/")
        with storage_errors(f"delete {key}"):
            try:
                with self._opened_folders(parts) as chain:
                    return _unlink_object(chain[-1], name)
            except _ABSENT:
                return False

    def _list_folder(self, folder: str, prefix: str, start_after: str | None) -> list[str | ObjectStat]:
        with storage_errors(f"list {folder}"):
            try:
                with self._opened_folders(folder.split("/")[:-1]) as chain:
                    return list_folder(chain[-1], folder, prefix, start_after)
            except _ABSENT:
                return []  # removed by hand while we listed

    def _remove_leftovers(self, before: datetime) -> int:
        with storage_errors("remove leftovers"), self._opened_root() as root:
            return remove_temporaries(root, before)

    def _check(self) -> None:
        with storage_errors(f"check store {self._name}"), self._opened_root():
            return

    def _usage(self) -> DiskUsage:
        self._check()
        with storage_errors(f"measure store {self._name}"):
            return disk_usage(self.root)


def _unlink_object(folder: int, name: str) -> bool:
    try:
        is_object = S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        is_object = False
    if is_object:
        os.unlink(name, dir_fd=folder)
        fault_point("store.after-delete")
    files.sync_folder(folder)  # also if it was absent: the delete that removed it may have been killed here
    return is_object


async def _stream(opened: FileIO, start: int, end: int) -> AsyncIterator[bytes]:
    with opened:
        offset = max(start, 0)
        while offset < end:
            chunk = await finish_in_thread(_read, opened.fileno(), min(STREAM_CHUNK_BYTES, end - offset), offset)
            if not chunk:
                raise ShortReadError(f"the object ended after {offset} bytes, before {end}")
            offset += len(chunk)
            yield chunk


def _read(descriptor: int, count: int, offset: int) -> bytes:
    with storage_errors("read an object"):
        return os.pread(descriptor, count, offset)
