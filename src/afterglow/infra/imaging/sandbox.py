"""Decoders in child processes: what a picture does to its decoder happens there, and to that picture alone."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from afterglow.infra.imaging import errors, wire
from afterglow.infra.imaging.errors import DecoderDiedError, DecoderTimeoutError, DecoderUnavailableError
from afterglow.infra.imaging.leftovers import remove_leftovers
from afterglow.infra.imaging.metadata import Metadata
from afterglow.infra.imaging.port import DeriveRequest, DeriveResult
from afterglow.kernel.errors import AfterglowError
from afterglow.kernel.units import MIB

START_TIMEOUT_S: Final = 60.0  # loading the decoders takes 0.3 s here, and a busy Raspberry Pi its time
DYING_S: Final = 0.5  # from closing its pipes to being gone
RECYCLE_AFTER: Final = 500
RECYCLE_RESIDENT_BYTES: Final = 512 * MIB

_COMMAND: Final = (sys.executable, "-P", "-m", "afterglow.infra.imaging.child")
_ERRORS: Final[dict[str, type[AfterglowError]]] = {
    kind.code: kind
    for kind in (
        errors.UndecodableError,
        errors.TooManyPixelsError,
        errors.UnsupportedFormatError,
        errors.DecoderDiedError,
        errors.SourceUnreadableError,
        errors.OutputUnwritableError,
    )
}
"""What a child may say that happened."""


class Sandbox:
    """The `Imaging` port on child processes, started when they are first needed and replaced when they die.

    A child is killed when it takes longer than `timeout_s`, and replaced after `recycle_after` answers or when it
    holds more than `recycle_resident_bytes`: slow leaks of the libraries end there.
    """

    def __init__(
        self,
        *,
        children: int,
        timeout_s: float,
        memory_bytes: int,
        recycle_after: int = RECYCLE_AFTER,
        recycle_resident_bytes: int = RECYCLE_RESIDENT_BYTES,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        self._timeout_s = timeout_s
        self._recycle_after = recycle_after
        self._recycle_resident_bytes = recycle_resident_bytes
        self._command = (*command, f"--memory-bytes={memory_bytes}", f"--parent={os.getpid()}")
        # Last in, first out: warm children are asked first, cold ones are started only under load.
        self._free: asyncio.LifoQueue[_Child | None] = asyncio.LifoQueue()
        for _ in range(children):
            self._free.put_nowait(None)
        self._alive: set[_Child] = set()
        self._closed = False

    async def derive(self, request: DeriveRequest) -> DeriveResult:
        """Make all derivatives of a picture from one decode; see `Imaging.derive`."""
        question = {
            "source": str(request.source),
            "mime": request.mime,
            "output_dir": str(request.output_dir),
            "max_pixels": request.max_pixels,
        }
        try:
            answer = await self._ask(question)
        except (DecoderDiedError, DecoderTimeoutError):
            await asyncio.to_thread(_clean, request.output_dir)
            raise
        try:
            return wire.result_from_wire(answer, request.output_dir)
        except wire.ProtocolError as error:
            raise DecoderDiedError(f"the decoder answered nonsense: {error}") from error

    async def read_metadata(self, source: Path) -> Metadata:
        """Return what a file says about itself; see `Imaging.read_metadata`."""
        answer = await self._ask({"source": str(source)})
        try:
            return wire.metadata_from_wire(answer)
        except wire.ProtocolError as error:
            raise DecoderDiedError(f"the reader answered nonsense: {error}") from error

    async def close(self) -> None:
        """Kill all children and wait for their end; requests under way fail with `DecoderUnavailableError`."""
        self._closed = True
        children = tuple(self._alive)
        for child in children:
            child.kill()
        await asyncio.gather(*(child.ended() for child in children))

    async def _ask(self, question: wire.Message) -> wire.Message:
        """Return the result of a question, from the next child that is free."""
        child = await self._free.get()
        sound = False
        try:
            if child is None or child.has_ended:
                child = None  # should the start fail
                child = await self._start()
            answer = await self._answer(child, question)
            # Whatever ran out or broke in this process may still be so.
            sound = answer.get("error") != DecoderDiedError.code
        finally:
            # Also when nobody waits any more: the child is then in the middle of something.
            self._release(child, sound=sound)
        return _result(answer)

    async def _answer(self, child: "_Child", question: wire.Message) -> wire.Message:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await child.ask(question | {"cpu_s": self._timeout_s})
        except TimeoutError as error:
            child.kill()
            await child.ended()
            raise DecoderTimeoutError(f"the decoder did not finish in {self._timeout_s:g} s") from error
        except _DeathError as death:
            raise self._cause(await child.exit_code(), death) from death

    def _cause(self, exit_code: int, death: "_DeathError") -> AfterglowError:
        if self._closed:
            return DecoderUnavailableError("the decoders are being stopped")
        if exit_code == -signal.SIGXCPU:
            return DecoderTimeoutError(f"the decoder used more than {self._timeout_s:g} s of processor time")
        return DecoderDiedError(f"the decoder died ({_exit_name(exit_code)}): {death}")

    def _release(self, child: "_Child | None", *, sound: bool) -> None:
        """Give a place back, with its child if that can take another question."""
        if child and not (sound and self._is_fresh(child)):
            child.kill()
            child = None
        self._free.put_nowait(child)

    def _is_fresh(self, child: "_Child") -> bool:
        worn = child.answers >= self._recycle_after or child.resident_bytes > self._recycle_resident_bytes
        return not worn and not self._closed

    async def _start(self) -> "_Child":
        if self._closed:
            raise DecoderUnavailableError("the decoders are stopped")
        try:
            child = await _Child.start(self._command, self._alive)
        except OSError as error:
            raise DecoderUnavailableError(f"no decoder can be started: {error.strerror}") from error
        started = False
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await child.hear()
            started = True
        except (TimeoutError, _DeathError) as error:
            raise DecoderUnavailableError(f"a decoder did not start: {error}") from error
        finally:
            if not started:
                child.kill()
        return child


class _DeathError(Exception):
    """A child stopped talking, or said something outside the protocol."""


class _Child:
    """One decoder process."""

    def __init__(self, process: asyncio.subprocess.Process, alive: "set[_Child]") -> None:
        self._process = process
        self._end = asyncio.create_task(process.wait())
        alive.add(self)
        self._end.add_done_callback(lambda _: alive.discard(self))
        self.answers = 0
        self.resident_bytes = 0

    @classmethod
    async def start(cls, command: Sequence[str], alive: "set[_Child]") -> "_Child":
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
    def has_ended(self) -> bool:
        """Whether the process is no more, for whatever reason."""
        return self._end.done()

    async def ask(self, question: wire.Message) -> wire.Message:
        """Return the answer to a question.

        Raises:
            _DeathError: There is none.
        """
        if self._process.stdin is None:
            raise _DeathError("no pipe")
        try:
            self._process.stdin.write(wire.frame(question))
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise _DeathError("it takes no question") from error
        answer = await self.hear()
        self.answers += 1
        return answer

    async def hear(self) -> wire.Message:
        """Return the next message.

        Raises:
            _DeathError: None comes, or one that is outside the protocol.
        """
        if self._process.stdout is None:
            raise _DeathError("no pipe")
        try:
            prefix = await self._process.stdout.readexactly(wire.LENGTH.size)
            message = wire.parse(await self._process.stdout.readexactly(wire.body_length(prefix)))
        except asyncio.IncompleteReadError as error:
            raise _DeathError("it gave no answer") from error
        except (wire.ProtocolError, ConnectionResetError) as error:
            raise _DeathError(f"it answered nonsense: {error}") from error
        resident_bytes = message.get("resident_bytes")
        self.resident_bytes = resident_bytes if isinstance(resident_bytes, int) else sys.maxsize
        return message

    def kill(self) -> None:
        """End the process at once; harmless when it has ended."""
        # Not by the process object: before its signal it looks whether the child has ended, and thereby takes the
        # exit code away from asyncio (CPython's Popen.send_signal polls).
        with contextlib.suppress(ProcessLookupError):
            if not self.has_ended:
                os.kill(self._process.pid, signal.SIGKILL)

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


def _result(answer: wire.Message) -> wire.Message:
    """Return the result in an answer, or raise the error in it."""
    result = answer.get("result")
    if isinstance(result, dict):
        return result
    try:
        kind = _ERRORS.get(wire.text(answer.get("error")), DecoderDiedError)
        raise kind(wire.text(answer.get("message")), **wire.numbers(answer.get("fields")))
    except wire.ProtocolError as error:
        raise DecoderDiedError("the decoder answered nonsense") from error


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


def _exit_name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _clean(output_dir: Path) -> None:
    """Remove what a killed child was writing; the folder may be missing."""
    with contextlib.suppress(OSError):
        remove_leftovers(output_dir)
