"""A daemon that speaks ClamAV's protocol, and behaves as a test wants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum

from afterglow.infra.scanning.address import Address, TcpAddress, UnixAddress

# The harmless file that every scanner knows (EICAR, 1991); in two halves, so that none finds it here.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SIGNATURE = "Eicar-Test-Signature"
VERSION = "ClamAV 1.4.3/27600/Mon Nov  3 09:50:26 2025"
PROMPT_S = 30.0


class Mood(StrEnum):
    """How the daemon behaves."""

    WELL = "well"
    SILENT = "silent"
    """Reads everything and never answers."""
    DEAF = "deaf"
    """Reads nothing."""
    HANGS_UP = "hangs up"
    """After it has read everything."""
    HANGS_UP_EARLY = "hangs up early"
    """After the first chunk."""
    HALF_AN_ANSWER = "half an answer"
    GARBAGE = "garbage"
    ERROR = "error"


class FakeClamd:
    """The daemon's side of the protocol, clamd(8)."""

    def __init__(self) -> None:
        self.mood = Mood.WELL
        self.stream_max_bytes = 25 * 1024 * 1024
        self.received: list[int] = []
        """Sizes of the streams that were read to their end."""
        self.has_read = asyncio.Event()
        self.connections = 0
        self.chunk_bytes = 0
        """The largest chunk so far."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, which has one command."""
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            command = (await reader.readuntil(b"\0")).rstrip(b"\0")
            if self.mood is Mood.DEAF:
                await asyncio.sleep(PROMPT_S)
            reply = await self._reply(command, reader)
            if reply is not None:
                writer.write(reply)
                await writer.drain()
        writer.close()

    async def _reply(self, command: bytes, reader: asyncio.StreamReader) -> bytes | None:
        if command == b"zINSTREAM":
            content = await self._read_stream(reader)
            if content is None:
                return None if self.mood is Mood.HANGS_UP_EARLY else b"INSTREAM size limit exceeded. ERROR\0"
            answer = f"stream: {SIGNATURE} FOUND\0" if EICAR in content else "stream: OK\0"
        else:
            answer = {b"zPING": "PONG\0", b"zVERSION": f"{VERSION}\0"}.get(command, "UNKNOWN COMMAND\0")
        if self.mood is Mood.SILENT:
            await asyncio.sleep(PROMPT_S)
        moods = {
            Mood.HANGS_UP: None,
            Mood.HANGS_UP_EARLY: None,
            Mood.HALF_AN_ANSWER: answer.encode()[:-3],
            Mood.GARBAGE: b"HTTP/1.1 400 Bad Request\r\n\r\n\0",
            Mood.ERROR: b"Can't allocate memory ERROR\0",
        }
        return moods.get(self.mood, answer.encode())

    async def _read_stream(self, reader: asyncio.StreamReader) -> bytes | None:
        """Return a stream's content; None if it is too large, of which the rest is left unread as clamd does."""
        content = b""
        while size := int.from_bytes(await reader.readexactly(4), "big"):
            if len(content) + size > self.stream_max_bytes or (self.mood is Mood.HANGS_UP_EARLY and content):
                return None
            self.chunk_bytes = max(self.chunk_bytes, size)
            content += await reader.readexactly(size)
        self.received.append(len(content))
        self.has_read.set()
        return content


@asynccontextmanager
async def listening(daemon: FakeClamd, socket_path: str | None = None) -> AsyncIterator[Address]:
    """Let the daemon listen, on a path or on a free port; gives its address."""
    if socket_path:
        server = await asyncio.start_unix_server(daemon.serve, socket_path)
        address: Address = UnixAddress(socket_path)
    else:
        server = await asyncio.start_server(daemon.serve, "127.0.0.1", 0)
        address = TcpAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    serving = asyncio.all_tasks()
    try:
        yield address
    finally:
        server.close()
        # Who is deaf or silent would sleep on; `wait_closed` waits for them from Python 3.12 on.
        for task in asyncio.all_tasks() - serving:
            if "FakeClamd.serve" in repr(task.get_coro()):
                task.cancel()
