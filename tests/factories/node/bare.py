"""`BareNode`: the database kept by the test, and http and worker processes started by hand, each with its faults."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from afterglow.infra.db.embedded import EmbeddedPostgres
from factories.node.client import NodeClient
from factories.node.processes import end_tree, free_port, until
from factories.node.running import DEFAULTS


class BareNode:
    """A node without a supervisor: any number of http and worker processes on one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._server = EmbeddedPostgres(data_dir)
        self._token: str | None = None
        self._log = data_dir.parent / f"{data_dir.name}.log"

    def __enter__(self) -> "BareNode":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def log(self) -> str:
        """What all processes of this node have said."""
        return self._log.read_text(errors="replace")

    def client(self, url: str) -> NodeClient:
        """Return a client of one of the http processes, logged in as the owner; the first one claims the server."""
        client = NodeClient(url, self._token)
        if self._token is None:
            self._token = client.claim((self.data_dir / "claim-code").read_text().strip())
        return client

    @contextmanager
    def http(self, fault_point: str = "", **env: str) -> Iterator[str]:
        """Run an http process; give its address once it answers."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with self.process("afterglow.entry.http", fault_point, AFTERGLOW_PORT=str(port), **env) as process:
            until(lambda: _is_live(url) or process.poll() is not None, "http")
            assert process.poll() is None, self.log
            yield url

    @contextmanager
    def worker(self, fault_point: str = "", **env: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker process."""
        with self.process("afterglow.entry.worker", fault_point, **env) as process:
            yield process

    @contextmanager
    def process(self, module: str, fault_point: str = "", **env: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a module on the data folder; it is killed in the end, with all that it started."""
        environment = os.environ | DEFAULTS | env
        environment |= {"AFTERGLOW_DATA_DIR": str(self.data_dir), "AFTERGLOW_FAULT_POINT": fault_point}
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            end_tree(process)


def _is_live(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/health/live", timeout=10).is_success
    except httpx.TransportError:
        return False
