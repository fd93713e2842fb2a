"""What every object store promises; each adapter runs through the same suite."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from afterglow.infra.storage.errors import (
    AlreadyThereButDifferentError,
    BadKeyError,
    ObjectMissingError,
    SourceMissingError,
    StoreMissingError,
)
from afterglow.infra.storage.local import MARKER, LocalStore
from afterglow.infra.storage.memory import MemoryStore
from afterglow.infra.storage.port import ObjectStore, original_key
from afterglow.kernel.checksums import Checksum

pytestmark = pytest.mark.req("STO-1", "P-1")


async def make_local(tmp_path: Path) -> LocalStore:
    store = LocalStore("home", tmp_path / "originals")
    await store.initialise()
    return store


async def make_memory(tmp_path: Path) -> MemoryStore:
    return MemoryStore("home")


def unmount(store: ObjectStore) -> None:
    if isinstance(store, LocalStore):
        (store.root / MARKER).unlink()
    if isinstance(store, MemoryStore):
        store.is_mounted = False


MAKERS: dict[str, Callable[[Path], Awaitable[ObjectStore]]] = {"local": make_local, "memory": make_memory}


@pytest.fixture(params=sorted(MAKERS))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return await MAKERS[request.param](tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Callable[[bytes], Path]:
    """Make files to be stored."""

    def make(content: bytes) -> Path:
        path = tmp_path / f"{os.urandom(8).hex()}.part"
        path.write_bytes(content)
        return path

    return make


async def put(store: ObjectStore, source: Callable[[bytes], Path], content: bytes, key: str = "") -> str:
    checksum = Checksum.of(content)
    key = key or original_key(checksum)
    await store.put(key, source(content), checksum)
    return key


async def read(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def keys(store: ObjectStore, prefix: str = "", start_after: str | None = None) -> list[str]:
    return [found.key async for found in store.list_keys(prefix, start_after)]


SAMPLE = hashlib.shake_128(b"sample").digest(768_000)  # several stream chunks; no part of it is like another


class TestPut:
    async def test_stores_the_bytes_that_were_given(self, store, source) -> None:
        key = await put(store, source, SAMPLE)
        assert await read(await store.open_range(key)) == SAMPLE
        assert await store.hash(key) == Checksum.of(SAMPLE)

    async def test_moves_the_source_away(self, store, source) -> None:
        path = source(SAMPLE)
        result = await store.put("a/b", path, Checksum.of(SAMPLE))
        assert not path.exists()
        assert (result.size_bytes, result.was_there) == (len(SAMPLE), False)

    async def test_an_empty_file_is_an_object_too(self, store, source) -> None:
        key = await put(store, source, b"")
        assert await read(await store.open_range(key)) == b""
        assert await store.hash(key) == Checksum.of(b"")

    async def test_the_identical_object_is_found_and_the_source_removed(self, store, source) -> None:
        key = await put(store, source, SAMPLE)
        again = source(SAMPLE)
        result = await store.put(key, again, Checksum.of(SAMPLE))
        assert result.was_there
        assert not again.exists()

    async def test_other_bytes_under_the_key_are_refused_and_nothing_changes(self, store, source) -> None:
        key = await put(store, source, b"first", "k")
        other = source(b"other")
        with pytest.raises(AlreadyThereButDifferentError):
            await store.put(key, other, Checksum.of(b"other"))
        assert await read(await store.open_range(key)) == b"first"
        assert other.read_bytes() == b"other"

    async def test_puts_of_one_key_at_the_same_time_all_succeed(self, store, source) -> None:
        checksum = Checksum.of(SAMPLE)
        results = await asyncio.gather(*(store.put("same/key", source(SAMPLE), checksum) for _ in range(8)))
        assert [result.was_there for result in results].count(False) == 1
        assert await store.hash("same/key") == checksum

    async def test_of_two_contents_racing_for_one_key_one_wins_whole(self, store, source) -> None:
        contents = [b"a" * 100_000, b"b" * 100_000]
        results = await asyncio.gather(
            *(store.put("one", source(content), Checksum.of(content)) for content in contents), return_exceptions=True
        )
        assert sum(isinstance(result, AlreadyThereButDifferentError) for result in results) == 1
        assert await read(await store.open_range("one")) in contents

    async def test_a_missing_source_is_told(self, store, tmp_path) -> None:
        with pytest.raises(SourceMissingError):
            await store.put("k", tmp_path / "nothing", Checksum.of(b""))
        assert await store.stat("k") is None

    async def test_a_cancelled_put_is_over_when_it_returns(self, store, source) -> None:
        path = source(SAMPLE)
        task = asyncio.create_task(store.put("k", path, Checksum.of(SAMPLE)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stored = await store.stat("k")
        assert path.exists() != (stored is not None)


async def replace(store: ObjectStore, source: Callable[[bytes], Path], content: bytes, key: str) -> str | None:
    return await store.replace_corrupt(key, source(content), Checksum.of(content))


class TestReplaceCorrupt:
    async def test_the_right_bytes_get_the_key_and_the_wrong_ones_are_set_aside(self, store, source) -> None:
        key = await put(store, source, b"wrong", original_key(Checksum.of(SAMPLE)))
        path = source(SAMPLE)
        aside = await store.replace_corrupt(key, path, Checksum.of(SAMPLE))
        assert await read(await store.open_range(key)) == SAMPLE
        assert not path.exists()
        assert aside is not None
        assert aside.startswith(f"{key}.corrupt-")
        assert await read(await store.open_range(aside)) == b"wrong"
        assert await keys(store) == [key, aside]

    async def test_each_one_that_is_set_aside_is_kept(self, store, source) -> None:
        key = await put(store, source, b"first", "k")
        asides = [await replace(store, source, content, key) for content in (b"second", b"third")]
        assert await read(await store.open_range(key)) == b"third"
        assert [await read(await store.open_range(str(aside))) for aside in asides] == [b"first", b"second"]

    @pytest.mark.parametrize("was_there", [True, False])
    async def test_what_is_right_after_all_or_gone_is_put(self, store, source, was_there: bool) -> None:
        if was_there:
            await put(store, source, SAMPLE, "k")
        path = source(SAMPLE)
        assert await store.replace_corrupt("k", path, Checksum.of(SAMPLE)) is None
        assert not path.exists()
        assert await keys(store) == ["k"]
        assert await store.hash("k") == Checksum.of(SAMPLE)

    async def test_a_missing_source_changes_nothing(self, store, source, tmp_path) -> None:
        key = await put(store, source, b"wrong", "k")
        with pytest.raises(SourceMissingError):
            await store.replace_corrupt(key, tmp_path / "nothing", Checksum.of(SAMPLE))
        assert await read(await store.open_range(key)) == b"wrong"
        assert await keys(store) == [key]

    async def test_it_leaves_nothing_else_behind(self, store, source) -> None:
        key = await put(store, source, b"wrong", "k")
        await replace(store, source, SAMPLE, key)
        assert await store.remove_leftovers(timedelta(days=-1)) == 0


class TestRead:
    @pytest.mark.parametrize(
        ("start", "end"),
        [(0, 0), (0, 1), (1, 2), (0, None), (7, 300_000), (262_143, 262_145), (500_000, 10**9), (10**9, None)],
    )
    async def test_a_range_is_that_slice(self, store, source, start: int, end: int | None) -> None:
        key = await put(store, source, SAMPLE)
        assert await read(await store.open_range(key, start, end)) == SAMPLE[start:end]

    async def test_chunks_are_bounded(self, store, source) -> None:
        key = await put(store, source, SAMPLE)
        assert max([len(chunk) async for chunk in await store.open_range(key)]) <= 1 << 20

    async def test_a_missing_object_is_known_before_the_first_byte(self, store) -> None:
        with pytest.raises(ObjectMissingError):
            await store.open_range("no/such")
        with pytest.raises(ObjectMissingError):
            await store.hash("no/such")
        assert await store.stat("no/such") is None

    async def test_a_folder_of_keys_is_not_an_object(self, store, source) -> None:
        await put(store, source, b"x", "folder/key")
        assert await store.stat("folder") is None
        assert not await store.delete("folder")

    async def test_stat_tells_size_and_time(self, store, source) -> None:
        key = await put(store, source, SAMPLE)
        stat = await store.stat(key)
        assert stat is not None
        assert (stat.key, stat.size_bytes) == (key, len(SAMPLE))
        assert datetime.now(UTC) - timedelta(hours=1) < stat.modified_at <= datetime.now(UTC)

    async def test_a_local_path_leads_to_the_bytes(self, store, source) -> None:
        key = await put(store, source, SAMPLE)
        path = store.local_path(key)
        assert path is None or path.read_bytes() == SAMPLE


class TestDelete:
    async def test_removes_the_object_and_tells_whether_it_was_there(self, store, source) -> None:
        key = await put(store, source, SAMPLE)
        assert await store.delete(key)
        assert not await store.delete(key)
        assert await store.stat(key) is None

    async def test_a_deleted_object_can_be_put_again(self, store, source) -> None:
        key = await put(store, source, SAMPLE)
        await store.delete(key)
        await put(store, source, SAMPLE)
        assert await store.hash(key) == Checksum.of(SAMPLE)

    async def test_an_open_stream_reads_on_after_the_delete(self, store, source) -> None:
        key = await put(store, source, SAMPLE)
        chunks = await store.open_range(key)
        await store.delete(key)
        assert await read(chunks) == SAMPLE


class TestList:
    KEYS = ("ab-c", "ab/cd/e", "ab/cd/f", "ab/ce", "ab0", "b", "b.x/y", "c/d/e/f")

    @pytest.fixture
    async def filled(self, store, source) -> ObjectStore:
        for key in self.KEYS:
            await put(store, source, key.encode(), key)
        return store

    async def test_lists_in_the_order_of_the_keys(self, filled) -> None:
        assert await keys(filled) == sorted(self.KEYS)

    async def test_an_empty_store_lists_nothing(self, store) -> None:
        assert await keys(store) == []

    @pytest.mark.parametrize("prefix", ["a", "ab", "ab/", "ab/c", "ab/cd/f", "b.", "c/d/e/", "zz", "ab-"])
    async def test_a_prefix_is_any_beginning(self, filled, prefix: str) -> None:
        assert await keys(filled, prefix) == [key for key in sorted(self.KEYS) if key.startswith(prefix)]

    @pytest.mark.parametrize("start_after", [*KEYS, "", "a", "ab/", "ab/cd", "zz"])
    async def test_goes_on_after_a_key(self, filled, start_after: str) -> None:
        expected = [key for key in sorted(self.KEYS) if key > start_after]
        assert await keys(filled, start_after=start_after) == expected

    async def test_tells_sizes(self, filled) -> None:
        assert [found.size_bytes async for found in filled.list_keys("ab")] == [
            len(key) for key in sorted(self.KEYS) if key.startswith("ab")
        ]

    async def test_a_put_leaves_nothing_else_behind(self, filled) -> None:
        assert await filled.remove_leftovers(timedelta(days=-1)) == 0


class TestAbsence:
    @pytest.mark.parametrize(
        "use",
        [
            lambda store, source: store.put("k", source, Checksum.of(b"new")),
            lambda store, source: store.replace_corrupt("old", source, Checksum.of(b"new")),
            lambda store, _: store.open_range("old"),
            lambda store, _: store.stat("old"),
            lambda store, _: store.hash("old"),
            lambda store, _: store.delete("old"),
            lambda store, _: keys(store),
            lambda store, _: store.remove_leftovers(timedelta()),
            lambda store, _: store.check(),
            lambda store, _: store.usage(),
        ],
        ids=["put", "replace", "open", "stat", "hash", "delete", "list", "leftovers", "check", "usage"],
    )
    async def test_an_absent_disk_is_never_an_empty_store(self, store, source, use) -> None:
        await put(store, source, b"old", "old")
        unmount(store)
        path = source(b"new")
        with pytest.raises(StoreMissingError):
            await use(store, path)
        assert path.read_bytes() == b"new"

    async def test_a_present_store_passes_the_check(self, store) -> None:
        await store.check()
        usage = await store.usage()
        assert usage is None or 0 < usage.free_bytes <= usage.total_bytes


class TestKeys:
    @pytest.mark.parametrize("key", ["", "/", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a/.b", "a\0b", "A", "é"])
    async def test_what_is_no_key_is_refused_everywhere(self, store, source, key: str) -> None:
        path = source(b"x")
        for use in (
            lambda: store.put(key, path, Checksum.of(b"x")),
            lambda: store.replace_corrupt(key, path, Checksum.of(b"x")),
            lambda: store.open_range(key),
            lambda: store.stat(key),
            lambda: store.hash(key),
            lambda: store.delete(key),
        ):
            with pytest.raises(BadKeyError):
                await use()
        with pytest.raises(BadKeyError):
            store.local_path(key)
