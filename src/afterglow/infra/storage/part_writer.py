"""The one writer of a part."""

import asyncio
import errno
import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from afterglow.infra.storage import files
from afterglow.infra.storage.errors import PartMissingError, PartSizeError, UploadSealedError, storage_errors
from afterglow.infra.storage.part import Hashes, is_sealed, lock_part
from afterglow.infra.storage.threads import finish_in_thread, outlast
from afterglow.kernel.errors import TooLargeError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.units import MIB

BATCH_BYTES = MIB  # one hop to a thread per batch, not per network chunk


class PartWriter:
    """Appends to an upload and hashes what passes; made by `Spool.writer`. One task at a time.

    A thread writes and hashes one batch while the next one arrives.
    """

    def __init__(self, opened: int, offset_bytes: int, limit_bytes: int | None, hashes: Hashes | None) -> None:
        self._opened = opened
        self._limit_bytes = limit_bytes
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._written_bytes = self._kept_bytes = offset_bytes
        self._flight: _Flight | None = None
        self._is_sound = True
        self._hashes = hashes
        self._kept = self._kept_before = hashes.copy() if hashes else Hashes()

    @property
    def offset_bytes(self) -> int:
        """Bytes of the upload so far, durable or not."""
        in_flight_bytes = self._flight.size_bytes if self._flight else 0
        return self._written_bytes + in_flight_bytes + self._batch_bytes

    async def write(self, chunk: bytes) -> None:
        """Append bytes; they are handed to the file in batches of about 1 MiB.

        Raises:
            TooLargeError: The part would have more than the allowed bytes (field `limit`); none of these are taken.
            StorageFullError: No room, for these or for earlier ones. The bytes are taken all the same: `flush` tries
                again, do not write them twice.
            StoreIoError: The disk failed; the same holds.
        """
        if self._limit_bytes is not None and self.offset_bytes + len(chunk) > self._limit_bytes:
            raise TooLargeError(limit=self._limit_bytes)
        self._batch.append(chunk)
        self._batch_bytes += len(chunk)
        if self._batch_bytes >= BATCH_BYTES:
            await self._land()
            self._take_off()

    async def flush(self) -> None:
        """Hand everything to the file; it survives a kill of this process then, but not yet a power cut.

        Raises:
            StorageFullError: No room.
            StoreIoError: The disk failed.
        """
        await self._land()
        if self._batch:
            self._take_off()
            await self._land()

    async def settle(self) -> None:
        """Return when no thread is at work on the part, whatever became of its work."""
        if self._flight is None:
            return
        cancelled = await outlast(self._flight.running)
        self._flight.running.exception()  # seen, so that asyncio does not log it as lost
        if cancelled:
            raise cancelled

    async def sync(self) -> int:
        """Make everything durable; returns the offset that may be promised from now on.

        Raises:
            StorageFullError: No room. What was not promised before is lost; go on from the last promised offset.
            StoreIoError: The disk failed; the same holds.
        """
        await self.flush()
        with storage_errors("flush an upload"):
            await finish_in_thread(self._sync)
        fault_point("spool.part-synced")
        return self._written_bytes

    async def rewind(self) -> int:
        """Cut what was written since the last `sync`, or since the writer was opened; returns the offset to go on from.

        Raises:
            StoreIoError: The disk failed; the next writer cuts as well.
        """
        await self.settle()
        self._flight = None
        self._batch.clear()
        self._batch_bytes = 0
        with storage_errors("cut an upload"):
            await finish_in_thread(self._rewind)
        return self._written_bytes

    def known_hashes(self) -> tuple[Hashes, ...]:
        """Return the hashes to go on with later.

        They are those of all bytes, of what was durable last, and of what was durable before that: whichever of them
        was promised in the end.
        """
        return (*((self._hashes,) if self._hashes else ()), self._kept, self._kept_before)

    def _take_off(self) -> None:
        """Begin to write the batch; no other is under way."""
        running = asyncio.ensure_future(asyncio.to_thread(self._append, self._batch))
        self._flight = _Flight(running, self._batch, self._batch_bytes)
        self._batch, self._batch_bytes = [], 0

    async def _land(self) -> None:
        """Wait for the batch that is under way; one that failed is put back, to be tried again."""
        flight = self._flight
        if flight is None:
            return
        cancelled = await outlast(flight.running)
        self._flight = None
        error = flight.running.exception()
        if error:
            self._batch = flight.batch + self._batch
            self._batch_bytes += flight.size_bytes
        else:
            self._written_bytes += flight.size_bytes
        if cancelled:
            raise cancelled
        if error:
            with storage_errors("write an upload"):
                raise error

    def _append(self, batch: list[bytes]) -> None:
        """Write a batch, and only then hash it: one that failed may be repeated."""
        self._require_sound()
        content = b"".join(batch)
        files.write_all(self._opened, content, self._written_bytes)
        fault_point("spool.part-written")
        if len(content) >= BATCH_BYTES:
            files.start_writing(self._opened, self._written_bytes, len(content))
        if self._hashes:
            self._hashes.update(content)

    def _rewind(self) -> None:
        os.ftruncate(self._opened, self._kept_bytes)
        self._written_bytes = self._kept_bytes
        self._hashes = self._kept.copy() if self._hashes else None

    def _sync(self) -> None:
        self._require_sound()
        try:
            files.sync_file(self._opened)
        except OSError:
            self._is_sound = False
            raise
        self._kept_bytes = self._written_bytes
        if self._hashes:
            self._kept_before, self._kept = self._kept, self._hashes.copy()

    def _require_sound(self) -> None:
        """Refuse to go on after a failed flush: a second one would report success for bytes that are lost."""
        if not self._is_sound:
            raise OSError(errno.EIO, "an earlier flush failed")


@dataclass(frozen=True, slots=True)
class _Flight:
    """A batch that a thread is writing."""

    running: "asyncio.Future[None]"
    batch: list[bytes]
    size_bytes: int


def prepare_part(path: Path, offset_bytes: int) -> FileIO:
    """Open a part for its writer, locked and cut to the offset.

    A new part's name is made durable at once, so that an offset which is persisted later never outlives its file.

    Raises:
        UploadBusyError: Somebody else holds it.
        UploadSealedError: It takes no more bytes.
        PartSizeError: It holds fewer bytes than the offset.
        OSError: The disk failed.
    """
    try:
        opened = lock_part(path, os.O_RDWR)
    except PermissionError as error:
        raise UploadSealedError from error
    except PartMissingError as error:
        if offset_bytes:
            raise PartSizeError(offset=0) from error
        opened = lock_part(path, os.O_RDWR | os.O_CREAT)
    try:
        _cut(opened, path, offset_bytes)
    except BaseException:
        os.close(opened)
        raise
    fault_point("spool.part-opened")
    return FileIO(opened, "r+")


def _cut(opened: int, path: Path, offset_bytes: int) -> None:
    found = os.fstat(opened)
    if is_sealed(found):
        raise UploadSealedError
    if found.st_size < offset_bytes:
        raise PartSizeError(offset=found.st_size)
    if found.st_size > offset_bytes:
        os.ftruncate(opened, offset_bytes)
    if offset_bytes == 0:
        files.sync_folder_of(path)
