"""What a part is proven against: the bytes as they came in, for as long as anybody remembers them."""

import errno
import os
from pathlib import Path

import pytest

from afterglow.infra.storage import files
from afterglow.infra.storage.errors import PartMissingError, ReadBackMismatchError, ShortReadError, StoreIoError
from afterglow.infra.storage.spool import Spool
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import UploadId, new_id

FIRST, SECOND = b"the first half, " * 1000, b"the second half, " * 1000

pytestmark = pytest.mark.req("P-2")


@pytest.fixture
async def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    await spool.initialise()
    return spool


@pytest.fixture
def upload_id() -> UploadId:
    return UploadId(new_id())


async def append(spool: Spool, upload_id: UploadId, content: bytes, offset: int = 0) -> int:
    """Append durably; return the new offset."""
    async with spool.writer(upload_id, offset_bytes=offset) as writer:
        await writer.write(content)
        return await writer.sync()


def rot(path: Path, offset: int = 1000) -> None:
    """Change a byte of a file."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"?")
    path.chmod(mode)


@pytest.mark.parametrize("kept_bytes", [0, 1000])
async def test_a_disk_that_lost_the_end_is_found_out_though_nobody_announced_a_size(
    spool: Spool, upload_id: UploadId, kept_bytes: int
) -> None:
    await append(spool, upload_id, FIRST)
    os.truncate(spool.part_path(upload_id), kept_bytes)
    with pytest.raises(ReadBackMismatchError):
        await spool.seal(upload_id)
    with pytest.raises(PartMissingError):  # not even at the second try
        await spool.seal(upload_id)


async def test_a_part_that_reads_shorter_than_it_is_was_lost(
    spool: Spool, upload_id: UploadId, monkeypatch: pytest.MonkeyPatch
) -> None:
    await append(spool, upload_id, FIRST)

    def read_back(descriptor: int) -> Checksum:
        raise ShortReadError

    monkeypatch.setattr(files, "read_back", read_back)
    with pytest.raises(ReadBackMismatchError):
        await spool.seal(upload_id)
    assert not spool.part_path(upload_id).exists()


async def test_what_rots_between_two_proofs_is_found_out(spool: Spool, upload_id: UploadId) -> None:
    await append(spool, upload_id, FIRST)
    await spool.seal(upload_id)
    rot(spool.part_path(upload_id))
    with pytest.raises(ReadBackMismatchError):
        await spool.seal(upload_id)


async def test_a_failed_flush_does_not_make_the_first_half_be_forgotten(
    spool: Spool, upload_id: UploadId, monkeypatch: pytest.MonkeyPatch
) -> None:
    offset = await append(spool, upload_id, FIRST)
    with monkeypatch.context() as broken:
        broken.setattr(files, "sync_file", fail)
        with pytest.raises(StoreIoError):
            await append(spool, upload_id, SECOND, offset)
    await append(spool, upload_id, SECOND, offset)
    rot(spool.part_path(upload_id))
    with pytest.raises(ReadBackMismatchError):
        await spool.seal(upload_id)


async def test_a_promise_that_was_never_made_does_not_make_the_first_half_be_forgotten(
    spool: Spool, upload_id: UploadId
) -> None:
    offset = await append(spool, upload_id, FIRST)
    # Durable, but the database was away: the client goes on from the last promise.
    await append(spool, upload_id, SECOND, offset)
    assert await append(spool, upload_id, SECOND, offset) == len(FIRST + SECOND)
    rot(spool.part_path(upload_id))
    with pytest.raises(ReadBackMismatchError):
        await spool.seal(upload_id)


async def test_within_a_long_chunk_the_promise_before_the_last_is_remembered_too(
    spool: Spool, upload_id: UploadId
) -> None:
    async with spool.writer(upload_id) as writer:
        await writer.write(FIRST)
        offset = await writer.sync()
        await writer.write(SECOND)
        await writer.sync()
        await writer.write(SECOND)
    assert await append(spool, upload_id, SECOND, offset) == len(FIRST + SECOND)
    rot(spool.part_path(upload_id))
    with pytest.raises(ReadBackMismatchError):
        await spool.seal(upload_id)


async def test_after_a_mismatch_the_same_upload_starts_over(spool: Spool, upload_id: UploadId) -> None:
    await append(spool, upload_id, FIRST)
    rot(spool.part_path(upload_id))
    with pytest.raises(ReadBackMismatchError):
        await spool.seal(upload_id)
    await append(spool, upload_id, SECOND)
    assert (await spool.seal(upload_id)).checksum == Checksum.of(SECOND)


def fail(descriptor: int) -> None:
    raise OSError(errno.EIO, "lost")
