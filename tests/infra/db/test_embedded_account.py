"""Root runs the server as somebody else, and changes nothing outside of the data folder for it."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_kit import fetch_value, open_folder, stopped_at_end

from afterglow.infra.db.embedded import BadAccountError, BinariesMissingError, EmbeddedPostgres, FolderClosedError
from afterglow.infra.db.embedded.account import DEFAULT_ACCOUNTS
from afterglow.infra.db.embedded.binaries import PACKAGE, SERVER_FOLDER, locate_wheel_folder

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    with stopped_at_end(EmbeddedPostgres(folder / "data", durable=False)) as made:
        yield made


@pytest.fixture
def closed_wheel(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel, as it would be seen below a folder like /root."""
    wheel = locate_wheel_folder().parent
    private = folder / "private"
    private.mkdir(mode=0o700)
    (private / PACKAGE).symlink_to(wheel)
    (private / f"{PACKAGE}.libs").symlink_to(wheel.with_name(f"{PACKAGE}.libs"))
    seen = private / PACKAGE / SERVER_FOLDER
    monkeypatch.setattr("afterglow.infra.db.embedded.binaries.locate_wheel_folder", lambda: seen)
    return seen


def default_uid() -> int:
    for name in DEFAULT_ACCOUNTS:
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise AssertionError("no default account")


def status_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


def program_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/exe").readlink()


def rights(paths: list[Path]) -> dict[Path, tuple[int, int, int]]:
    return {path: ((status := path.stat()).st_mode, status.st_uid, status.st_gid) for path in paths}


def owners_below(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in [folder, *folder.rglob("*")]}


def test_server_runs_as_the_default_user_without_any_of_roots_rights(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.pid is not None
    status = status_of(server.pid)
    assert set(status["Uid"]) == {str(default_uid())}
    assert set(status["Groups"]) <= set(status["Gid"])
    assert int(status["CapEff"][0], 16) == 0


def test_each_file_belongs_to_its_side(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    root = folder / "data/postgres"
    for part in ("data", "log", "run"):
        assert owners_below(root / part) == {default_uid()}
    own = [path for path in root.iterdir() if path.name not in {"data", "log", "run"}]
    assert {path.stat().st_uid for path in [root, *own, folder / "data", *(folder / "data/secrets").iterdir()]} == {0}


def test_data_folder_opens_to_that_user_alone(server: EmbeddedPostgres, folder: Path) -> None:
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    server.start()
    status = data_dir.stat()
    assert status.st_mode & 0o777 == 0o710
    assert status.st_gid == pwd.getpwuid(default_uid()).pw_gid


def test_rights_of_the_data_folders_group_are_kept(server: EmbeddedPostgres, folder: Path) -> None:
    data_dir = folder / "data"
    data_dir.mkdir()
    data_dir.chmod(0o750)
    server.start()
    assert (data_dir.stat().st_mode & 0o777, data_dir.stat().st_gid) == (0o751, 0)


def test_nothing_outside_of_the_data_folder_is_changed(server: EmbeddedPostgres, folder: Path) -> None:
    wheel = locate_wheel_folder()
    outside = [*wheel.rglob("*"), wheel, *wheel.parents, folder, *folder.parents]
    before = rights(outside)
    server.start()
    server.stop()
    assert rights(outside) == before
    assert [path.name for path in folder.iterdir()] == ["data"]


def test_closed_folder_above_is_named_and_left_alone(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(FolderClosedError, match=f"chmod o\\+x {closed}") as refusal:
        EmbeddedPostgres(closed / "data").start()
    assert refusal.value.fields["folder"] == str(closed)
    assert closed.stat().st_mode & 0o777 == 0o700


async def test_programs_out_of_reach_are_copied_once(
    server: EmbeddedPostgres, folder: Path, closed_wheel: Path
) -> None:
    copies = folder / "data/postgres/server"
    endpoint = server.start()
    assert server.pid is not None
    program = program_of(server.pid)
    assert program.is_relative_to(copies)
    assert await fetch_value(endpoint, "SELECT '[1]'::vector <-> '[3]'::vector") == 2
    server.stop()
    made = program.stat()
    server.start()
    assert program.stat() == made
    assert (closed_wheel / "bin/postgres").exists()


def test_programs_within_reach_are_not_copied(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    assert not (folder / "data/postgres/server").exists()


async def test_damaged_and_old_copies_are_replaced(server: EmbeddedPostgres, folder: Path, closed_wheel: Path) -> None:
    copies = folder / "data/postgres/server"
    server.start()
    server.stop()
    (copy,) = copies.iterdir()
    (copy / PACKAGE / SERVER_FOLDER / "bin/initdb").write_bytes(b"")
    (copies / ".0.6.0-half").mkdir()
    (copies / "0.1.0-old").mkdir()
    assert await fetch_value(server.start(), "SELECT 1") == 1
    assert [path.name for path in copies.iterdir()] == [copy.name]
    size_bytes = (copy / PACKAGE / SERVER_FOLDER / "bin/initdb").stat().st_size
    assert size_bytes == (closed_wheel / "bin/initdb").stat().st_size


def test_named_user_runs_the_server_and_keeps_the_cluster(folder: Path) -> None:
    data_dir = folder / "data"
    nobody = pwd.getpwnam("nobody")
    with stopped_at_end(EmbeddedPostgres(data_dir, durable=False, account="nobody")) as server:
        server.start()
        assert (data_dir / "postgres/data").stat().st_uid == nobody.pw_uid
    with stopped_at_end(EmbeddedPostgres(data_dir, durable=False)) as server:
        server.start()
        assert server.pid is not None
        assert set(status_of(server.pid)["Uid"]) == {str(nobody.pw_uid)}
    with pytest.raises(BadAccountError, match="daemon"):
        EmbeddedPostgres(data_dir, account="daemon").start()


@pytest.mark.parametrize("account", ["root", "no-such-user"])
def test_unfit_user_is_refused(folder: Path, account: str) -> None:
    with pytest.raises(BadAccountError, match=account):
        EmbeddedPostgres(folder / "data", account=account).start()


def test_missing_wheel_is_said(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("afterglow.infra.db.embedded.binaries.PACKAGE", "afterglow_no_such_package")
    with pytest.raises(BinariesMissingError, match="DATABASE_URL"):
        server.start()
