"""The spool: bytes are hashed as they come, and proven before they are believed."""

import asyncio
import errno
import hashlib
import os
import stat
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterglow.infra.storage.errors import (
    PartMissingError,
    PartSizeError,
    ReadBackMismatchError,
    StoreIoError,
    UploadBusyError,
    UploadSealedError,
)
from afterglow.infra.storage.files import READ_AHEAD_BYTES
from afterglow.infra.storage.local import LocalStore
from afterglow.infra.storage.port import original_key
from afterglow.infra.storage.spool import Spool
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.errors import StorageFullError, TooLargeError
from afterglow.kernel.ids import UploadId, new_id

CONTENT = bytes(range(251)) * 20_000  # about 5 MB: several batches
real_fsync, real_pread, real_pwrite = os.fsync, os.pread, os.pwrite


@pytest.fixture
async def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    await spool.initialise()
    return spool


@pytest.fixture
def upload_id() -> UploadId:
    return UploadId(new_id())


async def write(spool: Spool, upload_id: UploadId, content: bytes, offset_bytes: int = 0) -> int:
    async with spool.writer(upload_id, offset_bytes=offset_bytes) as writer:
        for start in range(0, len(content), 65_536):
            await writer.write(content[start : start + 65_536])
        return await writer.sync()


class TestWriting:
    @pytest.mark.req("ING-4")
    async def test_what_was_written_is_sealed_with_its_hashes(self, spool, upload_id) -> None:
        await write(spool, upload_id, CONTENT)
        sealed = await spool.seal(upload_id)
        assert sealed.path.read_bytes() == CONTENT
        assert sealed.size_bytes == len(CONTENT)
        assert sealed.checksum == Checksum.of(CONTENT)
        assert sealed.sha1 == hashlib.sha1(CONTENT, usedforsecurity=False).digest()

    async def test_an_upload_may_be_empty(self, spool, upload_id) -> None:
        async with spool.writer(upload_id):
            pass
        assert (await spool.seal(upload_id)).checksum == Checksum.of(b"")

    async def test_sync_tells_the_offset_that_may_be_promised(self, spool, upload_id) -> None:
        async with spool.writer(upload_id) as writer:
            await writer.write(b"12345")
            assert writer.offset_bytes == 5
            assert spool.part_path(upload_id).stat().st_size == 0
            assert await writer.sync() == 5
            assert spool.part_path(upload_id).stat().st_size == 5

    async def test_going_on_cuts_what_was_never_promised(self, spool, upload_id) -> None:
        await write(spool, upload_id, b"promised, then more")
        await write(spool, upload_id, b"!", offset_bytes=8)
        sealed = await spool.seal(upload_id)
        assert sealed.path.read_bytes() == b"promised!"
        assert sealed.checksum == Checksum.of(b"promised!")

    async def test_an_upload_goes_on_in_another_process(self, spool, upload_id) -> None:
        await write(spool, upload_id, CONTENT[:3_000_000])
        restarted = Spool(spool.root)
        await write(restarted, upload_id, CONTENT[3_000_000:], offset_bytes=3_000_000)
        sealed = await restarted.seal(upload_id, size_bytes=len(CONTENT))
        assert sealed.checksum == Checksum.of(CONTENT)
        assert sealed.sha1 == hashlib.sha1(CONTENT, usedforsecurity=False).digest()

    @given(cuts=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000), st.booleans()), max_size=8))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
    async def test_any_way_of_breaking_off_and_going_on_gives_the_same_file(self, spool, cuts) -> None:
        content, upload_id, durable = CONTENT[:9000], UploadId(new_id()), 0
        for synced, lost, restart in cuts:
            current = Spool(spool.root) if restart else spool
            with suppress(ConnectionError):
                async with current.writer(upload_id, offset_bytes=durable) as writer:
                    await writer.write(content[durable : durable + synced])
                    durable = await writer.sync()
                    await writer.write(content[durable : durable + lost])
                    await writer.flush()
                    raise ConnectionError
        async with spool.writer(upload_id, offset_bytes=durable) as writer:
            await writer.write(content[durable:])
        assert (await spool.seal(upload_id)).checksum == Checksum.of(content)

    async def test_the_limit_holds_while_it_streams(self, spool, upload_id) -> None:
        async with spool.writer(upload_id, limit_bytes=10) as writer:
            await writer.write(b"1234567890")
            with pytest.raises(TooLargeError) as refused:
                await writer.write(b"x")
        assert refused.value.fields == {"limit": 10}
        assert (await spool.seal(upload_id)).size_bytes == 10

    async def test_a_lost_part_is_told_with_what_is_there(self, spool, upload_id) -> None:
        with pytest.raises(PartSizeError) as nothing:
            await write(spool, upload_id, b"x", offset_bytes=7)
        await write(spool, upload_id, b"abc")
        with pytest.raises(PartSizeError) as short:
            await write(spool, upload_id, b"x", offset_bytes=7)
        assert (nothing.value.fields, short.value.fields) == ({"offset": 0}, {"offset": 3})

    async def test_a_cancelled_write_frees_the_upload(self, spool, upload_id) -> None:
        writing = asyncio.Event()

        async def upload() -> None:
            async with spool.writer(upload_id) as writer:
                while True:
                    await writer.write(bytes(700_000))
                    writing.set()

        task = asyncio.create_task(upload())
        await writing.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await write(spool, upload_id, CONTENT)
        assert (await spool.seal(upload_id)).checksum == Checksum.of(CONTENT)


class TestLock:
    async def test_there_is_one_writer(self, spool, upload_id) -> None:
        async with spool.writer(upload_id) as writer:
            await writer.write(b"mine")
            for use in (
                lambda: write(spool, upload_id, b"other"),
                lambda: write(Spool(spool.root), upload_id, b"other"),
                lambda: spool.seal(upload_id),
                lambda: spool.discard(upload_id),
            ):
                with pytest.raises(UploadBusyError):
                    await use()
        assert (await spool.seal(upload_id)).checksum == Checksum.of(b"mine")

    async def test_uploads_do_not_wait_for_each_other(self, spool) -> None:
        ids = [UploadId(new_id()) for _ in range(5)]
        await asyncio.gather(*(write(spool, upload_id, CONTENT[: 1000 * n]) for n, upload_id in enumerate(ids)))
        sealed = [await spool.seal(upload_id) for upload_id in ids]
        assert [part.checksum for part in sealed] == [Checksum.of(CONTENT[: 1000 * n]) for n in range(5)]


@pytest.mark.req("P-2")
class TestSealing:
    async def test_a_sealed_part_is_read_only_and_takes_no_more(self, spool, upload_id) -> None:
        await write(spool, upload_id, CONTENT)
        sealed = await spool.seal(upload_id)
        assert stat.S_IMODE(sealed.path.stat().st_mode) == 0o440
        for offset_bytes in (0, len(CONTENT)):
            with pytest.raises(UploadSealedError):
                await write(spool, upload_id, b"more", offset_bytes=offset_bytes)
        assert sealed.path.read_bytes() == CONTENT

    async def test_sealing_twice_gives_the_same(self, spool, upload_id) -> None:
        await write(spool, upload_id, CONTENT)
        assert await spool.seal(upload_id) == await spool.seal(upload_id) == await Spool(spool.root).seal(upload_id)

    @pytest.mark.req("P-1")
    @pytest.mark.parametrize("mode", [0o440, 0o600])
    async def test_a_part_that_became_an_original_is_never_written(self, spool, upload_id, tmp_path, mode: int) -> None:
        await write(spool, upload_id, CONTENT)
        sealed = await spool.seal(upload_id)
        original = tmp_path / "original"
        os.link(sealed.path, original)  # killed between link and unlink
        original.chmod(mode)
        with pytest.raises(UploadSealedError):
            await write(spool, upload_id, b"from the start")
        assert await spool.discard(upload_id)
        await write(spool, upload_id, b"from the start")
        assert original.read_bytes() == CONTENT

    async def test_a_missing_or_short_part_is_not_sealed(self, spool, upload_id) -> None:
        with pytest.raises(PartMissingError):
            await spool.seal(upload_id)
        await write(spool, upload_id, b"abc")
        with pytest.raises(PartSizeError) as refused:
            await spool.seal(upload_id, size_bytes=4)
        assert refused.value.fields == {"offset": 3}
        assert (await spool.seal(upload_id, size_bytes=3)).size_bytes == 3

    @pytest.mark.parametrize("restart", [False, True])
    async def test_bytes_that_the_disk_changed_are_not_accepted(
        self, spool, upload_id, monkeypatch, restart: bool
    ) -> None:
        await write(spool, upload_id, CONTENT)
        flushed = []

        def fsync(descriptor: int) -> None:
            real_fsync(descriptor)
            if not flushed:  # what reached the medium is not what the page cache held
                flushed.append(True)
                with spool.part_path(upload_id).open("r+b") as medium:
                    medium.seek(1_234_567)
                    medium.write(b"?")

        spool = Spool(spool.root) if restart else spool
        spool.part_path(upload_id).chmod(0o600)
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "fchmod", lambda *_: None)  # or a normal user could not play the disk
        with pytest.raises(ReadBackMismatchError):
            await spool.seal(upload_id)
        with pytest.raises(PartMissingError):  # not even at the second try
            await spool.seal(upload_id)

    async def test_a_disk_that_swallows_writes_is_found_out(self, spool, upload_id, monkeypatch) -> None:
        def pwrite(descriptor: int, chunk: bytes, offset: int) -> int:
            if offset == 0:
                return real_pwrite(descriptor, chunk, offset)
            return real_pwrite(descriptor, bytes(len(chunk)), offset)

        monkeypatch.setattr(os, "pwrite", pwrite)
        await write(spool, upload_id, CONTENT)
        with pytest.raises(ReadBackMismatchError):
            await spool.seal(upload_id)

    async def test_a_truncating_disk_is_found_out(self, spool, upload_id) -> None:
        await write(spool, upload_id, CONTENT)
        os.truncate(spool.part_path(upload_id), 1000)
        with pytest.raises(PartSizeError):
            await spool.seal(upload_id, size_bytes=len(CONTENT))

    async def test_is_flushed_after_it_became_read_only_and_before_it_is_read_back(
        self, spool, upload_id, monkeypatch
    ) -> None:
        await write(spool, upload_id, CONTENT)
        path, steps = spool.part_path(upload_id), []
        inode, folder = path.stat().st_ino, path.parent.stat().st_ino

        def fsync(descriptor: int) -> None:
            found = os.fstat(descriptor)
            steps.append(("fsync", found.st_ino, stat.S_IMODE(found.st_mode)))
            real_fsync(descriptor)

        def pread(descriptor: int, count: int, offset: int) -> bytes:
            if offset == 0:
                steps.append(("read", os.fstat(descriptor).st_ino, 0))
            return real_pread(descriptor, count, offset)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "pread", pread)
        await spool.seal(upload_id)
        assert steps == [("fsync", inode, 0o440), ("fsync", folder, 0o700), ("read", inode, 0)]

    @pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system can't drop a file from its cache")
    async def test_is_dropped_from_the_page_cache_before_it_is_read_back(self, spool, upload_id, monkeypatch) -> None:
        await write(spool, upload_id, CONTENT)
        steps = []

        def fadvise(descriptor: int, offset: int, length: int, advice: int) -> None:
            steps.append((offset, length, advice))

        def pread(descriptor: int, count: int, offset: int) -> bytes:
            steps.append("read")
            return real_pread(descriptor, count, offset)

        monkeypatch.setattr(os, "posix_fadvise", fadvise)
        monkeypatch.setattr(os, "pread", pread)
        await spool.seal(upload_id)
        # Reading ahead is reading too: it comes after.
        assert [step for step in steps if step != (0, READ_AHEAD_BYTES, os.POSIX_FADV_WILLNEED)][:2] == [
            (0, 0, os.POSIX_FADV_DONTNEED),
            "read",
        ]
        assert steps[0] == (0, 0, os.POSIX_FADV_DONTNEED)

    async def test_a_new_parts_name_is_flushed_before_any_offset_is_promised(
        self, spool, upload_id, monkeypatch
    ) -> None:
        flushed = []

        def fsync(descriptor: int) -> None:
            flushed.append(os.fstat(descriptor).st_ino)
            real_fsync(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        await write(spool, upload_id, b"abc")
        assert flushed == [spool.root.stat().st_ino, spool.part_path(upload_id).stat().st_ino]

    async def test_after_a_failed_flush_nothing_is_believed(self, spool, upload_id, monkeypatch) -> None:
        await write(spool, upload_id, CONTENT)

        def fsync(descriptor: int) -> None:
            raise OSError(errno.EIO, "lost")

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(StoreIoError):
            await spool.seal(upload_id)
        monkeypatch.setattr(os, "fsync", real_fsync)
        with pytest.raises(PartMissingError):
            await spool.seal(upload_id)


class TestBadDisk:
    @pytest.mark.req("P-4", "STO-5")
    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    async def test_a_full_disk_is_named_and_the_upload_goes_on_later(
        self, spool, upload_id, monkeypatch, number: int
    ) -> None:
        durable = await write(spool, upload_id, CONTENT[:2_000_000])

        def pwrite(descriptor: int, chunk: bytes, offset: int) -> int:
            if offset > 2_500_000:
                raise OSError(number, os.strerror(number))
            return real_pwrite(descriptor, bytes(chunk)[:300_000], offset)

        monkeypatch.setattr(os, "pwrite", pwrite)
        with pytest.raises(StorageFullError):
            await write(spool, upload_id, CONTENT[durable:], offset_bytes=durable)
        monkeypatch.setattr(os, "pwrite", real_pwrite)
        await write(spool, upload_id, CONTENT[durable:], offset_bytes=durable)
        assert (await spool.seal(upload_id)).checksum == Checksum.of(CONTENT)

    @pytest.mark.req("P-4")
    async def test_a_write_that_failed_once_is_not_lost(self, spool, upload_id, monkeypatch) -> None:
        failures = [errno.EIO]

        def pwrite(descriptor: int, chunk: bytes, offset: int) -> int:
            if failures:
                raise OSError(failures.pop(), "once")
            return real_pwrite(descriptor, chunk, offset)

        monkeypatch.setattr(os, "pwrite", pwrite)
        async with spool.writer(upload_id) as writer:
            await writer.write(b"abc")
            with pytest.raises(StoreIoError):
                await writer.flush()
            await writer.write(b"def")
        assert (await spool.seal(upload_id)).checksum == Checksum.of(b"abcdef")

    @pytest.mark.req("P-2")
    async def test_after_a_failed_sync_the_writer_promises_nothing_more(self, spool, upload_id, monkeypatch) -> None:
        async with spool.writer(upload_id) as writer:
            await writer.write(b"abc")
            failures = [errno.EIO]

            def fsync(descriptor: int) -> None:
                if failures:
                    raise OSError(failures.pop(), "lost")
                real_fsync(descriptor)

            monkeypatch.setattr(os, "fsync", fsync)
            for _ in range(2):
                with pytest.raises(StoreIoError):
                    await writer.sync()

    async def test_room_is_required_before_the_first_byte(self, spool) -> None:
        await spool.require_room(0, 0, 0)
        with pytest.raises(StorageFullError):
            await spool.require_room(1 << 60, 0, 0)


class TestUpkeep:
    async def test_head_shows_the_beginning(self, spool, upload_id) -> None:
        await write(spool, upload_id, CONTENT)
        assert await spool.head(upload_id, 100) == CONTENT[:100]
        await spool.seal(upload_id)
        assert await spool.head(upload_id, 10**9) == CONTENT

    async def test_head_of_nothing_is_told(self, spool, upload_id) -> None:
        with pytest.raises(PartMissingError):
            await spool.head(upload_id, 100)

    async def test_discard_removes_and_tells_whether_there_was_anything(self, spool, upload_id) -> None:
        await write(spool, upload_id, CONTENT)
        assert await spool.discard(upload_id)
        assert not await spool.discard(upload_id)
        assert list(spool.root.iterdir()) == []

    @pytest.mark.req("ING-11")
    async def test_lists_parts_by_age_and_says_which_are_complete(self, spool) -> None:
        old, young = UploadId(new_id()), UploadId(new_id())
        for upload_id in (old, young):
            await write(spool, upload_id, b"abc")
        await spool.seal(old)
        os.utime(spool.part_path(old), (1000, 1000))
        (spool.root / "notes.txt").touch()
        (spool.root / f"{new_id()}.tmp").touch()
        assert [(part.upload_id, part.is_sealed) for part in await spool.list_parts()] == [(old, True), (young, False)]
        expired = await spool.list_parts(older_than=timedelta(hours=24))
        assert [(part.upload_id, part.size_bytes) for part in expired] == [(old, 3)]

    @pytest.mark.req("P-1", "P-2")
    async def test_a_sealed_part_becomes_an_original(self, spool, upload_id, tmp_path) -> None:
        store = LocalStore("home", tmp_path / "originals")
        await store.initialise()
        await write(spool, upload_id, CONTENT)
        sealed = await spool.seal(upload_id)
        await store.put(original_key(sealed.checksum), sealed.path, sealed.checksum)
        assert await spool.list_parts() == []
        assert await store.hash(original_key(sealed.checksum)) == Checksum.of(CONTENT)
