"""The embedded database over its life: started, killed, adopted, refused, stopped."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from embedded_kit import (
    connection,
    fetch_value,
    kill_server,
    open_folder,
    owner_process,
    start_and_kill_owner,
    stopped_at_end,
)

from afterglow.infra.db.embedded import (
    APP_ROLE,
    OWNER_ROLE,
    ClusterOwnedError,
    DatabaseNotRunningError,
    EmbeddedPostgres,
)
from afterglow.infra.db.embedded.process import Process, read_pid_file
from afterglow.kernel.errors import ConflictError, UnavailableError

SOCKET_PATH_LIMIT = 107


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder / "data"


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    with stopped_at_end(EmbeddedPostgres(data_dir, durable=False)) as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedPostgres]:
    """A running server for tests that only look."""
    with open_folder() as folder, stopped_at_end(EmbeddedPostgres(folder / "data", durable=False)) as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def crashed() -> Iterator[tuple[EmbeddedPostgres, str]]:
    """A server that was killed, and the `postmaster.pid` that it left."""
    with open_folder() as folder, stopped_at_end(EmbeddedPostgres(folder / "data", durable=False)) as made:
        made.start()
        kill_server(made)
        yield made, (folder / "data/postgres/data/postmaster.pid").read_text()


# --- start and stop


@pytest.mark.req("RUN-1")
async def test_first_start_yields_a_server_that_accepts_connections(shared: EmbeddedPostgres) -> None:
    assert await fetch_value(shared.endpoint(), "SELECT 1", APP_ROLE) == 1
    assert shared.is_alive()


def test_start_is_idempotent(shared: EmbeddedPostgres) -> None:
    pid = shared.pid
    assert shared.start() == shared.endpoint()
    assert shared.pid == pid


async def test_rows_survive_stop_and_second_start(server: EmbeddedPostgres) -> None:
    async with connection(server.start(), OWNER_ROLE) as made:
        await made.execute("CREATE TABLE kept AS SELECT 7 AS value")
    server.stop()
    assert await fetch_value(server.start(), "SELECT value FROM kept", OWNER_ROLE) == 7


def test_nothing_is_left_running_or_listening_after_stop(server: EmbeddedPostgres, data_dir: Path) -> None:
    server.start()
    pid = server.pid
    assert pid is not None
    server.stop()
    assert Process.find(pid) is None
    assert server.pid is None
    assert not server.is_alive()
    assert not list((data_dir / "postgres/run").iterdir())
    assert not (data_dir / "postgres/data/postmaster.pid").exists()


def test_stop_before_start_does_nothing(server: EmbeddedPostgres, data_dir: Path) -> None:
    server.stop()
    assert not data_dir.exists()


async def test_stop_ends_open_sessions(server: EmbeddedPostgres) -> None:
    async with connection(server.start()) as made:
        await asyncio.to_thread(server.stop)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await made.fetchval("SELECT 1")


def test_server_has_a_session_of_its_own_so_that_ctrl_c_passes_it(shared: EmbeddedPostgres) -> None:
    assert shared.pid is not None
    assert os.getsid(shared.pid) == shared.pid


# --- endpoint


def test_endpoint_of_a_folder_without_server_is_unavailable(server: EmbeddedPostgres) -> None:
    with pytest.raises(UnavailableError):
        server.endpoint()
    server.start()
    server.stop()
    with pytest.raises(DatabaseNotRunningError):
        server.endpoint()


def test_endpoint_of_a_killed_server_is_unavailable(server: EmbeddedPostgres) -> None:
    server.start()
    kill_server(server)
    with pytest.raises(DatabaseNotRunningError):
        server.endpoint()


async def test_another_object_finds_the_endpoint_in_the_files(shared: EmbeddedPostgres) -> None:
    data_dir = shared.endpoint().socket_dir.parents[1]
    found = EmbeddedPostgres(data_dir).endpoint()
    assert found == shared.endpoint()
    assert await fetch_value(found, "SELECT 1", APP_ROLE) == 1


def test_passwords_are_not_in_the_text_of_an_endpoint(shared: EmbeddedPostgres) -> None:
    endpoint = shared.endpoint()
    assert not [password for password in endpoint.passwords.values() if password in repr(endpoint)]


# --- kill -9


@pytest.mark.req("P-2")
async def test_committed_row_survives_kill_of_the_server(data_dir: Path) -> None:
    with stopped_at_end(EmbeddedPostgres(data_dir)) as server:
        async with connection(server.start(), OWNER_ROLE) as made:
            await made.execute("CREATE TABLE kept (value int)")
            await made.execute("INSERT INTO kept VALUES (7)")
            kill_server(server)
        assert not server.is_alive()
        assert await fetch_value(server.start(), "SELECT value FROM kept", OWNER_ROLE) == 7


async def test_start_waits_for_what_a_killed_server_left_running(server: EmbeddedPostgres, data_dir: Path) -> None:
    """A backend that outlives its postmaster may still write: no second server before it is gone."""
    log = data_dir / "postgres/startup.log"
    async with connection(server.start()) as made:
        backend = await made.fetchval("SELECT pg_backend_pid()")
        os.kill(backend, signal.SIGSTOP)
        try:
            kill_server(server)
            start = asyncio.create_task(asyncio.to_thread(server.start))
            while "pre-existing shared memory" not in log.read_text():
                assert not start.done()
                await asyncio.sleep(0.01)
        finally:
            os.kill(backend, signal.SIGKILL)
        assert await fetch_value(await start, "SELECT 1") == 1


async def test_server_that_survived_its_owner_is_adopted(server: EmbeddedPostgres, data_dir: Path) -> None:
    pid = start_and_kill_owner(data_dir)
    endpoint = server.start()
    assert server.pid == pid
    assert server.is_alive()
    assert await fetch_value(endpoint, "SELECT 1", APP_ROLE) == 1
    server.stop()
    assert Process.find(pid) is None


async def test_adopted_server_with_other_settings_is_restarted(data_dir: Path) -> None:
    pid = start_and_kill_owner(data_dir)
    with stopped_at_end(EmbeddedPostgres(data_dir, durable=False, settings={"work_mem": "9MB"})) as server:
        assert await fetch_value(server.start(), "SHOW work_mem") == "9MB"
        assert server.pid != pid


async def test_surviving_server_that_lost_its_socket_is_replaced(
    server: EmbeddedPostgres, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afterglow.infra.db.embedded.server.LISTEN_S", 0.1)
    pid = start_and_kill_owner(data_dir)
    (data_dir / "postgres/run/.s.PGSQL.5432").unlink()
    endpoint = server.start()
    assert server.pid != pid
    assert Process.find(pid) is None
    assert await fetch_value(endpoint, "SELECT 1") == 1


# --- owners


def test_second_owner_is_refused_and_told_of_the_first(server: EmbeddedPostgres, data_dir: Path) -> None:
    with owner_process(data_dir) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        with pytest.raises(ClusterOwnedError, match=str(owner.pid)) as refusal:
            server.start()
        assert isinstance(refusal.value, ConflictError)
        assert refusal.value.fields["pid"] == owner.pid
        server.stop()
        assert Process.find(pid) is not None, "the refused one must not stop it"
    server.start()


def test_two_objects_in_one_process_exclude_each_other(shared: EmbeddedPostgres) -> None:
    data_dir = shared.endpoint().socket_dir.parents[1]
    with pytest.raises(ClusterOwnedError, match=str(os.getpid())):
        EmbeddedPostgres(data_dir).start()


def test_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, sys\n"
        "from afterglow.infra.db.embedded.lock import OwnerLock\n"
        "lock = OwnerLock(pathlib.Path(sys.argv[1]))\n"
        "lock.acquire()\n"
        "child = os.fork()\n"
        "print(child, flush=True) if child else None\n"
        "sys.stdin.read() if child else os.read(int(sys.argv[2]), 1)\n"
    )
    gate, opener = os.pipe()
    path = str(tmp_path / "lock")
    command = [sys.executable, "-W", "ignore", "-c", script, path, str(gate)]
    take = [sys.executable, "-c", script.split("child", maxsplit=1)[0], path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[gate]) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert subprocess.run(take, check=False, capture_output=True).returncode != 0
        parent.kill()
        parent.wait()
        assert Process.find(child) is not None
        assert subprocess.run(take, check=False, capture_output=True).returncode == 0
        os.close(opener)
        os.close(gate)


# --- stale postmaster.pid


@pytest.fixture
def stranger(crashed: tuple[EmbeddedPostgres, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the server's own user: PostgreSQL by itself disregards only those of others."""
    owner = crashed[0]._layout.cluster.stat()
    identity = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": ()} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "600"], **identity) as process:
        yield process
        assert process.poll() is None
        process.kill()


@pytest.mark.parametrize("kind", ["ourselves", "our parent", "a stranger", "nobody", "single-user", "empty", "garbage"])
async def test_stale_pid_file_does_not_block(
    crashed: tuple[EmbeddedPostgres, str], stranger: subprocess.Popen[bytes], kind: str
) -> None:
    server, genuine = crashed
    pids = {
        "ourselves": os.getpid(),
        "our parent": os.getppid(),
        "a stranger": stranger.pid,
        "nobody": 2**22 + 1,  # above the largest number that Linux gives
        "single-user": -stranger.pid,
    }
    broken = {"empty": "", "garbage": "\0\0\0\0"}
    text = broken[kind] if kind in broken else f"{pids[kind]}\n{genuine.partition(chr(10))[2]}"
    with stopped_at_end(server):
        plant_pid_file(server, text)
        assert await fetch_value(server.start(), "SELECT 1") == 1
        assert read_pid_file(server._layout.cluster) == server.pid


def plant_pid_file(server: EmbeddedPostgres, text: str) -> None:
    file = server._layout.cluster / "postmaster.pid"
    file.write_text(text)
    owner = server._layout.cluster.stat()
    os.chown(file, owner.st_uid, owner.st_gid)


# --- places


async def test_deep_folder_gets_a_short_socket_that_others_find(data_dir: Path) -> None:
    deep = data_dir / ("d" * 100)
    pid = start_and_kill_owner(deep)
    with stopped_at_end(EmbeddedPostgres(deep, durable=False)) as server:
        endpoint = server.start()
        assert server.pid == pid
        assert len(bytes(endpoint.socket_path)) <= SOCKET_PATH_LIMIT
        assert endpoint.socket_dir.stat().st_mode & 0o777 == 0o700
        assert EmbeddedPostgres(deep).endpoint() == endpoint
        assert await fetch_value(endpoint, "SELECT 1", APP_ROLE) == 1
    assert not endpoint.socket_dir.exists()


def test_foreign_folder_in_the_place_of_the_short_one_is_not_used(data_dir: Path) -> None:
    deep = data_dir / ("d" * 100)
    planted = data_dir / "planted"
    with stopped_at_end(EmbeddedPostgres(deep, durable=False)) as server:
        server.start()
        server.stop()
        planted.mkdir(mode=0o777)
        planted.chmod(0o777)
        cluster = str(server._layout.cluster)
        record = {"cluster": cluster, "socketDir": str(planted), "port": 5432}
        server._layout.endpoint.write_text(json.dumps(record))
        assert server.start().socket_dir != planted


async def test_odd_characters_in_the_path_are_no_obstacle(data_dir: Path) -> None:
    odd = data_dir / "it's 100% \\ \"odd\", isn't it? é"
    with stopped_at_end(EmbeddedPostgres(odd, durable=False)) as server:
        assert await fetch_value(server.start(), "SELECT 1", APP_ROLE) == 1
        assert Path(str(await fetch_value(server.endpoint(), "SHOW data_directory"))).is_relative_to(odd)


def test_copy_of_a_data_folder_has_a_server_of_its_own(server: EmbeddedPostgres, data_dir: Path) -> None:
    server.start()
    copy = data_dir.with_name("copy")
    subprocess.run(["cp", "-a", data_dir, copy], check=True)
    with stopped_at_end(EmbeddedPostgres(copy, durable=False)) as second:
        second.start()
        assert second.pid != server.pid
        assert server.is_alive()
