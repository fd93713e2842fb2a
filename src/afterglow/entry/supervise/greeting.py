"""The lines that tell a person that the node is there, and where."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

POLL_S: Final = 0.1
SLOW_S: Final = 60.0
ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (compared, not bound)


@dataclass(frozen=True, slots=True)
class Address:
    """Where http listens, and under which address people reach it, if that differs."""

    host: str
    port: int
    public_url: str = ""

    @property
    def reachable_host(self) -> str:
        """An address of this machine at which what listens on `host` answers."""
        return ANY_ADDRESS.get(self.host, self.host)

    @property
    def url(self) -> str:
        """The address to open in a browser."""
        host = f"[{self.reachable_host}]" if ":" in self.reachable_host else self.reachable_host
        return self.public_url or f"http://{host}:{self.port}"


async def wait_until_live(address: Address) -> None:
    """Return when http answers its health check."""
    while True:
        if await is_live(address):
            return
        await asyncio.sleep(POLL_S)


async def is_live(address: Address, timeout_s: float = 2.0) -> bool:
    """Return whether http answers its health check now."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _health_status(address) == HTTPStatus.OK
    except (OSError, TimeoutError, ValueError, EOFError):
        return False


async def _health_status(address: Address) -> int:
    """Return the status code of the health check (asked by hand: an HTTP client would triple the supervisor)."""
    reader, writer = await asyncio.open_connection(address.reachable_host, address.port)
    try:
        request = f"GET /api/health/live HTTP/1.1\r\nHost: {address.reachable_host}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("ascii"))
        await writer.drain()
        status_line = await reader.readuntil(b"\r\n")
        return int(status_line.split()[1])
    except IndexError as error:
        raise ValueError("not HTTP") from error
    finally:
        writer.close()


def greeting(address: Address, data_dir: Path) -> str:
    """Return the block that is printed once the node answers."""
    lines = [f"Afterglow is running at  {address.url}"]
    if claim := read_code(data_dir / "claim-code"):
        lines.append(f"First run: claim it with {claim}    (also in {data_dir / 'claim-code'})")
    if enrolment := read_code(data_dir / "enrolment-code"):
        lines.append(f"Enrol it at home with    {enrolment}    (also in {data_dir / 'enrolment-code'})")
    lines += [f"Everything is kept in    {data_dir}", "To stop it               Ctrl-C, or SIGTERM"]
    rule = "─" * max(map(len, lines))
    return "\n".join(["", rule, *lines, rule, ""])


def read_code(path: Path) -> str | None:
    """Return a one-time code that waits to be used; None where there is none."""
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
