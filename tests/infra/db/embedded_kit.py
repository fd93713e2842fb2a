"""What the tests of the embedded database share: a folder it may use, a second process that owns it, and SQL."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg

from afterglow.infra.db.embedded import APP_ROLE, SUPERUSER, EmbeddedPostgres, Endpoint

OWNER_SCRIPT = """
import pathlib, sys
from afterglow.infra.db.embedded import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]), durable=False)
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def open_folder() -> Iterator[Path]:
    """Yield a new folder that the server's user may pass: pytest's own are closed to others, which matters to root."""
    folder = Path(tempfile.mkdtemp(prefix="afterglow-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def stopped_at_end(server: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def owner_process(data_dir: Path, fault_point: str = "") -> Iterator[subprocess.Popen[str]]:
    """Yield a process that runs the server of a data folder; it is killed in the end, its server is not."""
    environment = os.environ | {"AFTERGLOW_FAULT_POINT": fault_point}
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER_SCRIPT, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with owner:
        try:
            yield owner
        finally:
            owner.kill()


def start_and_kill_owner(data_dir: Path) -> int:
    """Return the process id of a running server whose owner was killed."""
    with owner_process(data_dir) as owner:
        assert owner.stdout is not None
        return int(owner.stdout.readline())


def kill_server(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    while server.is_alive():
        pass


@asynccontextmanager
async def connection(endpoint: Endpoint, role: str = APP_ROLE):
    made = await asyncpg.connect(endpoint.dsn(role))
    try:
        yield made
    finally:
        made.terminate()  # the server may have been killed meanwhile


async def fetch_value(endpoint: Endpoint, query: str, role: str = SUPERUSER) -> object:
    async with connection(endpoint, role) as made:
        return await made.fetchval(query)
