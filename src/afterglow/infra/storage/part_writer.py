"""The one writer of a part."""

import errno
import os
from io import FileIO
from pathlib import Path

from afterglow.infra.storage import files
from afterglow.infra.storage.errors import PartMissingError, PartSizeError, UploadSealedError, storage_errors
from afterglow.infra.storage.part import Hashes, is_sealed, lock_part
from afterglow.infra.storage.threads import finish_in_thread
from afterglow.kernel.errors import TooLargeError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.units import MIB

BATCH_BYTES = MIB  # one hop to a thread per batch, not per network chunk


class PartWriter:
    """Appends to an upload and hashes what passes; made by `Spool.writer`. One task at a time."""

    def __init__(self, opened: int, offset_bytes: int, limit_bytes: int | None, hashes: Hashes | None) -> None:
        self._opened = opened
        self._limit_bytes = limit_bytes
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._written_bytes = offset_bytes
        self._is_sound = True
        self._hashes = hashes
        self._kept = hashes.copy() if hashes else Hashes()

    @property
    def offset_bytes(self) -> int:
        """Bytes of the upload so far, durable or not."""
        return self._written_bytes + self._batch_bytes

    async def write(self, chunk: bytes) -> None:
        """Append bytes; they are handed to the file in batches of about 1 MiB.

        Raises:
            TooLargeError: The part would have more than the allowed bytes (field `limit`); none of these are taken.
            StorageFullError: No room. The bytes are taken all the same: `flush` tries again, do not write them twice.
            StoreIoError: The disk failed; the same holds.
        """
        if self._limit_bytes is not None and self.offset_bytes + len(chunk) > self._limit_bytes:
            raise TooLargeError(limit=self._limit_bytes)
        self._batch.append(chunk)
        self._batch_bytes += len(chunk)
        if self._batch_bytes >= BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Hand everything to the file; it survives a kill of this process then, but not yet a power cut.

        Raises:
            StorageFullError: No room.
            StoreIoError: The disk failed.
        """
        if not self._batch:
            return
        with storage_errors("write an upload"):
            await finish_in_thread(self._append)

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

    def kept_hashes(self) -> Hashes:
        """Return the hashes to go on with later: of all bytes, or of the durable ones if a batch was lost."""
        if self._hashes and not self._batch and self._hashes.offset_bytes == self._written_bytes:
            return self._hashes
        return self._kept

    def _append(self) -> None:
        """Write the batch, and only then count and forget it: a failed or cancelled flush may be repeated."""
        self._require_sound()
        batch = b"".join(self._batch)
        files.write_all(self._opened, batch, self._written_bytes)
        if self._hashes:
            self._hashes.update(batch)
        self._written_bytes += len(batch)
        self._batch.clear()
        self._batch_bytes = 0

    def _sync(self) -> None:
        self._require_sound()
        try:
            files.sync_file(self._opened)
        except OSError:
            self._is_sound = False
            raise
        if self._hashes:
            self._kept = self._hashes.copy()

    def _require_sound(self) -> None:
        """Refuse to go on after a failed flush: a second one would report success for bytes that are lost."""
        if not self._is_sound:
            raise OSError(errno.EIO, "an earlier flush failed")


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
