"""Decoders in child processes: what a picture does to its decoder happens there, and to that picture alone."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from afterglow.infra.imaging import errors, wire
from afterglow.infra.imaging.confinement import Borders, Measure
from afterglow.infra.imaging.decoder import DeathError, Decoder, exit_name
from afterglow.infra.imaging.errors import DecoderDiedError, DecoderTimeoutError, DecoderUnavailableError
from afterglow.infra.imaging.leftovers import remove_leftovers
from afterglow.infra.imaging.metadata import Metadata
from afterglow.infra.imaging.port import DeriveRequest, DeriveResult
from afterglow.kernel.errors import AfterglowError
from afterglow.kernel.units import MIB

START_TIMEOUT_S: Final = 60.0  # loading the decoders takes 0.3 s here, and a busy Raspberry Pi its time
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
_OUT_OF_REACH: Final = (errors.SourceUnreadableError.code, errors.OutputUnwritableError.code)
"""What it also says when a disk was mounted, or the derivatives' folder made anew, after it drew its borders."""

log = structlog.get_logger()


class Sandbox:
    """The `Imaging` port on child processes, started when they are first needed and replaced when they die.

    A child is killed when it takes longer than `timeout_s`, and replaced after `recycle_after` answers or when it
    holds more than `recycle_resident_bytes`: slow leaks of the libraries end there. Where the kernel can, a child
    reads only below `readable` and writes only below `writable`, folders that are made when missing; without both it
    may go wherever this process may.
    """

    def __init__(
        self,
        *,
        children: int,
        timeout_s: float,
        memory_bytes: int,
        readable: Sequence[Path] = (),
        writable: Sequence[Path] = (),
        recycle_after: int = RECYCLE_AFTER,
        recycle_resident_bytes: int = RECYCLE_RESIDENT_BYTES,
        command: Sequence[str] = _COMMAND,
    ) -> None:
        self._timeout_s = timeout_s
        self._recycle_after = recycle_after
        self._recycle_resident_bytes = recycle_resident_bytes
        self._borders = Borders([path.absolute() for path in readable], [path.absolute() for path in writable])
        self._command = (*command, *_arguments(memory_bytes, self._borders))
        # Last in, first out: warm children are asked first, cold ones are started only under load.
        self._free: asyncio.LifoQueue[Decoder | None] = asyncio.LifoQueue()
        for _ in range(children):
            self._free.put_nowait(None)
        self._alive: set[Decoder] = set()
        self._is_announced = False
        self._closed = False

    async def derive(self, request: DeriveRequest) -> DeriveResult:
        """Make all derivatives of a picture from one decode; see `Imaging.derive`."""
        question = {
            "source": _absolute(request.source),
            "mime": request.mime,
            "output_dir": _absolute(request.output_dir),
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
        answer = await self._ask({"source": _absolute(source)})
        try:
            return wire.metadata_from_wire(answer)
        except wire.ProtocolError as error:
            raise DecoderDiedError(f"the reader answered nonsense: {error}") from error

    async def measures(self) -> frozenset[Measure]:
        """Return what confines the decoders on this machine, as a decoder finds it.

        Raises:
            DecoderUnavailableError: None can be started, or this port is closed.
        """
        child, sound = await self._free.get(), False
        try:
            child = await self._ready(child)
            sound = True
            return child.measures
        finally:
            self._release(child, sound=sound)

    async def close(self) -> None:
        """Kill all children and wait for their end; requests under way fail with `DecoderUnavailableError`."""
        self._closed = True
        children = tuple(self._alive)
        for child in children:
            child.kill()
        await asyncio.gather(*(child.ended() for child in children))

    async def _ask(self, question: wire.Message) -> wire.Message:
        """Return the result of a question, or raise the error in its answer."""
        answer = await self._ask_next(question)
        if self._borders and answer.get("error") in _OUT_OF_REACH:
            answer = await self._ask_next(question)
        return _result(answer)

    async def _ask_next(self, question: wire.Message) -> wire.Message:
        """Return the answer of the next child that is free."""
        child, sound = await self._free.get(), False
        try:
            child = await self._ready(child)
            answer = await self._answer(child, question)
            # Whatever ran out or broke in this process, or lies beyond its borders, will do so again.
            sound = answer.get("error") not in (DecoderDiedError.code, *(_OUT_OF_REACH if self._borders else ()))
        finally:
            # Also when nobody waits any more: the child is then in the middle of something.
            self._release(child, sound=sound)
        return answer

    async def _answer(self, child: Decoder, question: wire.Message) -> wire.Message:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await child.ask(question | {"cpu_s": self._timeout_s})
        except TimeoutError as error:
            child.kill()
            await child.ended()
            raise DecoderTimeoutError(f"the decoder did not finish in {self._timeout_s:g} s") from error
        except DeathError as death:
            raise self._cause(await child.exit_code(), death) from death

    def _cause(self, exit_code: int, death: DeathError) -> AfterglowError:
        if self._closed:
            return DecoderUnavailableError("the decoders are being stopped")
        if exit_code == -signal.SIGXCPU:
            return DecoderTimeoutError(f"the decoder used more than {self._timeout_s:g} s of processor time")
        return DecoderDiedError(f"the decoder died ({exit_name(exit_code)}): {death}")

    def _release(self, child: Decoder | None, *, sound: bool) -> None:
        """Give a place back, with its child if that can take another question."""
        if child and not (sound and self._is_fresh(child)):
            child.kill()
            child = None
        self._free.put_nowait(child)

    def _is_fresh(self, child: Decoder) -> bool:
        worn = child.answers >= self._recycle_after or child.resident_bytes > self._recycle_resident_bytes
        return not worn and not self._closed

    async def _ready(self, child: Decoder | None) -> Decoder:
        return child if child and not child.has_ended else await self._start()

    async def _start(self) -> Decoder:
        if self._closed:
            raise DecoderUnavailableError("the decoders are stopped")
        try:
            await asyncio.to_thread(_make_folders, self._borders.writable)
            child = await Decoder.start(self._command, self._alive)
        except OSError as error:
            raise DecoderUnavailableError(f"no decoder can be started: {error.strerror}") from error
        started = False
        try:
            await child.be_ready(START_TIMEOUT_S)
            started = True
        except DeathError as error:
            raise DecoderUnavailableError(f"a decoder did not start: {error}") from error
        finally:
            if not started:
                child.kill()
        self._announce(child.measures)
        return child

    def _announce(self, measures: frozenset[Measure]) -> None:
        """Log once what confines the decoders here, and what does not."""
        if not self._is_announced:
            self._is_announced = True
            log.info(
                "decoders confined",
                measures=[measure.value for measure in Measure if measure in measures],
                missing=[measure.value for measure in Measure if measure not in measures],
            )


def _arguments(memory_bytes: int, borders: Borders) -> list[str]:
    readable = [f"--readable={path}" for path in borders.readable]
    writable = [f"--writable={path}" for path in borders.writable]
    return [f"--memory-bytes={memory_bytes}", f"--parent={os.getpid()}", *readable, *writable]


def _absolute(path: Path) -> str:
    """A child works in the root folder."""
    return str(path.absolute())


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


def _make_folders(folders: Sequence[Path]) -> None:
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)


def _clean(output_dir: Path) -> None:
    """Remove what a killed child was writing; the folder may be missing."""
    with contextlib.suppress(OSError):
        remove_leftovers(output_dir)
