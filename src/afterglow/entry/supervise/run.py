"""`afterglow up`: one node, from start to stop."""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from afterglow.entry.supervise.parts import KeptPart, Part, Reins, stop_parts
from afterglow.infra.db.embedded import ClusterOwnedError, EmbeddedPostgres
from afterglow.infra.db.embedded.lock import OwnerLock
from afterglow.kernel.errors import AfterglowError

HTTP: Final = Part("http", "afterglow.entry.http", preload=("granian.server", "afterglow.config"), stops_first=True)
WORKER: Final = Part("worker", "afterglow.entry.worker")
MIGRATION: Final = Part("migration", "afterglow.entry.supervise.migration", preload=("afterglow.bootstrap",))
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
    migration: Part = MIGRATION


def supervise(settings: Settings) -> int:
    """Run a node until it is told to stop; return the exit code.

    0 after SIGINT, SIGTERM or SIGHUP, which end everything within 10 s; 1 if the node could not start, with a line that
    says why.
    """
    address = Address(settings.host, settings.port, settings.public_url)
    workers = [WORKER, *(replace(WORKER, name=f"worker-{number}") for number in range(2, settings.workers + 1))]
    database = EmbeddedPostgres(settings.data_dir) if settings.embedded_database else None
    node = Node(data_dir=settings.data_dir, address=address, parts=[HTTP, *workers], database=database)
    try:
        with only_supervisor(settings.data_dir):
            asyncio.run(run(node))
    except AfterglowError as error:
        tell(error.message, level="error", code=error.code)
        return 1
    return 0


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
    reins = Reins()
    kept = [KeptPart(part, reins) for part in node.parts]
    migration = KeptPart(node.migration, Reins(leash=reins.leash))
    database = KeptDatabase(node.database) if node.database is not None else None
    serving = asyncio.ensure_future(_serve(node, kept, migration, database))
    _on_stop_signals(serving, [*kept, migration])
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        tell("stopping")
    finally:
        await stop_parts([*kept, migration])
        if database is not None:
            await database.stop()
        reins.leash.close()


async def _serve(node: Node, kept: Sequence[KeptPart], migration: KeptPart, database: KeptDatabase | None) -> None:
    """Start everything and keep it running; ends only by an error at the start, or by cancellation.

    All processes are started at once, and import what they need; each begins when what it needs is ready.
    """
    migrating = asyncio.ensure_future(migration.run_once())
    keeping = [asyncio.ensure_future(part.keep()) for part in kept]
    try:
        if database is not None:
            await database.start()
            keeping.append(asyncio.ensure_future(database.keep()))
        migration.begin()
        if await migrating != 0:
            raise MigrationError
        await wait_for_port(node.address)
        for part in kept:
            part.begin()
        await asyncio.gather(*keeping, greet(node))
    finally:
        for task in (migrating, *keeping):
            task.cancel()


def _on_stop_signals(serving: asyncio.Future[None], kept: Sequence[KeptPart]) -> None:
    """Cancel serving at the first stop signal; at a second one, kill the parts that have not ended yet."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if serving.done():
            for part in kept:
                part.kill()
        serving.cancel()

    for number in STOP_SIGNALS:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # `nohup` means it; the SIGINT that shells ignore for what is started with `&` is not meant
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
