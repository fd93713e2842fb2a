"""Object store in memory, for tests: the same promises while the process lives."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from afterglow.infra.storage.errors import (
    AlreadyThereButDifferentError,
    CopyMismatchError,
    ObjectMissingError,
    SourceMissingError,
    StoreMissingError,
)
from afterglow.infra.storage.port import ObjectStat, PutResult, corrupt_key, require_key
from afterglow.infra.storage.room import DiskUsage
from afterglow.infra.storage.threads import finish_in_thread
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.clock import utc_now
from afterglow.kernel.errors import StorageFullError
from afterglow.kernel.units import GIB, KIB

STREAM_CHUNK_BYTES = 256 * KIB


@dataclass(frozen=True, slots=True)
class _Object:
    content: bytes
    modified_at: datetime


class MemoryStore:
    """Objects in a dictionary. See `port.ObjectStore` for what is promised.

    Attributes:
        is_mounted: Set to False to act like a store whose disk is away.
    """

    def __init__(self, name: str, capacity_bytes: int = GIB) -> None:
        self._name = name
        self._capacity_bytes = capacity_bytes
        self._objects: dict[str, _Object] = {}
        self.is_mounted = True

    @property
    def name(self) -> str:
        """Return the store's name."""
        return self._name

    async def put(self, key: str, source: Path, checksum: Checksum) -> PutResult:
        """Move a file into the store; see the port."""
        self._require(key)
        try:
            content = await finish_in_thread(source.read_bytes)
        except FileNotFoundError as error:
            raise SourceMissingError from error
        found = self._objects.get(key)
        if found is None:
            self._create(key, content, checksum)
        elif Checksum.of(found.content) != checksum:
            raise AlreadyThereButDifferentError
        await finish_in_thread(source.unlink, missing_ok=True)
        return PutResult(size_bytes=len(content), was_there=found is not None)

    async def replace_corrupt(self, key: str, source: Path, checksum: Checksum) -> str | None:
        """Move a file to where a corrupt object lies, which gets another key; see the port."""
        self._require(key)
        found = self._objects.get(key)
        if found is None or Checksum.of(found.content) == checksum:
            await self.put(key, source, checksum)
            return None
        aside_key = corrupt_key(key, utc_now())
        try:
            content = await finish_in_thread(source.read_bytes)
        except FileNotFoundError as error:
            raise SourceMissingError from error
        self._create(key, content, checksum)
        self._objects[aside_key] = found
        await finish_in_thread(source.unlink, missing_ok=True)
        return aside_key

    async def open_range(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Return the object's bytes in chunks; see the port."""
        content = self._get(key).content
        return _stream(memoryview(content)[max(start, 0) : end])

    async def stat(self, key: str) -> ObjectStat | None:
        """Return size and time of an object; see the port."""
        self._require(key)
        found = self._objects.get(key)
        return None if found is None else ObjectStat(key, len(found.content), found.modified_at)

    async def hash(self, key: str) -> Checksum:
        """Return the SHA-256 of an object; see the port."""
        return Checksum.of(self._get(key).content)

    async def delete(self, key: str) -> bool:
        """Remove an object; see the port."""
        self._require(key)
        return self._objects.pop(key, None) is not None

    async def list_keys(self, prefix: str = "", start_after: str | None = None) -> AsyncIterator[ObjectStat]:
        """Iterate over the objects by key; see the port."""
        await self.check()
        for key, found in sorted(self._objects.items(), key=lambda item: item[0]):
            if key.startswith(prefix) and (start_after is None or key > start_after):
                yield ObjectStat(key, len(found.content), found.modified_at)

    async def remove_leftovers(self, older_than: timedelta) -> int:
        """Return 0: a put here leaves nothing behind."""
        del older_than
        await self.check()
        return 0

    def local_path(self, key: str) -> None:
        """Return None: there are no files."""
        require_key(key)

    async def check(self) -> None:
        """Prove that the store is there; see the port."""
        if not self.is_mounted:
            raise StoreMissingError(store=self._name)

    async def usage(self) -> DiskUsage:
        """Return capacity and what is left of it."""
        await self.check()
        used_bytes = sum(len(found.content) for found in self._objects.values())
        return DiskUsage(total_bytes=self._capacity_bytes, free_bytes=self._capacity_bytes - used_bytes)

    def corrupt(self, key: str, content: bytes) -> None:
        """Replace an object's bytes, as a rotting disk would."""
        self._objects[key] = _Object(content, self._get(key).modified_at)

    def _require(self, key: str) -> None:
        require_key(key)
        if not self.is_mounted:
            raise StoreMissingError(store=self._name)

    def _get(self, key: str) -> _Object:
        self._require(key)
        try:
            return self._objects[key]
        except KeyError as error:
            raise ObjectMissingError(key=key, store=self._name) from error

    def _create(self, key: str, content: bytes, checksum: Checksum) -> None:
        if Checksum.of(content) != checksum:
            raise CopyMismatchError
        used_bytes = sum(len(found.content) for found in self._objects.values())
        if used_bytes + len(content) > self._capacity_bytes:
            raise StorageFullError
        self._objects[key] = _Object(content, utc_now())


async def _stream(content: memoryview) -> AsyncIterator[bytes]:
    for offset in range(0, len(content), STREAM_CHUNK_BYTES):
        yield bytes(content[offset : offset + STREAM_CHUNK_BYTES])
