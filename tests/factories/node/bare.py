"""`BareNode`: the database kept by the test, and http and worker processes started by hand, each with its faults."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from afterglow.infra.db.embedded import EmbeddedPostgres
from factories.node.client import NodeClient, probe
from factories.node.processes import end_tree, free_port, until
from factories.node.running import DEFAULTS


@dataclass(frozen=True)
class HttpProcess:
    """An http process and its address."""

    url: str
    process: subprocess.Popen[bytes]

    def is_live(self) -> bool:
        """Return whether it answers."""
        answer = probe(f"{self.url}/api/health/live")
        return answer is not None and answer.is_success


class BareNode:
    """A node without a supervisor: any number of http and worker processes on one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._server = EmbeddedPostgres(data_dir)
        self._token: str | None = None
        self._log = data_dir.parent / f"{data_dir.name}.log"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        print(self.log)  # noqa: T201 (shown where a test failed)

    @property
    def log(self) -> str:
        """What all processes of this node have said."""
        return self._log.read_text(errors="replace")

    def client(self, url: str, then: str = "") -> NodeClient:
        """Return a client of one of the http processes, logged in as the owner; the first one claims the server.

        Args:
            url: Of the http process.
            then: Of the one where the client goes on once that one is gone.
        """
        client = NodeClient(url, self._token, then=then)
        if self._token is None:
            self._token = client.claim((self.data_dir / "claim-code").read_text().strip())
        return client

    @contextmanager
    def http(self, fault_point: str = "", **env: str) -> Iterator[HttpProcess]:
        """Run an http process, with settings of its own; it answers when the block begins."""
        port = free_port()
        with self.process("afterglow.entry.http", fault_point, AFTERGLOW_PORT=str(port), **env) as process:
            http = HttpProcess(f"http://127.0.0.1:{port}", process)
            until(lambda: http.is_live() or process.poll() is not None, "http")
            assert process.poll() is None, self.log
            yield http

    @contextmanager
    def worker(self, fault_point: str = "", **env: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker process, with settings of its own."""
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
