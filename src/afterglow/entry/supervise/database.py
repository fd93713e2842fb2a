"""The embedded database as the supervisor keeps it."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from afterglow.entry.supervise.errors import DatabaseStartError
from afterglow.entry.supervise.journal import tell
from afterglow.entry.supervise.rules import DATABASE_STOP_S, plan_restart
from afterglow.kernel.errors import AfterglowError

LOOK_EVERY_S: Final = 1.0


class DatabaseServer(Protocol):
    """A database server that can be started, looked at and stopped; all calls block, none overlap."""

    def start(self) -> object:
        """Return once it serves; adopts a server that survived its supervisor."""

    def stop(self) -> None:
        """Return once it has ended."""

    def is_alive(self) -> bool:
        """Return whether it runs."""


class KeptDatabase:
    """A database server that is started again whenever it died."""

    def __init__(self, server: DatabaseServer) -> None:
        self._server = server
        self._call: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Return once the server serves, however long its crash recovery takes.

        Raises:
            AfterglowError: It does not start; the message says why.
        """
        try:
            await self._blocking(self._server.start)
        except OSError as error:
            raise DatabaseStartError(f"the database could not be started: {error}") from error

    async def keep(self) -> None:
        """Start the server again whenever it is gone; ends only by cancellation."""
        started = time.monotonic()
        ends = 0
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._server.is_alive():
                continue
            restart = plan_restart(ends, time.monotonic() - started)
            ends = restart.ends
            level = "error" if restart.is_flapping else "warning"
            tell("the database ended and is started again", level=level, delay_s=restart.delay_s, ends=ends)
            await asyncio.sleep(restart.delay_s)
            try:
                await self.start()
            except AfterglowError as error:
                tell("the database does not start", level="error", code=error.code, message=error.message)
            started = time.monotonic()

    async def stop(self) -> None:
        """Stop the server, or leave it to the next start if it takes longer than a stop may."""
        with contextlib.suppress(AfterglowError, OSError, TimeoutError):
            if self._call is not None:  # a start that was interrupted still runs in its thread
                await asyncio.wait([self._call], timeout=DATABASE_STOP_S)
            if self._call is None or self._call.done():
                await asyncio.wait_for(self._blocking(self._server.stop), DATABASE_STOP_S)
        if self._server.is_alive():
            tell("the database is still busy; the next start takes it over", level="warning")

    async def _blocking(self, function: Callable[[], object]) -> None:
        """Run a blocking call beside the event loop, in a thread that does not keep this process from ending."""
        self._call = asyncio.get_running_loop().create_future()
        threading.Thread(target=_answer, args=(function, self._call), name="database", daemon=True).start()
        await asyncio.shield(self._call)


def _answer(function: Callable[[], object], answer: asyncio.Future[None]) -> None:
    """Call a function and hand its outcome to the event loop that waits for it."""
    error: BaseException | None = None
    try:
        function()
    except BaseException as caught:  # noqa: BLE001 (carried to the task that waits, not handled here)
        error = caught

    def settle() -> None:
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)
            answer.exception()  # it may be that nobody waits any more

    with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending without this call
        answer.get_loop().call_soon_threadsafe(settle)
