"""One decoder process, as its parent sees it: started, asked, killed."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

from afterglow.infra.imaging import wire
from afterglow.infra.imaging.confinement import Measure

DYING_S: Final = 0.5  # from closing its pipes to being gone


class DeathError(Exception):
    """A decoder stopped talking, or said something outside the protocol."""


class Decoder:
    """One decoder process.

    Attributes:
        answers: How many questions it has answered.
        resident_bytes: Memory that it held at its last answer, by its own account.
        measures: What confines it, by its own account; empty until it is ready.
    """

    def __init__(self, process: asyncio.subprocess.Process, alive: "set[Decoder]") -> None:
        self._process = process
        self._end = asyncio.create_task(process.wait())
        alive.add(self)
        self._end.add_done_callback(lambda _: alive.discard(self))
        self.answers = 0
        self.resident_bytes = 0
        self.measures: frozenset[Measure] = frozenset()

    @classmethod
    async def start(cls, command: Sequence[str], alive: "set[Decoder]") -> "Decoder":
        """Start a process that inherits nothing but two pipes and where to find the code.

        Args:
            command: What to run.
            alive: Where it is listed as long as it lives.

        Raises:
            OSError: The system gives no process.
        """
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
        )
        return cls(process, alive)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more, for whatever reason."""
        if self._end.done():
            return True
        try:
            # The event loop hears of an end a little later; it still finds the exit code, which is only looked at.
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    async def be_ready(self, timeout_s: float) -> None:
        """Wait until it takes questions.

        Raises:
            DeathError: It does not come to that.
        """
        try:
            async with asyncio.timeout(timeout_s):
                told = (await self._hear()).get("measures")
        except TimeoutError as error:
            raise DeathError(f"not ready after {timeout_s:g} s") from error
        names = told if isinstance(told, list) else []
        self.measures = frozenset(measure for measure in Measure if measure.value in names)

    async def ask(self, question: wire.Message) -> wire.Message:
        """Return the answer to a question.

        Raises:
            DeathError: There is none.
        """
        if self._process.stdin is None:
            raise DeathError("no pipe")
        try:
            self._process.stdin.write(wire.frame(question))
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await self._process.stdin.wait_closed()  # else asyncio complains that nobody asked
            raise DeathError("it takes no question") from error
        answer = await self._hear()
        self.answers += 1
        return answer

    async def _hear(self) -> wire.Message:
        if self._process.stdout is None:
            raise DeathError("no pipe")
        try:
            prefix = await self._process.stdout.readexactly(wire.LENGTH.size)
            message = wire.parse(await self._process.stdout.readexactly(wire.body_length(prefix)))
        except asyncio.IncompleteReadError as error:
            raise DeathError("it gave no answer") from error
        except (wire.ProtocolError, ConnectionResetError) as error:
            raise DeathError(f"it answered nonsense: {error}") from error
        resident_bytes = message.get("resident_bytes")
        self.resident_bytes = resident_bytes if isinstance(resident_bytes, int) else sys.maxsize
        return message

    def kill(self) -> None:
        """End the process at once; harmless when it has ended."""
        # Not by the process object: before its signal it looks whether the child has ended, and thereby takes the
        # exit code away from asyncio (CPython's Popen.send_signal polls).
        with contextlib.suppress(ProcessLookupError):
            if not self.has_ended:
                os.kill(self.pid, signal.SIGKILL)

    async def ended(self) -> int:
        """Wait for the end; return the exit code, negative for a signal."""
        return await asyncio.shield(self._end)

    async def exit_code(self) -> int:
        """Return the exit code of a child that fell silent; one that does not end by itself is killed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DYING_S):
                return await self.ended()
        self.kill()
        return await self.ended()


def exit_name(code: int) -> str:
    """Return an exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _environment() -> dict[str, str]:
    """What a child has to know: no secret of this process is in it."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        # One decoder is one thread: the pool is what uses the cores. Thread stacks and arenas would also count
        # against the memory limit.
        "VIPS_CONCURRENCY": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
    }
