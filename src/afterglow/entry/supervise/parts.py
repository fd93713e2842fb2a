"""Parts: the processes of a node beside its database."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from afterglow.entry.supervise.journal import tell
from afterglow.entry.supervise.leash import GATE, LEASH, PRELOAD
from afterglow.entry.supervise.rules import HTTP_ALONE_S, KILL_AFTER_S, plan_restart


@dataclass(frozen=True, slots=True)
class Part:
    """A process that has to run: a module of Afterglow, and when it stops in relation to others."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    """Modules that it imports while the database is made ready: the larger part of its start."""
    stops_first: bool = False


class Pipe:
    """A pipe into which nothing is written: those who read it learn that the supervisor closed its end, or is gone."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()
        self._is_closed = False

    def close(self) -> None:
        """Close the supervisor's end, once; the reading end stays for parts that start later."""
        if not self._is_closed:
            os.close(self._writing)
            self._is_closed = True


@dataclass(frozen=True, slots=True)
class Reins:
    """What holds the parts: they end when the leash is closed, and begin when the gate is."""

    leash: Pipe = field(default_factory=Pipe)
    gate: Pipe = field(default_factory=Pipe)


class KeptPart:
    """A part, and the process that is running it now."""

    def __init__(self, part: Part, reins: Reins) -> None:
        self.part = part
        self._reins = reins
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Run the part, again and again with growing pauses; ends only by cancellation, which leaves the process."""
        ends = 0
        while True:
            started = time.monotonic()
            code = await self.run_once()
            restart = plan_restart(ends, time.monotonic() - started)
            ends = restart.ends
            tell(
                f"{self.part.name} {'keeps dying' if restart.is_flapping else 'ended'} and is started again",
                level="error" if restart.is_flapping else "warning",
                part=self.part.name,
                cause=describe_end(code),
                delay_s=restart.delay_s,
                ends=ends,
            )
            await asyncio.sleep(restart.delay_s)

    async def run_once(self) -> int:
        """Start the process; return its exit code (negative: the signal) when it has ended with all that it started."""
        leash, gate = self._reins.leash.reading, self._reins.gate.reading
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "afterglow.entry.supervise.leash", self.part.module, *self.part.arguments),
            env={**os.environ, LEASH: str(leash), GATE: str(gate), PRELOAD: ",".join(self.part.preload)},
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(leash, gate),
            start_new_session=True,  # Ctrl-C at the terminal is the supervisor's to hear, and a group is killed as one
        )
        code = await self._process.wait()
        self.kill()
        self._process = None  # its number may soon be another process's
        return code

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    def begin(self) -> None:
        """Let the process go on from its imports to its work; later runs of the part do not wait any more."""
        self._reins.gate.close()

    def terminate(self) -> None:
        """Ask the process to end."""
        if self._process is not None and self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    def kill(self) -> None:
        """Kill the process, and what it started and may have left."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> None:
        """Return when the process has ended."""
        if self._process is not None:
            await self._process.wait()


def describe_end(code: int) -> str:
    """Return in words how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    return f"killed by {signal.Signals(-code).name}"


async def stop_parts(kept: Sequence[KeptPart]) -> None:
    """End all parts, first those that take work in; what has not ended after `KILL_AFTER_S` seconds is killed."""
    started = time.monotonic()
    first = [part for part in kept if part.part.stops_first]
    rest = [part for part in kept if not part.part.stops_first]
    for part in first:
        part.terminate()
    await _wait_for(first, until=started + HTTP_ALONE_S)
    for part in rest:
        part.terminate()
    await _wait_for(kept, until=started + KILL_AFTER_S)
    for part in kept:
        if part.is_running:
            tell(f"{part.part.name} does not stop and is killed", level="warning", part=part.part.name)
        part.kill()
    await asyncio.gather(*(part.wait() for part in kept))


async def _wait_for(kept: Sequence[KeptPart], *, until: float) -> None:
    """Wait for parts to end, at most until a moment of the monotonic clock."""
    if running := [asyncio.ensure_future(part.wait()) for part in kept if part.is_running]:
        _, pending = await asyncio.wait(running, timeout=max(0.0, until - time.monotonic()))
        for waiter in pending:
            waiter.cancel()
