"""The supervisor over stub parts, as a process of its own, which is killed and told to stop."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from afterglow.entry.supervise import run as run_module
from afterglow.entry.supervise.errors import AddressError, PortInUseError
from afterglow.entry.supervise.greeting import Address, greeting
from afterglow.entry.supervise.run import wait_for_port

HERE = Path(__file__).parent
PATIENCE_S = 60.0


class StubNode:
    """A running supervisor, and what its parts wrote into the diary."""

    def __init__(self, folder: Path, *parts: str) -> None:
        self.folder = folder
        self.port = free_port()
        parts = tuple(part.replace("PORT", str(self.port)) for part in parts)
        self.process = subprocess.Popen(
            [sys.executable, HERE / "stub_node.py", folder, str(self.port), *parts],
            env={**os.environ, "PYTHONPATH": str(HERE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def diary(self) -> list[str]:
        file = self.folder / "diary"
        return file.read_text().splitlines() if file.exists() else []

    def pids(self, name: str) -> list[int]:
        """Return the process ids that a part has had, the present one last."""
        return [int(line.split()[2]) for line in self.diary() if line.startswith(f"{name} started ")]

    def wait_for(self, name: str, starts: int = 1) -> int:
        """Return the process id of a part once it has started so many times."""
        until(lambda: len(self.pids(name)) >= starts, f"{name} to start, in {self.diary()}")
        return self.pids(name)[-1]

    def stop(self) -> tuple[int, str, str]:
        """Tell it to stop; return its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        output, log = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, output, log


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., StubNode]]:
    nodes: list[StubNode] = []

    def start_node(*parts: str) -> StubNode:
        nodes.append(StubNode(tmp_path, *parts))
        return nodes[-1]

    yield start_node
    for node in nodes:
        node.process.kill()
        node.process.communicate()
        for name in ("http", "worker", "worker-child", "migration"):
            for pid in node.pids(name):
                if not is_gone(pid):
                    os.kill(pid, signal.SIGKILL)


@pytest.mark.req("RUN-1", "P-4")
def test_a_killed_part_is_started_again_and_the_others_do_not_notice(start: Callable[..., StubNode]) -> None:
    node = start("http:obey", "worker:obey")
    http, worker = node.wait_for("http"), node.wait_for("worker")
    os.kill(worker, signal.SIGKILL)
    node.wait_for("worker", starts=2)
    assert node.pids("http") == [http]
    _, _, log = node.stop()
    assert "killed by SIGKILL" in log


@pytest.mark.req("RUN-1", "P-4")
def test_a_dead_database_is_started_again(start: Callable[..., StubNode]) -> None:
    node = start("http:obey")
    node.wait_for("http")
    (node.folder / "database").unlink()
    until(lambda: node.diary().count("database started") == 2, "the database")
    assert len(node.pids("http")) == 1


@pytest.mark.req("RUN-1")
def test_parts_stop_in_order_http_then_worker_then_database(start: Callable[..., StubNode]) -> None:
    node = start("worker:obey", "http:obey")
    node.wait_for("http")
    node.wait_for("worker")
    code, _, _ = node.stop()
    assert code == 0
    assert [line for line in node.diary() if line.endswith("ended")] == ["http ended", "worker ended", "database ended"]


@pytest.mark.req("RUN-1")
def test_a_part_that_ignores_the_signal_is_killed_and_the_database_still_stops(start: Callable[..., StubNode]) -> None:
    node = start("http:obey", "worker:ignore")
    node.wait_for("http")
    worker = node.wait_for("worker")
    code, _, log = node.stop()
    assert code == 0
    assert "worker does not stop and is killed" in log
    assert is_gone(worker)
    assert node.diary()[-1] == "database ended"


def test_a_second_signal_does_not_wait_for_what_ignores_the_first(start: Callable[..., StubNode]) -> None:
    node = start("worker:ignore")
    worker = node.wait_for("worker")
    node.process.send_signal(signal.SIGINT)
    assert node.process.stderr is not None
    until(lambda: "stopping" in (node.process.stderr.readline() if node.process.stderr else ""), "the stop to begin")
    code, _, log = node.stop()
    assert code == 0
    assert "does not stop" not in log
    assert is_gone(worker)


@pytest.mark.req("P-4")
def test_parts_end_with_a_killed_supervisor_and_take_their_children_along(start: Callable[..., StubNode]) -> None:
    node = start("http:obey", "worker:ignore")
    pids = [node.wait_for("http"), node.wait_for("worker")]
    node.process.kill()
    for pid in pids:
        until(lambda pid=pid: is_gone(pid), f"process {pid} to end")


def test_what_a_part_leaves_behind_goes_with_it(start: Callable[..., StubNode]) -> None:
    node = start("worker:parent")
    child = node.wait_for("worker-child")
    node.wait_for("worker")
    node.stop()
    until(lambda: is_gone(child), "the child to end")


@pytest.mark.req("P-4")
def test_after_a_killed_supervisor_the_next_one_starts(start: Callable[..., StubNode]) -> None:
    first = start("http:obey")
    first.wait_for("http")
    first.process.kill()
    first.process.wait()
    second = start("http:obey")
    second.wait_for("http", starts=2)
    assert second.stop()[0] == 0


def test_a_data_folder_has_one_supervisor(start: Callable[..., StubNode]) -> None:
    first = start("http:obey")
    first.wait_for("http")
    second = start("http:obey")
    output, _ = second.process.communicate(timeout=PATIENCE_S)
    assert second.process.returncode == 1
    assert "supervisor.already-running" in output
    assert f"process {first.process.pid}" in output
    assert str(first.folder) in output


def test_a_failed_migration_ends_the_start_and_stops_the_database(start: Callable[..., StubNode]) -> None:
    node = start("migration:fail", "http:obey")
    output, _ = node.process.communicate(timeout=PATIENCE_S)
    assert node.process.returncode == 1
    assert "supervisor.migration" in output
    assert node.diary() == ["database started", "database ended"]


@pytest.mark.req("RUN-1", "ACC-1")
def test_the_address_and_the_claim_code_are_told_once_http_answers(
    start: Callable[..., StubNode], tmp_path: Path
) -> None:
    (tmp_path / "claim-code").write_text("ABCD-EFGH\n")
    node = start("http:serve:PORT")
    assert node.process.stdout is not None
    told = iter(node.process.stdout.readline, "")
    assert any(f"http://127.0.0.1:{node.port}" in line for line in told)
    assert "ABCD-EFGH" in next(told)
    assert node.stop()[0] == 0


def test_a_claimed_node_tells_no_code(tmp_path: Path) -> None:
    assert "First run" not in greeting(Address("127.0.0.1", 2480), tmp_path)


def test_a_node_that_listens_everywhere_is_reached_at_this_machine(tmp_path: Path) -> None:
    assert "http://127.0.0.1:2480" in greeting(Address("0.0.0.0", 2480), tmp_path)  # noqa: S104 (nothing is bound)
    assert "http://[::1]:2480" in greeting(Address("::", 2480), tmp_path)
    assert "https://photos.example" in greeting(Address("::", 2480, "https://photos.example"), tmp_path)


async def test_a_port_of_somebody_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "PORT_PATIENCE_S", 0)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=str(port)):
            await wait_for_port(Address("127.0.0.1", port))
    await wait_for_port(Address("127.0.0.1", port))


async def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(AddressError, match="AFTERGLOW_HOST"):
        await wait_for_port(Address("192.0.2.1", 2480))
