"""The object store port: content-addressed, write-once.

What may be trusted:

- An object that `put` has acknowledged is complete, durable and equal to its checksum, and stays so until `delete`.
- No operation overwrites, renames or appends to an object. A wrong object under a key is an error; `replace_corrupt`
  alone, asked by who has the right bytes at hand, gives the key to those and the wrong ones another key.
- A crash at any instant leaves either no object under the key or the whole one; the source file is only removed after
  the object is durable, so one of the two always holds the bytes.
- An absent disk is never mistaken for an empty store: every operation, reads included, first proves that the store is
  there.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from afterglow.infra.storage.errors import BadKeyError
from afterglow.infra.storage.room import DiskUsage
from afterglow.kernel.checksums import Checksum

# Lower case only, so that a store can move to a file system that ignores case; no leading dot, so that neither ".."
# nor the adapters' own files are keys. 200 characters leave room for suffixes under NAME_MAX (255).
_SEGMENT = "[a-z0-9_-][a-z0-9._-]{0,199}"
_KEY = re.compile(f"{_SEGMENT}(?:/{_SEGMENT}){{0,7}}")


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What a store tells about an object without reading it."""

    key: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class PutResult:
    """An object that is now durable."""

    size_bytes: int
    was_there: bool
    """The identical object had been put before; it was read back and hashed."""


class ObjectStore(Protocol):
    """Objects by key, written once.

    All methods may be called at the same time from several tasks and processes. Any of them may raise
    `BadKeyError` (see `require_key`), `StoreMissingError` (no proof that the store is there) and `StoreIoError`.
    """

    @property
    def name(self) -> str:
        """Return the store's name in `original_locations`, such as "home"."""

    async def put(self, key: str, source: Path, checksum: Checksum) -> PutResult:
        """Move a complete file into the store, durably; returns when both its bytes and its name are on the disk.

        Idempotent: an object that is already there is read back and hashed before it is trusted, then the source is
        removed as usual; so a `put` that was killed is finished by calling it again. Atomic: see the module. Of two
        puts of one key at the same time one creates the object, the other finds it. The work is not interrupted by
        cancellation: it is over when the call returns or raises.

        The caller guarantees that `source` holds the bytes of `checksum`, proven by reading it back (`Spool.seal`),
        that nobody writes to it any more and that it lies outside of the store; and holds the per-checksum lock from
        here to its commit, so that no `delete` of the same key comes in between.

        Args:
            key: Name of the object, see `original_key`.
            source: File to move; removed only after the object is durable, kept whenever this raises.
            checksum: SHA-256 of the source.

        Raises:
            AlreadyThereButDifferentError: Other bytes lie under this key.
            CopyMismatchError: The store had to copy, and the copy or the source is not what `checksum` says.
            SourceMissingError: There is no such file.
            StorageFullError: No room.
            NoHardLinksError: The file system can't put a file in place without the risk of overwriting.
        """

    async def replace_corrupt(self, key: str, source: Path, checksum: Checksum) -> str | None:
        """Move a complete file to where an object lies that is not what its checksum says, which is kept set aside.

        The object is read back first: one that is right after all, or is gone, makes this a `put`. Else its file gets
        the key `<key>.corrupt-<time>`, should it be worth a look, or all that is left.
        A crash at any instant leaves under the key the wrong object, none, or the right one whole; the wrong bytes are
        under one of their keys, and the right ones in the source until they are durable under theirs.

        The caller guarantees what it does for `put`.

        Args:
            key: Name of the object, see `original_key`.
            source: File to move; removed only after the object is durable, kept whenever this raises.
            checksum: SHA-256 of the source.

        Returns:
            The key under which the corrupt object lies now; None if there was none.

        Raises:
            CopyMismatchError: The store had to copy, and the copy or the source is not what `checksum` says.
            SourceMissingError: There is no such file.
            StorageFullError: No room.
            NoHardLinksError: The file system can't put a file in place without the risk of overwriting.
        """

    async def open_range(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Return the object's bytes from `start` up to, not including, `end`, in chunks of bounded size.

        The object is opened before this returns, so that a missing one is known before the first byte is sent; it is
        then readable to its end even if it is deleted meanwhile. Both ends are clipped to the size.

        Args:
            key: Name of the object.
            start: First byte (≥ 0).
            end: Byte after the last; None for the whole rest.

        Raises:
            ObjectMissingError: No such object.
            ShortReadError: While iterating: the object ended early; never a silently truncated stream.
        """

    async def stat(self, key: str) -> ObjectStat | None:
        """Return size and time of an object, None if the store is there but the object is not."""

    async def hash(self, key: str) -> Checksum:
        """Return the SHA-256 of an object, read back from the medium (past the page cache as far as possible).

        Raises:
            ObjectMissingError: No such object.
            ShortReadError: The object ended before its size.
        """

    async def delete(self, key: str) -> bool:
        """Remove an object, durably; returns whether it was there. Idempotent.

        The caller holds the per-checksum lock and has proven that the object may go (P-3).
        """

    def list_keys(self, prefix: str = "", start_after: str | None = None) -> AsyncIterator[ObjectStat]:
        """Iterate over the objects in ascending order of their keys (by code point), in bounded memory.

        Objects put or deleted meanwhile may or may not appear. The pass grows with the number of objects; it can be
        cut anywhere and continued by `start_after`.

        Args:
            prefix: Only keys that begin with it; any string, not only whole folders.
            start_after: Only keys greater than it.
        """

    async def remove_leftovers(self, older_than: timedelta) -> int:
        """Remove what interrupted puts left behind and nobody can see; returns how many. Walks the whole store."""

    def local_path(self, key: str) -> Path | None:
        """Return where the object's plain file lies, None where the store has no local files. Proves nothing."""

    async def check(self) -> None:
        """Prove that the store is there.

        Raises:
            StoreMissingError: It is not, or the disk is another store's.
        """

    async def usage(self) -> DiskUsage | None:
        """Return size and free space of the store's disk; None where there is no bound."""


def corrupt_key(key: str, moment: datetime) -> str:
    """Return the key under which a corrupt object is kept that was found at a moment.

    Raises:
        BadKeyError: The key is too long to become another.
    """
    return require_key(f"{corrupt_prefix(key)}{moment.astimezone(UTC):%Y%m%dt%H%M%S%fz}")


def corrupt_prefix(key: str) -> str:
    """Return how the keys begin under which corrupt objects of a key are kept."""
    return f"{key}.corrupt-"


def original_key(checksum: Checksum) -> str:
    """Return the key of an original: `ab/cd/<64 hex digits>`, so that no folder grows beyond reason."""
    digits = str(checksum)
    return f"{digits[:2]}/{digits[2:4]}/{digits}"


def require_key(key: str) -> str:
    """Return the key, proven to be one: up to 8 segments of lower-case letters, digits, `.`, `_` and `-`.

    Raises:
        BadKeyError: It is not; such as one that could lead out of the store.
    """
    if not is_key(key):
        raise BadKeyError(f"not a key: {key[:80]!r}")
    return key


def is_key(text: str) -> bool:
    """Return whether a text is a key, see `require_key`."""
    return _KEY.fullmatch(text) is not None
