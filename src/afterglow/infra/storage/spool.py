"""The spool: where bytes wait until they are proven, `<root>/<upload id>.part`.

Life of a part: `writer` appends and hashes, `sync` makes what was written durable, `seal` proves the whole (P-2) and
makes it read-only, `ObjectStore.put` moves it away. A sealed part is never written again: after a kill in the middle
of `put` it is the same file as the original.

The spool lies on a local disk (it relies on `flock`), best on the store's own: then `put` is a link.
"""

import asyncio
import contextlib
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from afterglow.infra.storage import files
from afterglow.infra.storage.errors import PartMissingError, ReadBackMismatchError, StoreIoError, storage_errors
from afterglow.infra.storage.part import Hashes, SealedFile, hashes_at, lock_part, seal_part
from afterglow.infra.storage.part_writer import PartWriter, prepare_part
from afterglow.infra.storage.room import disk_usage, require_room
from afterglow.infra.storage.threads import finish_in_thread, open_in_thread
from afterglow.kernel.clock import utc_now
from afterglow.kernel.errors import StorageFullError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import UploadId

_SUFFIX = ".part"
_SPOOL_MODE = 0o700
_REMEMBERED_HASHES = 1024  # open uploads whose running hash is kept; a forgotten one costs reading its part once more


@dataclass(frozen=True, slots=True)
class SpoolPart:
    """An upload's bytes in the spool, complete or not."""

    upload_id: UploadId
    size_bytes: int
    modified_at: datetime
    is_sealed: bool


class Spool:
    """Parts of uploads in one folder. Any number of processes may share it: a part has one writer at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._hashes: OrderedDict[UploadId, Sequence[Hashes]] = OrderedDict()

    def part_path(self, upload_id: UploadId) -> Path:
        """Return where an upload's bytes lie; nothing is proven."""
        return self.root / f"{upload_id}{_SUFFIX}"

    async def initialise(self) -> None:
        """Make the folder. Idempotent.

        Raises:
            StorageFullError: No room.
            StoreIoError: It can't be made.
        """
        with storage_errors("initialise the spool"):
            await finish_in_thread(files.ensure_folder, self.root, _SPOOL_MODE)

    @asynccontextmanager
    async def writer(
        self, upload_id: UploadId, *, offset_bytes: int = 0, limit_bytes: int | None = None
    ) -> AsyncIterator[PartWriter]:
        """Open an upload for appending, as its only writer, and cut what lies beyond the durable offset.

        When the block ends normally, everything written has reached the file, but only `sync` or `seal` make it
        durable. When it ends by an exception, bytes since the last `sync` may be lost; when there was no room, they are
        cut off at once.

        Args:
            upload_id: The upload; its part is made if `offset_bytes` is 0.
            offset_bytes: Where to go on: what an earlier `sync` returned. Bytes beyond were never promised.
            limit_bytes: Most bytes that the part may have; None for no limit.

        Raises:
            UploadBusyError: Somebody else is writing, sealing or discarding.
            UploadSealedError: The upload is complete.
            PartSizeError: The part holds fewer bytes than `offset_bytes`; the field `offset` tells how many.
            StorageFullError: No room.
            StoreIoError: The disk failed.
        """
        with storage_errors(f"open upload {upload_id}"):
            opened = await open_in_thread(prepare_part, self.part_path(upload_id), offset_bytes)
        with opened:
            hashes = hashes_at(self._hashes.pop(upload_id, ()), offset_bytes)
            writer = PartWriter(opened.fileno(), offset_bytes, limit_bytes, hashes)
            try:
                yield writer
                await writer.flush()
            except StorageFullError:
                # What was never promised is the first that may go, and others want the room (STO-5).
                with contextlib.suppress(StoreIoError):
                    await writer.rewind()
                raise
            finally:
                try:
                    await writer.settle()
                finally:
                    self._remember(upload_id, writer.known_hashes())

    async def seal(self, upload_id: UploadId, *, size_bytes: int | None = None) -> SealedFile:
        """Prove an upload: flush it, make it read-only, drop it from the cache, read it back and hash it again.

        Idempotent. What is compared is the hash of the bytes as they came in, also at a second time, when the store was
        away at the first; where that is lost with the process that took them, the hash of the file as the page cache
        holds it. Only bytes that a `sync` made durable before a crash may be sealed after it, so pass the durable size
        then.

        Args:
            upload_id: The upload; nobody may be writing to it.
            size_bytes: Size that it must have; None if any will do.

        Returns:
            The proven file. It stays locked for nobody: the caller sees to it that only one completes the upload.

        Raises:
            UploadBusyError: Somebody is writing to it.
            PartMissingError: No bytes are held.
            PartSizeError: It has another size; the field `offset` tells which.
            ReadBackMismatchError: The disk holds other bytes; the part was thrown away.
            StorageFullError: The flush found no room; the part was thrown away, since what it holds is unknown.
            StoreIoError: The disk failed; after a failed flush the part was thrown away.
        """
        with storage_errors(f"seal upload {upload_id}"):
            try:
                sealed = await finish_in_thread(
                    seal_part, self.part_path(upload_id), self._hashes.get(upload_id, ()), size_bytes
                )
            except ReadBackMismatchError:
                self._hashes.pop(upload_id, None)
                raise
        self._remember_least(upload_id)
        fault_point("spool.sealed")
        return sealed

    async def head(self, upload_id: UploadId, count: int) -> bytes:
        """Return the first bytes of an upload, at most `count`, to tell its type by.

        Raises:
            PartMissingError: No bytes are held.
            StoreIoError: The disk failed.
        """
        with storage_errors(f"read upload {upload_id}"):
            return await finish_in_thread(_read_head, self.part_path(upload_id), count)

    async def discard(self, upload_id: UploadId) -> bool:
        """Remove an upload's bytes; returns whether there were any. An original made of them is not touched.

        Raises:
            UploadBusyError: Somebody is writing to it.
            StoreIoError: The disk failed.
        """
        with storage_errors(f"discard upload {upload_id}"):
            found = await finish_in_thread(_discard_part, self.part_path(upload_id))
        self._hashes.pop(upload_id, None)
        return found

    async def list_parts(self, older_than: timedelta = timedelta()) -> list[SpoolPart]:
        """Return the parts whose last byte (or seal) is at least this old, oldest first.

        The list is as long as there are open uploads; the expiry limits their number. A sealed part may be the only
        copy of a photo that was promised: it never expires by age alone (ING-11).

        Raises:
            StoreIoError: The spool can't be read.
        """
        with storage_errors("list the spool"):
            return await finish_in_thread(_list_parts, self.root, utc_now() - older_than)

    async def require_room(self, size_bytes: int, reserve_bytes: int, reserve_percent: float) -> None:
        """Refuse an upload that would eat into the reserve, before its first byte (STO-5).

        Args:
            size_bytes: Size of the upload, 0 if unknown.
            reserve_bytes: Bytes that stay free.
            reserve_percent: Share of the disk that stays free (0-100).

        Raises:
            StorageFullError: No room.
            StoreIoError: The disk failed.
        """
        with storage_errors("measure the spool"):
            usage = await asyncio.to_thread(disk_usage, self.root)
        require_room(usage, size_bytes, reserve_bytes, reserve_percent)

    def _remember(self, upload_id: UploadId, hashes: Sequence[Hashes]) -> None:
        self._hashes[upload_id] = hashes
        self._hashes.move_to_end(upload_id)
        while len(self._hashes) > _REMEMBERED_HASHES:
            self._hashes.popitem(last=False)

    def _remember_least(self, upload_id: UploadId) -> None:
        """Let a sealed part's hash be the first to be forgotten: its file is about to be moved away."""
        if upload_id in self._hashes:
            self._hashes.move_to_end(upload_id, last=False)


def _read_head(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as part:
            return part.read(count)
    except FileNotFoundError as error:
        raise PartMissingError from error


def _discard_part(path: Path) -> bool:
    try:
        with files.closing(lock_part(path, os.O_RDONLY)):
            path.unlink()
            fault_point("spool.after-discard")
    except PartMissingError:
        return False
    return True


def _list_parts(root: Path, until: datetime) -> list[SpoolPart]:
    found = []
    with os.scandir(root) as entries:
        for entry in entries:
            part = _find_part(entry)
            if part is not None and part.modified_at <= until:
                found.append(part)
    return sorted(found, key=lambda part: part.modified_at)


def _find_part(entry: "os.DirEntry[str]") -> SpoolPart | None:
    stem, suffix = os.path.splitext(entry.name)  # noqa: PTH122 - an entry's name, not a path
    try:
        upload_id = UploadId(UUID(stem))
        stat = entry.stat(follow_symlinks=False)
    except (ValueError, FileNotFoundError):
        return None
    if suffix != _SUFFIX:
        return None
    return SpoolPart(upload_id, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC), not stat.st_mode & 0o222)
