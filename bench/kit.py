"""What the benchmarks share: photos, a running node, and what it costs."""

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
PHOTOS = ROOT / ".cache" / "bench-photos"
MIB = 1024 * 1024


def report(name: str, **figures: object) -> None:
    """Print one JSON line."""
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.machine()}
    print(json.dumps({"bench": name, **figures, "on": machine}), flush=True)


def bench_photos(count: int) -> list[Path]:
    """Return distinct 12 MP camera-like JPEG files; made once and kept."""
    tool = SHARED / "tools" / "make_photos.py"
    if not tool.exists():
        raise SystemExit(f"the benchmark photos are made by {tool}, which is not there")
    command = [sys.executable, str(tool), "--count", str(count), "--out", str(PHOTOS)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return sorted(PHOTOS.glob("*.jpg"))[:count]


@dataclass(frozen=True)
class Cost:
    """CPU seconds by kind of process, and memory (proportional set size) by kind, in bytes."""

    cpu_s: dict[str, float]
    pss_bytes: dict[str, int]


class BenchNode:
    """A node of its own, on a data folder that is removed at the end."""

    def __init__(self, data_dir: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.data_dir = data_dir
        self.url = f"http://127.0.0.1:{port}"
        self.process = process

    def wait_until_live(self) -> None:
        """Return when http answers."""
        for _ in range(600):
            try:
                if httpx.get(f"{self.url}/api/health/live").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise SystemExit("the node did not start")

    def claim(self) -> str:
        """Make the first owner and return an access token."""
        code = (self.data_dir / "claim-code").read_text().strip()
        body = {"code": code, "email": "bench@example.org", "password": "a long bench password", "name": "Bench"}
        answer = httpx.post(f"{self.url}/api/servers/claim", json=body, timeout=30)
        return str(answer.raise_for_status().json()["accessToken"])

    def cost(self) -> Cost:
        """Return what the node's processes have cost so far."""
        cpu_s: dict[str, float] = {}
        pss_bytes: dict[str, int] = {}
        for kind, process in self._processes():
            try:
                times = process.cpu_times()
                pss = process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
            # Children that ended and were waited for count for their parent: backends, decoders.
            spent = times.user + times.system + times.children_user + times.children_system
            cpu_s[kind] = cpu_s.get(kind, 0.0) + spent
            pss_bytes[kind] = pss_bytes.get(kind, 0) + pss
        return Cost(cpu_s, pss_bytes)

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        supervisor = psutil.Process(self.process.pid)
        yield "supervisor", supervisor
        for child in supervisor.children(recursive=True):
            try:
                command = " ".join(child.cmdline())
            except psutil.Error:
                continue
            yield _kind(command), child


def _kind(command: str) -> str:
    if "imaging.child" in command:
        return "decoder"
    if "postgres" in command:
        return "postgres"
    if "entry.worker" in command:
        return "worker"
    return "http"


@contextmanager
def bench_node(**settings: str) -> Iterator[BenchNode]:
    """Start a node and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="afterglow-bench-") as folder, socket.socket() as free:
        Path(folder).chmod(0o755)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        data_dir = Path(folder) / "data"
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AFTERGLOW_")},
            "AFTERGLOW_DATA_DIR": str(data_dir),
            "AFTERGLOW_PORT": str(port),
            **settings,
        }
        with (ROOT / ".cache" / "bench-node.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "afterglow.entry.cli", "up"], env=env, stdout=log, stderr=log, cwd=ROOT
            )
        node = BenchNode(data_dir, port, process)
        try:
            node.wait_until_live()
            yield node
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def difference(after: Cost, before: Cost) -> dict[str, float]:
    """Return the CPU seconds between two looks, by kind of process."""
    return {kind: round(spent - before.cpu_s.get(kind, 0.0), 3) for kind, spent in after.cpu_s.items()}
