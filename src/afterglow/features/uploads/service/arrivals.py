"""Bytes as they arrive, and a way out where none do.

A phone that changes its network leaves a connection behind that nobody closes. Its request holds the upload's lock, and
the phone, which comes back by another way, is told that the upload is busy. So a request to which nothing comes gives
up: as soon as another one wants to write, or else after a while.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Self

from afterglow.features.uploads.errors import UploadStalledError
from afterglow.kernel.errors import UnavailableError

IDLE_S = 2.0
"""A pause of this length is one in which another request may take the upload over; packets that are lost and sent again
cost less (RFC 6298: a retransmission timer begins at 1 s)."""
_LOOK_EVERY_S = 0.5


class Arrivals:
    """The chunks of a body; iterate within the context."""

    def __init__(self, chunks: AsyncIterator[bytes], is_wanted: Callable[[], Awaitable[bool]], stall_s: float) -> None:
        """Take a body.

        Args:
            chunks: The body.
            is_wanted: Asked now and then while nothing comes: whether another request wants to write.
            stall_s: Pause after which the body is given up anyway.
        """
        self._chunks = chunks
        self._is_wanted = is_wanted
        self._stall_s = stall_s
        self._waiting_since: float | None = None
        self._is_given_up = False
        self._watch: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[object] | None = None

    async def __aenter__(self) -> Self:
        """Begin to watch."""
        self._reader = asyncio.current_task()
        self._watch = asyncio.ensure_future(self._give_up_when_stalled())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Watch no more."""
        if self._watch:
            self._watch.cancel()

    def __aiter__(self) -> Self:
        """Return the chunks."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next chunk.

        Raises:
            UploadStalledError: None came.
            ConnectionError: The connection broke.
        """
        self._waiting_since = asyncio.get_running_loop().time()
        try:
            return await anext(self._chunks)
        except asyncio.CancelledError as cancelled:
            if self._is_given_up and self._reader and self._reader.uncancel() == 0:
                raise UploadStalledError from cancelled
            raise
        finally:
            self._waiting_since = None

    async def _give_up_when_stalled(self) -> None:
        while not self._is_given_up:
            await asyncio.sleep(_LOOK_EVERY_S)
            since = self._waiting_since
            # A chunk may come while the question is asked.
            if since is not None and await self._is_in_vain(since) and self._waiting_since == since and self._reader:
                self._is_given_up = True
                self._reader.cancel()

    async def _is_in_vain(self, since: float) -> bool:
        paused_s = asyncio.get_running_loop().time() - since
        return paused_s >= self._stall_s or (paused_s >= IDLE_S and await self._is_asked_for())

    async def _is_asked_for(self) -> bool:
        try:
            return await self._is_wanted()
        except UnavailableError:
            return False  # the database is away; that is no reason to stop taking bytes
