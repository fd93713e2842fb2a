"""Any range of an archive, made while it is sent: bytes of originals between bytes that follow from the archive's rows.

Nothing is read ahead of who reads, and no more is held than a page of items and a chunk of an original. Wrong bytes are
never passed off as right ones: an original that is read from its first to its last byte is compared with its checksum,
or with the CRC-32 that was proven so before, and where they differ the stream breaks off ahead of its last chunk. A
CRC-32 that the archive has to tell and that nobody has proven yet is found by reading the original by itself.
"""

import hashlib
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import structlog

from afterglow.features.access.service import Action, require_action
from afterglow.features.downloads import repository
from afterglow.features.downloads.errors import DownloadNotFoundError, NoOriginalError, OriginalDamagedError
from afterglow.features.downloads.models import Archive, DownloadId, Item
from afterglow.features.downloads.rules.layout import cut, descriptor, directory_end, directory_record, local_header
from afterglow.features.downloads.rules.manifest import manifest_items, manifest_start
from afterglow.features.downloads.service.ports import DownloadPorts
from afterglow.infra.db.database import Database
from afterglow.infra.storage.port import ObjectStore, original_key
from afterglow.infra.storage.threads import finish_in_thread
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.principal import Principal
from afterglow.kernel.units import MIB

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Bytes = AsyncGenerator[bytes, None]

_PAGE = 500
# Proven CRCs are written once they stand for so many bytes: a break costs no more than reading those again.
_KEEP_EVERY_BYTES = 64 * MIB


async def open_archive(
    database: Database, ports: DownloadPorts, principal: Principal, download_id: DownloadId
) -> "OpenArchive":
    """Return an archive that can be read.

    Raises:
        ActionForbiddenError: The credential does not allow originals.
        DownloadNotFoundError: No such archive of the principal, or it has expired.
    """
    require_action(principal, Action.DOWNLOAD)
    async with database.transaction(principal.owners, read_only=True) as tx:
        archive = await repository.find_archive(tx, principal.user_id, download_id)
    if archive is None:
        raise DownloadNotFoundError
    return OpenArchive(database, ports.store, archive)


@dataclass(frozen=True, slots=True)
class OpenArchive:
    """An archive that can be read from any byte to any other, by several readers at once."""

    database: Database
    store: ObjectStore
    archive: Archive

    async def open_range(self, start: int, end: int) -> Bytes:
        """Return the bytes from `start` up to, not including, `end`; whoever does not read them all closes it.

        Raises:
            UnavailableError: The store is away; while iterating, also the database.
            OriginalDamagedError: While iterating: an original is not what it was.
            ObjectMissingError: While iterating: an original has gone.
            NoOriginalError: While iterating: an original was purged.
            DownloadNotFoundError: While iterating: the archive expired long ago.
        """
        await self.store.check()
        return _Reading(self.database, self.store, self.archive, start, end).stream()


class _Proof:
    """Running digests of an original that is read from its first byte."""

    def __init__(self, item: Item) -> None:
        self.crc32 = 0
        self._item = item
        self._sha256 = hashlib.sha256() if item.crc32 is None else None

    def update(self, chunk: bytes) -> None:
        """Take more bytes."""
        self.crc32 = zlib.crc32(chunk, self.crc32)
        if self._sha256:
            self._sha256.update(chunk)

    def require(self) -> None:
        """Prove, after its last byte, that the original is what it was.

        Raises:
            OriginalDamagedError: It is not.
        """
        item = self._item
        if (self._sha256.digest() != item.checksum) if self._sha256 else (self.crc32 != item.crc32):
            raise _damaged(item)


class _Reading:
    """One pass over a range of an archive."""

    def __init__(self, database: Database, store: ObjectStore, archive: Archive, start: int, end: int) -> None:
        self._database = database
        self._store = store
        self._archive = archive
        self._start = start
        self._end = end
        self._proven: dict[Checksum, int] = {}
        self._proven_bytes = 0

    async def stream(self) -> Bytes:
        """Yield the range."""
        for part in (self._manifest(), self._items(), self._directory()):
            async with aclosing(part) as pieces:
                async for piece in pieces:
                    if piece:
                        yield piece

    def _cut(self, piece: bytes, at: int) -> bytes:
        return cut(piece, at, self._start, self._end)

    async def _manifest(self) -> Bytes:
        archive = self._archive
        header = local_header(archive.manifest)
        at = len(header)
        tail_at = at + archive.manifest_bytes
        tail = descriptor(archive.manifest, archive.manifest_crc32)
        if self._start >= tail_at + len(tail):
            return
        yield self._cut(header, 0)
        async for text in self._manifest_texts():
            piece = text.encode()
            yield self._cut(piece, at)
            at += len(piece)
            if at >= self._end:
                return
        yield self._cut(tail, tail_at)

    async def _manifest_texts(self) -> AsyncIterator[str]:
        archive = self._archive
        yield manifest_start(archive.created_at)
        async for page in self._pages(0):
            yield manifest_items(page)
        async with self._database.transaction([archive.owner_id], read_only=True) as tx:
            missing = await repository.get_missing(tx, archive.owner_id, archive.id)
        if missing is None:
            raise DownloadNotFoundError
        yield missing

    async def _items(self) -> Bytes:
        archive = self._archive
        if self._start >= archive.directory_offset:
            return
        async with self._database.transaction([archive.owner_id], read_only=True) as tx:
            first = await repository.find_position_at(tx, archive.owner_id, archive.id, self._start)
        async for page in self._pages(first):
            for item in page:
                if item.offset_bytes >= self._end:
                    break
                async with aclosing(self._item(item)) as pieces:
                    async for piece in pieces:
                        yield piece
            if page[-1].offset_bytes >= self._end:
                break
        await self._keep_proven()

    async def _item(self, item: Item) -> Bytes:
        """Yield what of an item's entry lies in the range."""
        header = local_header(item.entry)
        yield self._cut(header, item.offset_bytes)
        data_at = item.offset_bytes + len(header)
        first = min(max(self._start - data_at, 0), item.size_bytes)
        last = min(max(self._end - data_at, 0), item.size_bytes)
        crc32 = item.crc32
        if last - first == item.size_bytes:
            proof = _Proof(item)
            async with aclosing(self._proven_bytes_of(item, proof)) as chunks:
                async for chunk in chunks:
                    yield chunk
            crc32 = proof.crc32
        elif first < last:
            async with aclosing(self._original(item, first, last)) as chunks:
                async for chunk in chunks:
                    yield chunk
        tail_at = data_at + item.size_bytes
        if self._end > tail_at:
            tail = descriptor(item.entry, await self._read_crc(item) if crc32 is None else crc32)
            yield self._cut(tail, tail_at)

    async def _proven_bytes_of(self, item: Item, proof: _Proof) -> Bytes:
        """Yield an original whole; its last chunk only after it was proven that all of them are right."""
        left, chunk = item.size_bytes, b""
        async with aclosing(self._original(item, 0, left)) as chunks:
            async for chunk in chunks:
                await finish_in_thread(proof.update, chunk)
                left -= len(chunk)
                if left == 0:
                    break
                yield chunk
            proof.require()
            if item.crc32 is None:
                await self._note(item, proof.crc32)
            yield chunk

    async def _original(self, item: Item, start: int, end: int) -> Bytes:
        """Yield exactly these bytes of an original.

        One that was purged is gone, also where the store still holds it: else its former owner would learn that
        somebody else has it.
        """
        if item.is_purged:
            raise NoOriginalError
        async with _closing(await self._store.open_range(original_key(item.checksum), start, end)) as chunks:
            async for chunk in chunks:
                start += len(chunk)
                yield chunk
        if start != end:
            raise _damaged(item)

    async def _read_crc(self, item: Item) -> int:
        """Return the CRC-32 of an original that is not, or not whole, part of the range."""
        if item.checksum in self._proven:
            return self._proven[item.checksum]
        proof = _Proof(item)
        async with aclosing(self._proven_bytes_of(item, proof)) as chunks:
            async for _ in chunks:
                pass
        return proof.crc32

    async def _directory(self) -> Bytes:
        archive = self._archive
        begin = archive.directory_offset
        if self._end <= begin:
            return
        record = directory_record(archive.manifest, archive.manifest_crc32)
        yield self._cut(record, begin)
        at = begin + len(record)
        async with self._database.transaction([archive.owner_id], read_only=True) as tx:
            start = max(self._start - begin, 0)
            first = await repository.find_position_of_record(tx, archive.owner_id, archive.id, start)
        async for page in self._pages(first):
            at = begin + page[0].record_offset
            records = b"".join([await self._record(item, begin + item.record_offset) for item in page])
            yield self._cut(records, at)
            at += len(records)
            if at >= self._end:
                break
        await self._keep_proven()
        ending = directory_end(archive.count + 1, begin, at - begin)
        yield self._cut(ending, at)

    async def _record(self, item: Item, at: int) -> bytes:
        record = directory_record(item.entry, item.crc32 or 0)
        if item.crc32 is None and self._cut(record, at):
            return directory_record(item.entry, await self._read_crc(item))
        return record

    async def _pages(self, position: int) -> AsyncIterator[list[Item]]:
        archive = self._archive
        while position < archive.count:
            async with self._database.transaction([archive.owner_id], read_only=True) as tx:
                page = await repository.list_items(tx, archive.owner_id, archive.id, position, _PAGE)
            if not page:
                raise DownloadNotFoundError
            yield page
            position = page[-1].position + 1

    async def _note(self, item: Item, crc32: int) -> None:
        self._proven[item.checksum] = crc32
        self._proven_bytes += item.size_bytes
        if self._proven_bytes >= _KEEP_EVERY_BYTES:
            await self._keep_proven()

    async def _keep_proven(self) -> None:
        """Write down what was proven, so that it is not read again; losing it costs nothing else."""
        proven, self._proven, self._proven_bytes = self._proven, {}, 0
        if proven:
            await self._database.run(
                [self._archive.owner_id], lambda tx: repository.keep_crcs(tx, proven), repeatable=True
            )


def _damaged(item: Item) -> OriginalDamagedError:
    # Nobody hears of it otherwise: who downloads sees a connection that broke.
    log.error("original damaged", code=OriginalDamagedError.code, checksum=str(item.checksum))
    return OriginalDamagedError(checksum=str(item.checksum))


@asynccontextmanager
async def _closing(chunks: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Give an iterator, and let go of what it holds open at the end."""
    try:
        yield chunks
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
