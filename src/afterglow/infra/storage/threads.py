"""Blocking file work in threads, never left running behind the caller's back."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Closable(Protocol):
    """Something that has to be closed."""

    def close(self) -> None:
        """Let go of it."""


C = TypeVar("C", bound=Closable)


async def finish_in_thread(work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Return the result of blocking work done in a thread; the work is over when this returns, even if cancelled.

    `asyncio.to_thread` alone returns at once when its task is cancelled, while the thread goes on: the caller would
    then close files or free locks that the work still uses.

    Raises:
        asyncio.CancelledError: The task was cancelled; the work was still finished first.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    if cancelled := await outlast(running):
        if not running.cancelled():
            running.exception()  # seen, so that asyncio does not log it as lost
        raise cancelled
    return running.result()


async def open_in_thread(work: Callable[P, C], /, *args: P.args, **kwargs: P.kwargs) -> C:
    """Return what blocking work in a thread opens, like `finish_in_thread`; if cancelled, it is closed again.

    Raises:
        asyncio.CancelledError: The task was cancelled; nothing stays open.
    """
    running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    if cancelled := await outlast(running):
        if not running.cancelled() and running.exception() is None:
            running.result().close()
        raise cancelled
    return running.result()


async def outlast(running: "asyncio.Future[R]") -> asyncio.CancelledError | None:
    """Wait until the work is over, whatever happens; returns the cancellation that came meanwhile."""
    cancelled = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled
