"""The contract suite finds out a store that lies, and an adapter finds out the disk below it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import test_object_store as contract

from afterglow.infra.storage.errors import CopyMismatchError, ObjectMissingError, ShortReadError, StoreIoError
from afterglow.infra.storage.local import LocalStore
from afterglow.infra.storage.port import original_key
from afterglow.kernel.checksums import Checksum
from factories.lying_disk import LyingDisk, lose_links, refuse_links_of_parts
from factories.lying_store import FAILURES, UNTRUTHS, Lie, LyingStore

CHECKSUM = Checksum.of(contract.SAMPLE)
BROKEN_PROMISES = (AssertionError, ObjectMissingError, ShortReadError)

pytestmark = pytest.mark.req("P-2", "STO-1")


@pytest.fixture
async def local(tmp_path: Path) -> LocalStore:
    return await contract.make_local(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Callable[[bytes], Path]:
    def make(content: bytes) -> Path:
        path = tmp_path / "sent.part"
        path.write_bytes(content)
        return path

    return make


@pytest.mark.parametrize("lie", [lie for lie in UNTRUTHS if lie is not Lie.FORGETS])
async def test_a_store_that_acknowledges_what_is_not_so_fails_the_contract(local, source, lie: Lie) -> None:
    with pytest.raises(BROKEN_PROMISES):
        await contract.TestPut().test_stores_the_bytes_that_were_given(LyingStore(local, iter([lie])), source)


async def test_a_store_that_forgets_is_found_out_when_it_is_started_again(local, source) -> None:
    store = LyingStore(local, iter([Lie.FORGETS]))
    key = await contract.put(store, source, contract.SAMPLE)
    store.restart()
    with pytest.raises(BROKEN_PROMISES):
        await store.hash(key)


async def test_an_honest_plan_changes_nothing(local, source) -> None:
    await contract.TestPut().test_stores_the_bytes_that_were_given(LyingStore(local), source)


@pytest.mark.parametrize("lie", [lie for lie in FAILURES if lie not in {Lie.SLOW, Lie.LATE_ERROR}])
async def test_whatever_fails_the_source_stays_and_the_next_put_finishes(local, source, lie: Lie) -> None:
    store, path = LyingStore(local, iter([lie])), source(contract.SAMPLE)
    with pytest.raises(Exception, match=r".") as failed:
        await store.put(original_key(CHECKSUM), path, CHECKSUM)
    assert failed.value.code in {"store.io", "storage-full"}
    assert path.read_bytes() == contract.SAMPLE
    await store.put(original_key(CHECKSUM), path, CHECKSUM)
    assert await store.hash(original_key(CHECKSUM)) == CHECKSUM


class TestLocalDisk:
    @pytest.mark.parametrize("lie", [Lie.LOSES, Lie.TRUNCATES, Lie.FLIPS, Lie.REORDERS])
    async def test_a_copy_is_read_back_before_it_gets_its_name(self, local, source, monkeypatch, lie: Lie) -> None:
        path = source(contract.SAMPLE)
        refuse_links_of_parts(monkeypatch)
        LyingDisk(iter([lie])).install(monkeypatch)
        with pytest.raises(CopyMismatchError):
            await local.put("a/b", path, CHECKSUM)
        assert await contract.keys(local) == []
        assert await local.remove_leftovers(contract.timedelta(days=-1)) == 0
        await local.put("a/b", path, CHECKSUM)
        assert await local.hash("a/b") == CHECKSUM

    @pytest.mark.parametrize("is_copying", [False, True], ids=["linked", "copied"])
    async def test_a_name_is_looked_up_before_the_source_goes(
        self, local, source, monkeypatch, is_copying: bool
    ) -> None:
        path = source(contract.SAMPLE)
        if is_copying:
            path.with_suffix(".second").hardlink_to(path)
        with monkeypatch.context() as lying:
            lose_links(lying)
            with pytest.raises(StoreIoError):
                await local.put("a/b", path, CHECKSUM)
        assert path.read_bytes() == contract.SAMPLE
        assert await local.stat("a/b") is None
        await local.put("a/b", path, CHECKSUM)
        assert await local.hash("a/b") == CHECKSUM
