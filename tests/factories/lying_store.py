"""A store that fails and lies by a plan, around an honest one: what uploads have to outlive.

What a plan may say is a `Lie`. Failures are told: the store raises, sometimes after it has done the work. Untruths are
not: the store acknowledges what is not so, which its port forbids and its contract suite has to find out.
"""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from afterglow.infra.storage.errors import StoreIoError
from afterglow.infra.storage.local import LocalStore
from afterglow.infra.storage.port import ObjectStat, PutResult
from afterglow.infra.storage.room import DiskUsage
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.errors import StorageFullError

SLOW_S = 0.05


class Lie(StrEnum):
    """What a store or a disk does instead of its work, or beside it."""

    NO_ROOM = "no-room"
    IO_ERROR = "io-error"
    HALF_WAY = "half-way"
    """Fails in the middle and leaves what it had made."""
    LOST_ANSWER = "lost-answer"
    """Does the work and says that it failed; the source is kept, as after a network that broke."""
    LATE_ERROR = "late-error"
    """The same when the source is gone already."""
    SLOW = "slow"
    HANGS = "hangs"
    """Never comes back; only being cancelled ends it."""
    LOSES = "loses"
    FORGETS = "forgets"
    """Has the object until it is started again."""
    TRUNCATES = "truncates"
    FLIPS = "flips"
    REORDERS = "reorders"


FAILURES = (Lie.NO_ROOM, Lie.IO_ERROR, Lie.HALF_WAY, Lie.LOST_ANSWER, Lie.LATE_ERROR, Lie.SLOW)
"""The store fails and says so, or takes its time: what everybody above it has to cope with."""
UNTRUTHS = (Lie.LOSES, Lie.FORGETS, Lie.TRUNCATES, Lie.FLIPS, Lie.REORDERS)
"""The store acknowledges what is not so."""


def seeded(seed: int, lies: Sequence[Lie], share: float = 0.5) -> Iterator[Lie | None]:
    """Return an endless plan: about this share of all calls lie, each in one of these ways."""
    rnd = random.Random(seed)  # noqa: S311 - a plan, not a secret
    while True:
        yield rnd.choice(lies) if rnd.random() < share else None


class LyingStore:
    """An `ObjectStore` whose `put` and `delete` follow a plan, one entry for each call; then it is honest.

    Attributes:
        honest: The store that does the work.
        told: The lies so far.
        is_hanging: Set while a call hangs.
    """

    def __init__(self, honest: LocalStore, plan: Iterator[Lie | None] = iter(())) -> None:  # noqa: B008 - it is empty
        self.honest = honest
        self.told: list[Lie] = []
        self.is_hanging = asyncio.Event()
        self._plan = plan
        self._forgotten: list[str] = []

    @property
    def name(self) -> str:
        return self.honest.name

    @property
    def root(self) -> Path:
        return self.honest.root

    def follow(self, plan: Iterator[Lie | None]) -> None:
        """Begin another plan."""
        self._plan = plan

    def get_well(self) -> None:
        """Lie no more."""
        self.follow(iter(()))

    def restart(self) -> None:
        """Lose what was acknowledged and never made durable."""
        for key in self._forgotten:
            self.honest.local_path(key).unlink(missing_ok=True)
        self._forgotten.clear()

    async def put(self, key: str, source: Path, checksum: Checksum) -> PutResult:
        lie = self._next()
        if lie is Lie.HALF_WAY:
            await asyncio.to_thread(leave_half, self.honest.local_path(key).parent, source)
        if lie is Lie.LOST_ANSWER:
            await self._put_copy(key, source, checksum)
        if lie is Lie.LATE_ERROR:
            await self.honest.put(key, source, checksum)
        await self._fail(lie)
        result = await self.honest.put(key, source, checksum)
        if lie is Lie.FORGETS:
            self._forgotten.append(key)
        elif lie in UNTRUTHS:
            await asyncio.to_thread(spoil, self.honest.local_path(key), lie)
        return result

    async def replace_corrupt(self, key: str, source: Path, checksum: Checksum) -> str | None:
        await self._fail(self._next())
        return await self.honest.replace_corrupt(key, source, checksum)

    async def delete(self, key: str) -> bool:
        lie = self._next()
        if lie in {Lie.LOST_ANSWER, Lie.LATE_ERROR}:
            await self.honest.delete(key)
        await self._fail(lie)
        return True if lie is Lie.LOSES else await self.honest.delete(key)

    async def initialise(self) -> None:
        await self.honest.initialise()

    async def open_range(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        return await self.honest.open_range(key, start, end)

    async def stat(self, key: str) -> ObjectStat | None:
        return await self.honest.stat(key)

    async def hash(self, key: str) -> Checksum:
        return await self.honest.hash(key)

    def list_keys(self, prefix: str = "", start_after: str | None = None) -> AsyncIterator[ObjectStat]:
        return self.honest.list_keys(prefix, start_after)

    async def remove_leftovers(self, older_than: timedelta) -> int:
        return await self.honest.remove_leftovers(older_than)

    def local_path(self, key: str) -> Path:
        return self.honest.local_path(key)

    async def check(self) -> None:
        await self.honest.check()

    async def usage(self) -> DiskUsage:
        return await self.honest.usage()

    def _next(self) -> Lie | None:
        if lie := next(self._plan, None):
            self.told.append(lie)
        return lie

    async def _fail(self, lie: Lie | None) -> None:
        if lie is Lie.NO_ROOM:
            raise StorageFullError
        if lie in {Lie.IO_ERROR, Lie.HALF_WAY, Lie.LOST_ANSWER, Lie.LATE_ERROR}:
            raise StoreIoError(f"the store was told to fail: {lie}")
        if lie is Lie.SLOW:
            await asyncio.sleep(SLOW_S)
        if lie is Lie.HANGS:
            self.is_hanging.set()
            await asyncio.Event().wait()

    async def _put_copy(self, key: str, source: Path, checksum: Checksum) -> None:
        copy = source.with_suffix(".copy")
        try:
            await asyncio.to_thread(shutil.copyfile, source, copy)
            await self.honest.put(key, copy, checksum)
        finally:
            copy.unlink(missing_ok=True)


def leave_half(folder: Path, source: Path) -> None:
    """Leave what a put that was killed while it copied leaves."""
    content = source.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f".put-{random.randbytes(8).hex()}.tmp").write_bytes(content[: len(content) // 2])  # noqa: S311 - a name


def spoil(path: Path, lie: Lie) -> None:
    """Do to a file what the lie says."""
    content = path.read_bytes()
    path.unlink()
    if lie is not Lie.LOSES:
        path.write_bytes(spoiled(content, lie))


def spoiled(content: bytes, lie: Lie) -> bytes:
    """Return other bytes, in the way that the lie says."""
    middle = len(content) // 2
    match lie:
        case Lie.TRUNCATES:
            return content[:middle]
        case Lie.FLIPS:
            return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        case Lie.REORDERS:
            return content[middle:] + content[:middle]
        case _:
            return b""
