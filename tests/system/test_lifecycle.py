"""A node from its first start to its last: what it says, what it leaves, what it survives."""

import fcntl
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from factories.node.data import copy_data, open_folder
from factories.node.invariants import query
from factories.node.processes import Part, find_postgres, is_gone, until
from factories.node.running import STOP_PATIENCE_S, RunningNode

OpenNode = Callable[..., RunningNode]
RESTARTED = [Part.HTTP, Part.HTTP_WORKER, Part.WORKER, Part.POSTGRES, Part.POSTGRES_SESSION]


@pytest.fixture(scope="module")
def lasting_node(made_data: Path) -> Iterator[RunningNode]:
    """A node that the tests of this module share; each leaves it running."""
    with open_folder() as folder:
        copy_data(made_data, folder / "data")
        node = RunningNode(folder / "data")
        try:
            node.start()
            yield node
        finally:
            node.close()


def assert_nothing_left(node: RunningNode, pids: dict[Part, list[int]]) -> None:
    """Prove that no process of a node runs, that nobody holds its folder, and that its port is free."""
    for part, found in pids.items():
        assert all(map(is_gone, found)), f"{part} is left"
    for lock in (node.data_dir / "supervisor.lock", node.data_dir / "postgres" / "lock"):
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with socket.socket() as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port.bind(("127.0.0.1", node.port))


def refused_start(node: RunningNode, **env: str) -> tuple[int, str]:
    """Start a node that will not start; return its exit code and what it said."""
    said = len(node.log) if node.supervisors else 0
    code = node.spawn(env).wait(STOP_PATIENCE_S)
    return code, node.log[said:]


@pytest.mark.req("RUN-1", "ACC-1")
def test_a_first_start_tells_address_and_claim_code_and_the_second_one_changes_nothing(
    open_node: OpenNode, new_folder: Path
) -> None:
    node = open_node(new_folder / "data")
    node.start()
    code_file = node.data_dir / "claim-code"
    code = code_file.read_text().strip()
    until(lambda: code in node.log, "the greeting")
    assert node.url in node.log
    assert stat.S_IMODE(code_file.stat().st_mode) == 0o600
    server = node.client().get("/api/servers/info")
    made = (node.data_dir / "postgres" / "data" / "PG_VERSION").stat()
    migrated = query(node.data_dir, "SELECT xmin::text || version_num FROM afterglow.alembic_version")
    assert node.stop() == 0

    said = len(node.log)
    node.start()
    until(lambda: node.url in node.log[said:], "the greeting")
    assert "claim" not in node.log[said:]
    assert not code_file.exists()
    assert node.client().get("/api/servers/info") == server
    again = (node.data_dir / "postgres" / "data" / "PG_VERSION").stat()
    assert (again.st_ino, again.st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
    assert query(node.data_dir, "SELECT xmin::text || version_num FROM afterglow.alembic_version") == migrated


@pytest.mark.req("RUN-1")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_no_process_and_no_lock(node: RunningNode, number: signal.Signals) -> None:
    pids = node.parts()
    assert node.stop(number) == 0
    assert_nothing_left(node, pids)


@pytest.mark.req("RUN-1")
def test_open_connections_do_not_hold_up_a_stop(node: RunningNode) -> None:
    token = node.client().http.headers["Authorization"]
    with (
        socket.create_connection(("127.0.0.1", node.port)),
        socket.create_connection(("127.0.0.1", node.port)) as upload,
    ):
        head = ["POST /api/upload HTTP/1.1", "Host: localhost", f"Authorization: {token}", "Content-Length: 1000000"]
        form = ["Content-Type: multipart/form-data; boundary=x", "", "--x"]
        field = ['Content-Disposition: form-data; name="file"; filename="a.jpg"', "", "bytes"]
        upload.sendall("\r\n".join([*head, *form, *field]).encode())
        until(lambda: list((node.data_dir / "spool").iterdir()), "the upload to begin")
        pids = node.parts()
        assert node.stop() == 0
    assert_nothing_left(node, pids)


def test_a_port_of_another_program_is_named(open_node: OpenNode, data_dir: Path) -> None:
    node = open_node(data_dir)
    with socket.create_server(("127.0.0.1", node.port)):
        code, said = refused_start(node)
    assert code == 1
    assert f"port {node.port} is used by another program: set AFTERGLOW_PORT" in said
    assert find_postgres(data_dir) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("AFTERGLOW_PORT", "eighty"), ("AFTERGLOW_DECODERS", "0"), ("AFTERGLOW_ROLE", "boss"), ("AFTERGLOW_CONFIG", "?")],
)
def test_a_wrong_setting_is_named(open_node: OpenNode, new_folder: Path, name: str, value: str) -> None:
    node = open_node(new_folder / "data", {name: value})
    if name == "AFTERGLOW_PORT":
        node.port = value
    code, said = refused_start(node)
    assert code == 1
    assert name in said
    assert "Traceback" not in said
    assert not node.data_dir.exists()


@pytest.mark.req("RUN-1", "P-4")
@pytest.mark.parametrize("part", RESTARTED)
def test_a_dead_part_is_started_again(lasting_node: RunningNode, part: Part) -> None:
    node = lasting_node
    before = node.settled_parts()
    pid = node.kill(part)
    until(lambda: node.parts()[part] and pid not in node.parts()[part], f"another {part}")
    after = node.settled_parts()
    assert after[Part.SUPERVISOR] == before[Part.SUPERVISOR]
    untouched = {Part.WORKER, Part.POSTGRES} - {part} if part in {Part.HTTP, Part.HTTP_WORKER} else set()
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}


def test_a_second_supervisor_is_refused(lasting_node: RunningNode, open_node: OpenNode) -> None:
    code, said = refused_start(open_node(lasting_node.data_dir))
    assert code == 1
    assert f"already running on {lasting_node.data_dir} (process {lasting_node.supervisor.pid})" in said
    assert lasting_node.is_ready()


@pytest.mark.req("P-4")
def test_after_a_killed_supervisor_its_parts_end_and_its_database_is_taken_over(node: RunningNode) -> None:
    before = node.parts()
    node.kill(Part.SUPERVISOR)
    for part in (Part.HTTP, Part.HTTP_WORKER, Part.WORKER):
        until(lambda part=part: all(map(is_gone, before[part])), f"{part} to end")
    assert find_postgres(node.data_dir) == before[Part.POSTGRES][0]
    node.start()
    assert node.parts()[Part.POSTGRES] == before[Part.POSTGRES]
    assert node.stop() == 0
    assert is_gone(before[Part.POSTGRES][0])


@pytest.mark.req("P-4")
def test_a_supervisor_starts_at_once_over_one_that_was_killed(node: RunningNode) -> None:
    before = node.parts()
    node.kill(Part.SUPERVISOR)
    node.start()
    assert all(map(is_gone, before[Part.HTTP]))
    assert node.stop() == 0


def test_a_data_folder_that_cannot_be_used_is_named(open_node: OpenNode, new_folder: Path) -> None:
    (new_folder / "file").touch()
    code, said = refused_start(open_node(new_folder / "file"))
    assert code == 1
    assert "AFTERGLOW_DATA_DIR" in said
    assert "Traceback" not in said
