"""`afterglow up`: one node, from start to stop."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from afterglow.config import Settings
from afterglow.entry.supervise.database import DatabaseServer, KeptDatabase
from afterglow.entry.supervise.errors import (
    AddressError,
    AlreadyRunningError,
    DataDirError,
    MigrationError,
    PortInUseError,
)
from afterglow.entry.supervise.greeting import SLOW_S, Address, greeting, wait_until_live
from afterglow.entry.supervise.journal import tell
from afterglow.entry.supervise.parts import KeptPart, Leash, Part, stop_parts
from afterglow.infra.db.embedded import ClusterOwnedError, EmbeddedPostgres
from afterglow.infra.db.embedded.lock import OwnerLock
from afterglow.kernel.errors import AfterglowError

MIGRATION: Final = Part("migration", "afterglow.entry.supervise.migration")
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PORT_PATIENCE_S: Final = 8.0
"""How long the parts of a supervisor that was killed may hold the port: their leash ends them within this time."""


@dataclass(frozen=True)
class Node:
    """What one supervisor runs."""

    data_dir: Path
    address: Address
    parts: Sequence[Part]
    database: DatabaseServer | None
    """None where the database is somebody else's to run."""
    migration: Part | None = MIGRATION


def supervise(settings: Settings) -> int:
    """Run a node until it is told to stop; return the exit code.

    0 after SIGINT, SIGTERM or SIGHUP, which end everything within 10 s; 1 if the node could not start, with a line that
    says why.
    """
    address = Address(settings.host, settings.port, settings.public_url)
    workers = [Part("worker" if n == 1 else f"worker-{n}", "afterglow.entry.worker") for n in _count(settings.workers)]
    http = Part("http", "afterglow.entry.http", stops_first=True)
    database = EmbeddedPostgres(settings.data_dir) if settings.embedded_database else None
    node = Node(data_dir=settings.data_dir, address=address, parts=[http, *workers], database=database)
    try:
        with only_supervisor(settings.data_dir):
            asyncio.run(run(node))
    except AfterglowError as error:
        tell(error.message, level="error", code=error.code)
        return 1
    return 0


def _count(number: int) -> range:
    return range(1, number + 1)


@contextlib.contextmanager
def only_supervisor(data_dir: Path) -> Iterator[None]:
    """Hold the data folder against other supervisors, making it where there is none.

    Raises:
        AlreadyRunningError: Another supervisor has it; `fields["pid"]` names that process.
        DataDirError: It cannot be made or written to.
    """
    lock = OwnerLock(data_dir / "supervisor.lock")
    try:
        # As root, the database's own user has to pass through; it can list nothing.
        data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        lock.acquire()
    except ClusterOwnedError as error:
        pid = error.fields.get("pid")
        raise AlreadyRunningError(
            f"Afterglow is already running on {data_dir} (process {pid or 'unknown'}): stop that one, "
            "or choose another folder (AFTERGLOW_DATA_DIR)",
            pid=pid,
        ) from error
    except OSError as error:
        raise DataDirError(f"the data folder cannot be used (AFTERGLOW_DATA_DIR): {error}") from error
    try:
        yield
    finally:
        lock.release()


async def run(node: Node) -> None:
    """Start everything, keep it running until a stop signal, and stop it in order.

    Raises:
        AfterglowError: It could not start; whatever had started is stopped again.
    """
    leash = Leash()
    kept = [KeptPart(part, leash) for part in node.parts]
    migration = KeptPart(node.migration, leash) if node.migration is not None else None
    database = KeptDatabase(node.database) if node.database is not None else None
    serving = asyncio.ensure_future(_serve(node, kept, migration, database))
    everything = [*kept, migration] if migration is not None else kept
    _on_stop_signals(serving, everything)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        tell("stopping")
    finally:
        await stop_parts(everything)
        if database is not None:
            await database.stop()
        leash.close()


async def _serve(
    node: Node, kept: Sequence[KeptPart], migration: KeptPart | None, database: KeptDatabase | None
) -> None:
    """Start the parts in order and keep them running; ends only by an error at the start, or by cancellation."""
    if database is not None:
        await database.start()
    if migration is not None and await migration.run_once() != 0:
        raise MigrationError
    await wait_for_port(node.address)
    keeping = [part.keep() for part in kept] + ([database.keep()] if database is not None else [])
    await asyncio.gather(*keeping, greet(node))


def _on_stop_signals(serving: asyncio.Future[None], kept: Sequence[KeptPart]) -> None:
    """Cancel serving at the first stop signal; at a second one, kill the parts that have not ended yet."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if serving.done():
            for part in kept:
                part.kill()
        serving.cancel()

    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` sets SIGHUP
            loop.add_signal_handler(number, stop)


async def wait_for_port(address: Address) -> None:
    """Return once nobody else has the port.

    Raises:
        PortInUseError: Another program keeps it.
    """
    deadline = time.monotonic() + PORT_PATIENCE_S
    while not is_port_free(address):
        if time.monotonic() > deadline:
            raise PortInUseError(
                f"port {address.port} is used by another program: set AFTERGLOW_PORT", port=address.port
            )
        await asyncio.sleep(0.2)


def is_port_free(address: Address) -> bool:
    """Return whether http will be able to listen.

    Raises:
        AddressError: The address is none of this machine's, or its port is reserved for root.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            setting = f"{address.host} port {address.port} (AFTERGLOW_HOST, AFTERGLOW_PORT)"
            raise AddressError(f"cannot listen on {setting}: {error.strerror}") from error
    return True


async def greet(node: Node) -> None:
    """Print where the node is, once it answers."""
    try:
        await asyncio.wait_for(wait_until_live(node.address), SLOW_S)
    except TimeoutError:
        tell("http does not answer yet; its lines above may say why", level="warning")
        await wait_until_live(node.address)
    with contextlib.suppress(OSError):  # nobody reads: no reason to stop
        print(greeting(node.address, node.data_dir), flush=True)  # noqa: T201 (what the command is for)
