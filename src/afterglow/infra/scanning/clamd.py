"""A ClamAV daemon as scanner: files are streamed to it over its socket, so that it needs to read none of our folders.

References:
    clamd(8), "COMMANDS": INSTREAM, PING, VERSION; the prefix `z` ends command and reply by a null byte.
    clamd.conf(5): StreamMaxLength.
"""

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any, Final

import structlog

from afterglow.infra.scanning.address import Address, UnixAddress
from afterglow.infra.scanning.port import ScannerAwayError, TooLargeToScanError
from afterglow.infra.storage.threads import finish_in_thread, open_in_thread
from afterglow.kernel.units import KIB

CHUNK_BYTES: Final = 256 * KIB
_MAX_REPLY_BYTES: Final = 4 * KIB
# The daemon has 10 threads by default (MaxThreads), and others may want some of them.
_SCANS_AT_ONCE: Final = 4
_CONNECT_TIMEOUT_S: Final = 10.0

_HUNG_UP: Final = (BrokenPipeError, ConnectionResetError)
_FOUND = re.compile(r"stream: (?P<signature>[\x21-\x7e]{1,200}) FOUND")
_TOO_LARGE: Final = "INSTREAM size limit exceeded"


log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ClamdScanner:
    """Asks a ClamAV daemon; see `port.Scanner` for what is promised."""

    def __init__(self, address: Address, *, timeout_s: float) -> None:
        """Name the daemon; nothing is connected before somebody asks.

        Args:
            address: Where it listens.
            timeout_s: How long it may be silent: while it takes a chunk, and until its verdict.
        """
        self._address = address
        self._timeout_s = timeout_s
        self._scans = asyncio.Semaphore(_SCANS_AT_ONCE)

    @property
    def is_on(self) -> bool:
        """Return that it is."""
        return True

    async def find_malware(self, path: Path) -> str | None:
        """Stream a file to the daemon and return the name of what it finds; see the port."""
        file = await open_in_thread(FileIO, path)
        with file:
            async with self._scans:
                reply = await self._scan(file)
        if reply == "stream: OK":
            return None
        if found := _FOUND.fullmatch(reply):
            return found["signature"]
        if reply.startswith(_TOO_LARGE):
            raise TooLargeToScanError
        raise self._nonsense(reply)

    async def describe(self) -> str:
        """Return the daemon's version, of its signatures too; see the port."""
        with await self._connect() as connection:
            with contextlib.suppress(*_HUNG_UP):
                await self._send(connection, b"zVERSION\0")
            reply = await self._read_reply(connection)
        if not reply.startswith("ClamAV "):
            raise self._nonsense(reply)
        return reply

    async def _scan(self, file: FileIO) -> str:
        """Return the daemon's reply to a file.

        Not by asyncio's streams: once a write has failed they read no more, and the answer would be lost.
        """
        with await self._connect() as connection:
            # A daemon that has seen too much answers and hangs up; what it said can be read all the same.
            with contextlib.suppress(*_HUNG_UP):
                await self._send(connection, b"zINSTREAM\0")
                while chunk := await finish_in_thread(file.read, CHUNK_BYTES):
                    await self._send(connection, len(chunk).to_bytes(4, "big") + chunk)
                await self._send(connection, bytes(4))
            return await self._read_reply(connection)

    async def _connect(self) -> socket.socket:
        with self._away():
            async with asyncio.timeout(min(_CONNECT_TIMEOUT_S, self._timeout_s)):
                return await _connect(self._address)

    async def _send(self, connection: socket.socket, content: bytes) -> None:
        """Send all of it.

        Raises:
            ScannerAwayError: The daemon takes nothing, or can't be reached any more.
            ConnectionError: It hung up.
        """
        with self._away(but=_HUNG_UP):
            async with asyncio.timeout(self._timeout_s):
                await asyncio.get_running_loop().sock_sendall(connection, content)

    async def _read_reply(self, connection: socket.socket) -> str:
        reply = b""
        with self._away():
            async with asyncio.timeout(self._timeout_s):
                while not reply.endswith(b"\0") and len(reply) < _MAX_REPLY_BYTES:
                    received = await asyncio.get_running_loop().sock_recv(connection, _MAX_REPLY_BYTES - len(reply))
                    if not received:
                        raise ScannerAwayError("The malware scanner hung up without a verdict.")
                    reply += received
        return reply.rstrip(b"\0\n").decode("ascii", "replace")

    def _nonsense(self, reply: str) -> ScannerAwayError:
        # To the log only: whoever uploads has no business with what answers at an address of ours.
        log.warning("scanner answers nonsense", address=str(self._address), reply=reply[:200])
        return ScannerAwayError("What answers is no ClamAV daemon, or one in trouble.")

    @contextlib.contextmanager
    def _away(self, but: tuple[type[OSError], ...] = ()) -> Iterator[None]:
        """Turn what goes wrong between us and the daemon into our error."""
        try:
            yield
        except but:
            raise
        except TimeoutError as error:
            raise ScannerAwayError("The malware scanner does not answer in time.") from error
        except OSError as error:
            raise ScannerAwayError(f"The malware scanner can't be reached: {error.strerror or error}.") from error


async def _connect(address: Address) -> socket.socket:
    if isinstance(address, UnixAddress):
        return await _connect_to(socket.AF_UNIX, address.path)
    found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    for family, _, _, _, target in found[:-1]:
        with contextlib.suppress(OSError):
            return await _connect_to(family, target)
    return await _connect_to(found[-1][0], found[-1][4])


async def _connect_to(family: int, target: Any) -> socket.socket:
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, target)
    except BaseException:
        connection.close()
        raise
    return connection
