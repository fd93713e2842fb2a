"""`RunningNode`: the whole product as a person starts it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from factories.node.client import NodeClient, probe
from factories.node.processes import Part, end_tree, find_parts, find_postgres, free_port, is_gone, kill, until

STOP_PATIENCE_S = 30.0
SETTLED_S = 1.5  # longer than the supervisor takes to notice that its database has ended
LASTING = (Part.SUPERVISOR, Part.HTTP, Part.WORKER, Part.POSTGRES)
NOTHING: Mapping[str, str] = MappingProxyType({})
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "AFTERGLOW_DECODERS": "1",
        # Tests do not wait half a minute until the work of a killed worker is taken over.
        "AFTERGLOW_STEP_LEASE_S": "2",
        "AFTERGLOW_POLL_INTERVAL_S": "1",
        "AFTERGLOW_ACCESS_TOKEN_MINUTES": "600",
        "AFTERGLOW_DISK_RESERVE_BYTES": "1",
        "AFTERGLOW_DISK_RESERVE_PERCENT": "0",
    }
)


class RunningNode:
    """`afterglow up` on a data folder, with its processes at hand. `close` ends everything that is left of it."""

    def __init__(self, data_dir: Path, env: Mapping[str, str] = NOTHING) -> None:
        """Name the node; `start` starts it.

        Args:
            data_dir: Its data folder; the log of its supervisor lies beside it.
            env: Settings over the tests' own.
        """
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token: str | None = None
        self._env = dict(env)
        self._log = data_dir.parent / f"{data_dir.name}-{self.port}.log"
        self.supervisors: list[subprocess.Popen[bytes]] = []
        self._killed: set[int] = set()

    @property
    def supervisor(self) -> subprocess.Popen[bytes]:
        """The supervisor that was started last."""
        return self.supervisors[-1]

    @property
    def log(self) -> str:
        """What all supervisors of this node and their parts have said."""
        return self._log.read_text(errors="replace")

    def spawn(self, env: Mapping[str, str] = NOTHING) -> subprocess.Popen[bytes]:
        """Start a supervisor and return at once."""
        environment = os.environ | DEFAULTS | self._env | env
        environment |= {"AFTERGLOW_DATA_DIR": str(self.data_dir), "AFTERGLOW_PORT": str(self.port)}
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "afterglow.entry.cli", "up"]
            started = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.supervisors.append(started)
        return started

    def start(self, env: Mapping[str, str] = NOTHING) -> None:
        """Start the node and return once it can do everything."""
        self.spawn(env)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return once the node answers that all of its parts are well."""
        until(lambda: self.is_ready() or self.supervisor.poll() is not None, lambda: f"the node: {self.health()}")
        assert self.supervisor.poll() is None, f"the node ended:\n{self.log}"
        until(lambda: len(self.parts()[Part.WORKER]) == 1, "the worker")

    def settled_parts(self) -> dict[Part, list[int]]:
        """Return the pids of all parts once none is missing or being started again.

        What an earlier test killed may take others along a moment later: a worker ends when its database does.
        """
        looks: list[dict[Part, list[int]]] = [{}]

        def is_settled() -> bool:
            self.wait_until_ready()
            time.sleep(SETTLED_S)
            parts = self.parts()
            looks.append({part: parts[part] for part in LASTING})
            return looks[-1] == looks[-2] and all(looks[-1].values())

        until(is_settled, "parts that stay")
        return looks[-1]

    def is_ready(self) -> bool:
        """Return whether the node answers that all of its parts are well."""
        answer = probe(f"{self.url}/api/health/ready")
        return answer is not None and answer.is_success

    def health(self) -> str:
        """Return what the node says of its parts, and its log."""
        answer = probe(f"{self.url}/api/health/ready")
        return f"{answer.text if answer else 'no answer'}\n{self.log}"

    def parts(self) -> dict[Part, list[int]]:
        """Return the processes of the node as they are now."""
        return find_parts(self.supervisor.pid, self.data_dir)

    def kill(self, part: Part) -> int:
        """Kill a part once it is there and was not killed before, wait for its end, and return its number."""
        alive: list[int] = []

        def is_there() -> bool:
            alive[:] = set(self.parts()[part]) - self._killed
            return bool(alive)

        until(is_there, f"the {part} to be there")
        pid = alive[0]
        self._killed.add(pid)
        kill(pid)
        if part is Part.SUPERVISOR:
            self.supervisor.wait()
        until(lambda: is_gone(pid), f"the {part} to end")
        return pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell the supervisor to stop; return its exit code."""
        self.supervisor.send_signal(number)
        return self.supervisor.wait(STOP_PATIENCE_S)

    def client(self) -> NodeClient:
        """Return a client that is logged in as the owner; the first one claims the server."""
        client = NodeClient(self.url, self.token)
        if self.token is None:
            self.token = client.claim((self.data_dir / "claim-code").read_text().strip())
        return client

    def close(self) -> None:
        """End every process that was started for this node, however the test ended; a failed one shows the log."""
        for supervisor in self.supervisors:
            end_tree(supervisor)
        if server := find_postgres(self.data_dir):
            os.kill(server, signal.SIGQUIT)
            until(lambda: is_gone(server), "the database to end")
        print(self.log if self.supervisors else "never started")  # noqa: T201
