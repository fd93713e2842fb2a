"""What the local store does to the disk."""

import asyncio
import errno
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from shutil import rmtree
from signal import SIGKILL
from tempfile import mkdtemp

import pytest

from afterglow.infra.storage import files
from afterglow.infra.storage.errors import (
    AlreadyThereButDifferentError,
    CopyMismatchError,
    NoHardLinksError,
    ShortReadError,
    StoreIoError,
    StoreMissingError,
)
from afterglow.infra.storage.local import MARKER, LocalStore
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.errors import StorageFullError

CONTENT = b"a photo" * 50_000
CHECKSUM = Checksum.of(CONTENT)
KEY = "ab/cd/photo"
real_link, real_fsync, real_unlink, real_pread = os.link, os.fsync, os.unlink, os.pread


@pytest.fixture
async def store(tmp_path: Path) -> LocalStore:
    store = LocalStore("home", tmp_path / "originals")
    await store.initialise()
    return store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "upload.part"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    shm = Path("/dev/shm")  # noqa: S108 - a second file system, where there is one
    if not shm.is_dir() or not os.access(shm, os.W_OK) or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    folder = Path(mkdtemp(dir=shm, prefix="afterglow-test-"))
    yield folder
    rmtree(folder)


def refuse_links(monkeypatch: pytest.MonkeyPatch, number: int, times: int = 1) -> None:
    """Let the next links fail, as another file system would."""
    left = [times]

    def link(*args: object, **kwargs: object) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(number, os.strerror(number))
        real_link(*args, **kwargs)

    monkeypatch.setattr(os, "link", link)


def files_below(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


async def put_in_killed_process(store: LocalStore, source: Path, point: str) -> int:
    """Put in a process that dies at a fault point; returns its exit code."""
    code = (
        "import asyncio, sys; from pathlib import Path;"
        "from afterglow.infra.storage.local import LocalStore; from afterglow.kernel.checksums import Checksum;"
        "root, source, key, checksum = sys.argv[1:];"
        "store = LocalStore('home', Path(root));"
        "asyncio.run(store.put(key, Path(source), Checksum.parse(checksum)))"
    )
    arguments = (str(store.root), str(source), KEY, str(CHECKSUM))
    environment = os.environ | {"AFTERGLOW_FAULT_POINT": point}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, *arguments, env=environment)
    return await process.wait()


class TestPlacement:
    async def test_links_the_source_without_copying(self, store, source) -> None:
        inode = source.stat().st_ino
        await store.put(KEY, source, CHECKSUM)
        assert store.local_path(KEY).stat().st_ino == inode

    async def test_originals_are_read_only_plain_files(self, store, source) -> None:
        await store.put(KEY, source, CHECKSUM)
        path = store.local_path(KEY)
        assert stat.S_IMODE(path.stat().st_mode) == 0o440
        assert path.read_bytes() == CONTENT
        assert path.parent.stat().st_mode & 0o007 == 0

    @pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK])
    async def test_copies_where_a_link_is_refused(self, store, source, monkeypatch, number: int) -> None:
        refuse_links(monkeypatch, number)
        result = await store.put(KEY, source, CHECKSUM)
        assert not result.was_there
        assert not source.exists()
        assert files_below(store.root) == [MARKER, KEY]
        assert store.local_path(KEY).read_bytes() == CONTENT
        assert stat.S_IMODE(store.local_path(KEY).stat().st_mode) == 0o440

    async def test_copies_from_another_file_system(self, store, other_disk) -> None:
        source = other_disk / "upload.part"
        source.write_bytes(CONTENT)
        await store.put(KEY, source, CHECKSUM)
        assert await store.hash(KEY) == CHECKSUM
        assert not source.exists()

    async def test_copying_finds_the_identical_object(self, store, source, tmp_path, monkeypatch) -> None:
        await store.put(KEY, source, CHECKSUM)
        again = tmp_path / "again"
        again.write_bytes(CONTENT)
        refuse_links(monkeypatch, errno.EXDEV)
        assert (await store.put(KEY, again, CHECKSUM)).was_there

    async def test_a_source_with_a_second_name_is_copied(self, store, source, tmp_path) -> None:
        real_link(source, tmp_path / "second name")
        await store.put(KEY, source, CHECKSUM)
        (tmp_path / "second name").chmod(0o600)
        (tmp_path / "second name").write_bytes(b"overwritten")
        assert await store.hash(KEY) == CHECKSUM

    async def test_any_other_refusal_of_the_link_is_an_error(self, store, source, monkeypatch) -> None:
        refuse_links(monkeypatch, errno.EIO)
        with pytest.raises(StoreIoError):
            await store.put(KEY, source, CHECKSUM)
        assert source.exists()
        assert await store.stat(KEY) is None

    async def test_a_file_system_without_links_is_named(self, store, source, monkeypatch) -> None:
        refuse_links(monkeypatch, errno.EPERM, times=9)
        with pytest.raises(NoHardLinksError):
            await store.put(KEY, source, CHECKSUM)
        assert source.exists()
        assert files_below(store.root) == [MARKER]

    async def test_rename_is_never_called(self, store, source, monkeypatch) -> None:
        def rename(*args: object, **kwargs: object) -> None:
            raise AssertionError("rename overwrites")

        for name in ("rename", "replace"):
            monkeypatch.setattr(os, name, rename)
        refuse_links(monkeypatch, errno.EXDEV)
        await store.put(KEY, source, CHECKSUM)

    async def test_a_source_inside_the_store_is_refused(self, store, source) -> None:
        await store.put(KEY, source, CHECKSUM)
        with pytest.raises(ValueError, match="in the store"):
            await store.put("other", store.local_path(KEY), CHECKSUM)
        assert await store.hash(KEY) == CHECKSUM

    async def test_a_link_in_the_place_of_the_object_is_not_followed(self, store, source, tmp_path) -> None:
        victim = tmp_path / "victim"
        victim.write_bytes(CONTENT)
        store.local_path(KEY).parent.mkdir(parents=True)
        store.local_path(KEY).symlink_to(victim)
        with pytest.raises(StoreIoError):
            await store.put(KEY, source, CHECKSUM)
        with pytest.raises(StoreIoError):
            await store.open_range(KEY)
        assert source.exists()

    async def test_a_linked_folder_is_not_followed(self, store, source, tmp_path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (store.root / "ab").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StoreIoError):
            await store.put(KEY, source, CHECKSUM)
        assert files_below(tmp_path / "elsewhere") == []


@pytest.mark.req("P-2", "P-4")
class TestDurability:
    @pytest.fixture
    def journal(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
        """Record flushes, links and unlinks in their order, with the inode (of the folder for names)."""
        steps: list[tuple[str, int]] = []

        def fsync(descriptor: int) -> None:
            real_fsync(descriptor)
            steps.append(("fsync", os.fstat(descriptor).st_ino))

        def link(source: str, target: str, **kwargs: int) -> None:
            real_link(source, target, **kwargs)
            steps.append(("link", os.fstat(kwargs["dst_dir_fd"]).st_ino))

        def unlink(path: str, *, dir_fd: int | None = None) -> None:
            folder = os.fstat(dir_fd) if dir_fd is not None else Path(path).parent.stat()
            real_unlink(path, dir_fd=dir_fd)
            steps.append(("unlink", folder.st_ino))

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "link", link)
        monkeypatch.setattr(os, "unlink", unlink)
        return steps

    async def test_file_then_link_then_folders_then_the_source_goes(self, store, source, journal) -> None:
        inode, spool = source.stat().st_ino, source.parent.stat().st_ino
        await store.put(KEY, source, CHECKSUM)
        root, ab, cd = ((store.root / part).stat().st_ino for part in (".", "ab", "ab/cd"))
        assert journal == [
            ("fsync", inode),
            ("link", cd),
            ("fsync", cd),
            ("fsync", ab),
            ("fsync", root),
            ("unlink", spool),
        ]

    async def test_a_copy_is_flushed_before_it_gets_its_name(self, store, source, journal, monkeypatch) -> None:
        spool = source.parent.stat().st_ino
        recorded = os.link
        refused = []

        def link(*args: object, **kwargs: object) -> None:
            if not refused:
                refused.append(True)
                raise OSError(errno.EXDEV, "another disk")
            recorded(*args, **kwargs)

        monkeypatch.setattr(os, "link", link)
        source_inode = source.stat().st_ino
        await store.put(KEY, source, CHECKSUM)
        inode = store.local_path(KEY).stat().st_ino
        cd = store.local_path(KEY).parent.stat().st_ino
        steps = [step for step in journal if step != ("fsync", source_inode)]
        assert steps[:4] == [("fsync", inode), ("link", cd), ("unlink", cd), ("fsync", cd)]
        assert steps[-1] == ("unlink", spool)

    async def test_folders_known_to_be_durable_are_not_flushed_again(self, store, source, tmp_path, journal) -> None:
        await store.put(KEY, source, CHECKSUM)
        second = tmp_path / "second"
        second.write_bytes(b"second")
        del journal[:]
        await store.put("ab/cd/second", second, Checksum.of(b"second"))
        root = store.root.stat().st_ino
        assert ("fsync", root) not in journal
        assert ("fsync", (store.root / "ab/cd").stat().st_ino) in journal

    async def test_folders_made_by_another_process_are_flushed_before_they_are_relied_on(
        self, store, source, journal
    ) -> None:
        (store.root / "ab/cd").mkdir(parents=True)
        await store.put(KEY, source, CHECKSUM)
        for folder in (".", "ab", "ab/cd"):
            assert ("fsync", (store.root / folder).stat().st_ino) in journal

    async def test_an_object_left_by_a_killed_put_is_flushed_too(self, store, source, journal) -> None:
        (store.root / "ab/cd").mkdir(parents=True)
        real_link(source, store.root / KEY)
        inode = source.stat().st_ino
        assert (await store.put(KEY, source, CHECKSUM)).was_there
        cd = (store.root / "ab/cd").stat().st_ino
        assert journal.index(("fsync", inode)) < journal.index(("fsync", cd))
        assert not source.exists()

    async def test_a_delete_is_flushed(self, store, source, journal) -> None:
        await store.put(KEY, source, CHECKSUM)
        del journal[:]
        await store.delete(KEY)
        cd = (store.root / "ab/cd").stat().st_ino
        assert journal == [("unlink", cd), ("fsync", cd)]

    @pytest.mark.parametrize("failing", [1, 2, 3, 4])
    async def test_the_source_outlives_a_failing_flush(self, store, source, monkeypatch, failing: int) -> None:
        calls = []

        def fsync(descriptor: int) -> None:
            calls.append(descriptor)
            if len(calls) == failing:
                raise OSError(errno.EIO, "lost")
            real_fsync(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(StoreIoError):
            await store.put(KEY, source, CHECKSUM)
        assert source.read_bytes() == CONTENT
        monkeypatch.setattr(os, "fsync", real_fsync)
        await store.put(KEY, source, CHECKSUM)
        assert await store.hash(KEY) == CHECKSUM

    @pytest.mark.parametrize("point", ["store.before-link", "store.after-link", "store.after-unlink"])
    async def test_a_put_that_was_killed_is_finished_by_the_next(self, store, source, point: str) -> None:
        assert await put_in_killed_process(store, source, point) == -SIGKILL
        assert source.exists() or await store.hash(KEY) == CHECKSUM
        if source.exists():
            await store.put(KEY, source, CHECKSUM)
        assert await store.hash(KEY) == CHECKSUM
        assert files_below(store.root) == [MARKER, KEY]

    async def test_a_killed_copy_leaves_a_leftover_that_the_sweep_removes(self, store, source, tmp_path) -> None:
        real_link(source, tmp_path / "second name")  # such a source is copied
        assert await put_in_killed_process(store, source, "store.after-copy") == -SIGKILL
        assert await store.stat(KEY) is None
        assert len(files_below(store.root)) == 2
        assert await store.remove_leftovers(timedelta(days=-1)) == 1
        await store.put(KEY, source, CHECKSUM)
        assert files_below(store.root) == [MARKER, KEY]


@pytest.mark.req("P-2")
class TestLyingDisk:
    async def test_a_copy_that_came_out_wrong_is_not_kept(self, store, source, monkeypatch) -> None:
        refuse_links(monkeypatch, errno.EXDEV)
        real_copy = files.copy_file

        def copy(source_fd: int, target_fd: int) -> None:
            real_copy(source_fd, target_fd)
            os.pwrite(target_fd, b"?", 1000)

        monkeypatch.setattr(files, "copy_file", copy)
        with pytest.raises(CopyMismatchError):
            await store.put(KEY, source, CHECKSUM)
        assert files_below(store.root) == [MARKER]
        assert source.read_bytes() == CONTENT

    async def test_an_object_that_rotted_is_not_trusted_by_a_second_put(self, store, source, tmp_path) -> None:
        await store.put(KEY, source, CHECKSUM)
        path = store.local_path(KEY)
        path.chmod(0o600)
        with path.open("r+b") as rotting:
            rotting.write(b"rot")
        again = tmp_path / "again"
        again.write_bytes(CONTENT)
        with pytest.raises(AlreadyThereButDifferentError):
            await store.put(KEY, again, CHECKSUM)
        assert again.exists()

    async def test_a_truncated_read_is_an_error_not_a_short_file(self, store, source, monkeypatch) -> None:
        await store.put(KEY, source, CHECKSUM)
        limit = 300_000

        def pread(descriptor: int, count: int, offset: int) -> bytes:
            return real_pread(descriptor, min(count, max(limit - offset, 0)), offset)

        monkeypatch.setattr(os, "pread", pread)
        with pytest.raises(ShortReadError):
            await store.hash(KEY)
        with pytest.raises(ShortReadError):
            async for _ in await store.open_range(KEY):
                pass

    @pytest.mark.req("STO-5")
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    async def test_no_room_leaves_the_source_and_nothing_else(self, store, source, monkeypatch, number: int) -> None:
        refuse_links(monkeypatch, errno.EXDEV)

        def pwrite(*args: object) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "pwrite", pwrite)
        with pytest.raises(StorageFullError):
            await store.put(KEY, source, CHECKSUM)
        assert files_below(store.root) == [MARKER]
        assert source.exists()


class TestMount:
    async def test_initialising_again_changes_nothing(self, store, source) -> None:
        await store.put(KEY, source, CHECKSUM)
        await store.initialise()
        assert await store.hash(KEY) == CHECKSUM

    async def test_a_folder_with_files_but_no_marker_is_not_taken(self, tmp_path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "disk" / "somebody's file").touch()
        with pytest.raises(StoreMissingError):
            await LocalStore("home", tmp_path / "disk").initialise()
        assert files_below(tmp_path / "disk") == ["somebody's file"]

    async def test_the_disk_of_another_store_is_refused(self, store, source) -> None:
        swapped = LocalStore("copy", store.root)
        for use in (swapped.check, swapped.initialise, lambda: swapped.put(KEY, source, CHECKSUM)):
            with pytest.raises(StoreMissingError):
                await use()
        assert source.exists()

    async def test_a_vanished_folder_is_not_made_anew(self, store, source) -> None:
        rmtree(store.root)
        with pytest.raises(StoreMissingError):
            await store.put(KEY, source, CHECKSUM)
        assert not store.root.exists()

    async def test_a_disk_without_links_is_refused_when_set_up(self, tmp_path, monkeypatch) -> None:
        refuse_links(monkeypatch, errno.EPERM, times=9)
        store = LocalStore("home", tmp_path / "exfat")
        with pytest.raises(NoHardLinksError):
            await store.initialise()
        assert files_below(store.root) == []


class TestLeftovers:
    async def test_old_temporary_files_go_and_young_ones_stay(self, store, source) -> None:
        await store.put(KEY, source, CHECKSUM)
        old, young = store.root / "ab/cd/.put-0123.tmp", store.root / "ab/.put-4567.tmp"
        old.write_bytes(b"half")
        os.utime(old, (0, 0))
        young.write_bytes(b"half")
        assert await store.remove_leftovers(timedelta(days=1)) == 1
        assert files_below(store.root) == [MARKER, "ab/.put-4567.tmp", KEY]

    async def test_strange_files_are_neither_listed_nor_removed(self, store) -> None:
        for name in (".DS_Store", "Thumbs.db", "lost+found"):
            (store.root / name).touch()
        assert [found async for found in store.list_keys()] == []
        assert await store.remove_leftovers(timedelta(days=-1)) == 0

    async def test_originals_can_be_checked_with_common_tools(self, store, source) -> None:
        await store.put(KEY, source, CHECKSUM)
        assert hashlib.sha256((store.root / KEY).read_bytes()).hexdigest() == str(CHECKSUM)
