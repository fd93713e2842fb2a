"""A disk that fails and lies by a plan, below the product's own code: spool and store write to it without knowing."""

import errno
import os
import time
from collections.abc import Callable, Iterator

import pytest

from afterglow.infra.storage import files
from factories.lying_store import SLOW_S, UNTRUTHS, Lie, spoiled

ON_WRITE = (
    Lie.NO_ROOM,
    Lie.IO_ERROR,
    Lie.HALF_WAY,
    Lie.SLOW,
    Lie.LOSES,
    Lie.TRUNCATES,
    Lie.FLIPS,
    Lie.REORDERS,
)
"""What a write may do."""
ON_FLUSH = (Lie.NO_ROOM, Lie.IO_ERROR, Lie.LATE_ERROR, Lie.SLOW)
"""What a flush may do; a network's disk learns only there that it has no room."""

_NUMBERS = {Lie.NO_ROOM: errno.ENOSPC, Lie.IO_ERROR: errno.EIO, Lie.HALF_WAY: errno.EIO, Lie.LATE_ERROR: errno.EIO}


class LyingDisk:
    """Makes the file operations of `infra.storage` follow plans, one entry for each call, until it is well again.

    Attributes:
        told: The lies so far.
    """

    def __init__(self, writes: Iterator[Lie | None], flushes: Iterator[Lie | None] = iter(())) -> None:  # noqa: B008 - it is empty
        self.told: list[Lie] = []
        self._writes = writes
        self._flushes = flushes
        self._write_all = files.write_all
        self._sync_file = files.sync_file

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Begin; ends with the monkeypatch."""
        monkeypatch.setattr(files, "write_all", self._write)
        monkeypatch.setattr(files, "sync_file", self._sync)

    def get_well(self) -> None:
        """Lie no more."""
        self._writes = self._flushes = iter(())

    def _write(self, descriptor: int, chunk: bytes, offset: int) -> None:
        lie = self._next(self._writes)
        if lie in UNTRUTHS:
            self._write_all(descriptor, spoiled(chunk, lie), offset)
            return
        if lie in {Lie.HALF_WAY, Lie.NO_ROOM}:
            self._write_all(descriptor, chunk[: len(chunk) // 2], offset)
        _fail(lie)
        self._write_all(descriptor, chunk, offset)

    def _sync(self, descriptor: int) -> None:
        lie = self._next(self._flushes)
        if lie is Lie.LATE_ERROR:
            self._sync_file(descriptor)
        _fail(lie)
        self._sync_file(descriptor)

    def _next(self, plan: Iterator[Lie | None]) -> Lie | None:
        if lie := next(plan, None):
            self.told.append(lie)
        return lie


def _fail(lie: Lie | None) -> None:
    if lie is Lie.SLOW:
        time.sleep(SLOW_S)
    elif lie is not None:
        number = _NUMBERS[lie]
        raise OSError(number, os.strerror(number))


def refuse_links_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as if the originals were on another disk than the spool: what comes from there has to be copied."""
    link = os.link

    def refuse(source: object, target: object, **arguments: int) -> None:
        if "src_dir_fd" not in arguments:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        link(source, target, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", refuse)


def lose_links(monkeypatch: pytest.MonkeyPatch, times: int = 1) -> Callable[[], int]:
    """Have links acknowledged that are never made; return what tells how many are still to be lost."""
    link, left = os.link, [times]

    def lose(source: object, target: object, **arguments: int) -> None:
        if left[0]:
            left[0] -= 1
        else:
            link(source, target, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", lose)
    return lambda: left[0]
