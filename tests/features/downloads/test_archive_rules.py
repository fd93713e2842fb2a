"""Names and bytes of archives, decided without a photo."""

import io
import struct
import unicodedata
import zipfile
import zlib
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.features.downloads.models import ArchivePlan, ChosenFile, Entry, Item, MissingReason
from afterglow.features.downloads.rules.layout import (
    cut,
    descriptor,
    directory_end,
    directory_record,
    entry_bytes,
    local_header,
)
from afterglow.features.downloads.rules.manifest import manifest_parts
from afterglow.features.downloads.rules.names import MAX_NAME_BYTES, UNNAMED, assign_names, folded, safe_name
from afterglow.features.downloads.rules.plan import plan_archive
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId

NOON = datetime(2024, 6, 15, 12, 30, 16)
GIB = 1024**3
TRICKY = [
    "a.jpg", "A.JPG", "a (1).jpg", "a.jpg ", "../a.jpg", "CON", "con.txt", "LPT1.jpg", "", ".", "..", "manifest.json",
    "MANIFEST.JSON", "x" * 300 + ".jpg", "ä" * 200, "e\u0301.jpg", "\u00e9.jpg", "a\u202egpj.exe", "a\0b", "ﬁ.jpg",
    "fi.jpg", ".hidden", "no extension", "a.b" * 90,
]  # fmt: skip
names = st.one_of(st.sampled_from(TRICKY), st.text(max_size=40), st.text("ab.( )1", max_size=8))


@pytest.mark.req("DWN-2")
@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a.jpg", "a.jpg"),
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("C:\\x\\y.jpg", "C__x_y.jpg"),
        ("what?*<now>|.jpg", "what__<now>_.jpg".replace("<", "_").replace(">", "_")),
        ("a\tb\x7f\r\n.jpg", "ab.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("CON", "_CON"),
        ("aux.jpg", "_aux.jpg"),
        ("lpt9 .txt", "_lpt9 .txt"),
        ("console.jpg", "console.jpg"),
        ("trailing. . ", "trailing"),
        ("e\u0301.jpg", "\u00e9.jpg"),
        ("", UNNAMED),
        ("...", UNNAMED),
        ("\u202e", UNNAMED),
        (".hidden", ".hidden"),
    ],
)
def test_names_are_safe_to_unpack(text: str, safe: str) -> None:
    assert safe_name(text) == safe


@pytest.mark.req("DWN-2")
def test_long_names_keep_their_extension() -> None:
    assert safe_name("ä" * 300 + ".heic").endswith("ä.heic")
    (given_names,) = zip(*assign_names([["ä" * 300 + ".heic"]] * 12), strict=True)
    assert all(len(name.encode()) <= MAX_NAME_BYTES for name in given_names)
    assert len(set(given_names)) == 12


@pytest.mark.req("DWN-2")
@given(st.lists(st.lists(names, max_size=4), max_size=20))
def test_names_are_unique_everywhere_and_always_the_same(groups: list[list[str]]) -> None:
    assigned = assign_names(groups, taken=["manifest.json"])
    assert assigned == assign_names(groups, taken=["manifest.json"])
    assert [len(group) for group in assigned] == [len(group) for group in groups]
    flat = [name for group in assigned for name in group]
    assert len({folded(name) for name in flat} | {folded("manifest.json")}) == len(flat) + 1
    for name in flat:
        assert name == unicodedata.normalize("NFC", name)
        assert not set(name) & set('<>:"/\\|?*')
        assert name == name.strip().rstrip(".")
        assert 0 < len(name.encode()) <= MAX_NAME_BYTES
        assert all(unicodedata.category(char) not in ("Cc", "Cs") for char in name)


@pytest.mark.req("DWN-2")
def test_files_of_one_photo_share_their_number() -> None:
    assert assign_names([["i.heic"], ["i.heic"], ["I.HEIC", "i.mov"], ["j.jpg"]]) == [
        ["i.heic"],
        ["i (1).heic"],
        ["I (2).HEIC", "i (2).mov"],
        ["j.jpg"],
    ]
    assert assign_names([["a.jpg", "A.jpg"]]) == [["a.jpg", "A (1).jpg"]]


@pytest.mark.req("DWN-2")
def test_a_great_many_of_one_name_are_told_apart() -> None:
    assigned = assign_names([["image.jpg"]] * 50_000)
    assert assigned[-1] == ["image (49999).jpg"]
    assert len({folded(name) for (name,) in assigned}) == 50_000


def file(number: int, name: str = "a.jpg", size_bytes: int = 10, photo: int | None = None) -> ChosenFile:
    photo_id = PhotoId(UUID(int=number if photo is None else photo))
    checksum = Checksum.of(str(number).encode())
    return ChosenFile(photo_id, "primary", name, checksum, size_bytes, NOON, NOON.replace(tzinfo=UTC), False)


def planned(files: list[ChosenFile]) -> ArchivePlan:
    held: dict[Checksum, int | None] = {file.checksum: file.size_bytes for file in files if file.checksum}
    return plan_archive(files, held, NOON.replace(tzinfo=UTC))


def written(plan: ArchivePlan, contents: dict[Checksum, bytes]) -> bytes:
    """Write an archive as its plan says, in one go."""
    manifest_bytes = b"".join(manifest_parts(NOON.replace(tzinfo=UTC), plan.items, plan.missing_text))
    assert (len(manifest_bytes), zlib.crc32(manifest_bytes)) == (plan.manifest_bytes, plan.manifest_crc32)
    manifest = Entry("manifest.json", plan.manifest_bytes, NOON, 0)
    pairs = [(manifest, manifest_bytes), *((item.entry, contents[item.checksum]) for item in plan.items)]
    body, directory = b"", b""
    for entry, content in pairs:
        assert entry.offset_bytes == len(body)
        body += local_header(entry) + content + descriptor(entry, zlib.crc32(content))
        directory += directory_record(entry, zlib.crc32(content))
    assert len(body) == plan.directory_offset
    return body + directory + directory_end(len(pairs), len(body), len(directory))


@pytest.mark.req("DWN-2")
@given(st.lists(st.tuples(names, st.binary(max_size=50)), max_size=8))
def test_what_is_planned_is_a_zip_file_of_that_size(drawn: list[tuple[str, bytes]]) -> None:
    files = [file(number, name, len(content)) for number, (name, content) in enumerate(drawn)]
    plan = planned(files)
    contents = {one.checksum: content for one, (_, content) in zip(files, drawn, strict=True) if one.checksum}
    archive = written(plan, contents)
    assert len(archive) == plan.size_bytes
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["manifest.json", *(item.name for item in plan.items)]
        assert [opened.read(item.name) for item in plan.items] == [content for _, content in drawn]
        assert all(info.date_time == (2024, 6, 15, 12, 30, 16) for info in opened.infolist())


@pytest.mark.req("DWN-2")
def test_the_tag_follows_from_the_files_alone() -> None:
    files = [file(1), file(2)]
    assert planned(files).tag == planned(files).tag
    others = [[file(1)], [file(2), file(1)], [file(1), file(2, size_bytes=11)], [file(1), file(2, "b.jpg")]]
    assert len({planned(files).tag, *(planned(other).tag for other in others)}) == 5


@pytest.mark.req("DWN-2")
@pytest.mark.parametrize(
    ("held_bytes", "reason"),
    [(None, MissingReason.MISSING), (9, MissingReason.DAMAGED)],
)
def test_what_the_store_has_not_is_missing(held_bytes: int | None, reason: MissingReason) -> None:
    one = file(1)
    assert one.checksum
    plan = plan_archive([one], {one.checksum: held_bytes}, NOON.replace(tzinfo=UTC))
    assert [(entry.file, entry.reason) for entry in plan.missing] == [(one, reason)]
    assert not plan.items


class TestBeyondFourGiB:
    """ZIP64, without the bytes: a reader is shown the ends of the archive, and nothing where the photos would be."""

    class Sparse(io.RawIOBase):
        """A file of which only the last bytes are there."""

        def __init__(self, size: int, tail: bytes) -> None:
            self.size, self.tail, self.at = size, tail, 0

        def seekable(self) -> bool:
            return True

        def readable(self) -> bool:
            return True

        def tell(self) -> int:
            return self.at

        def seek(self, offset: int, whence: int = 0) -> int:
            self.at = offset + (0, self.at, self.size)[whence]
            return self.at

        def read(self, count: int = -1) -> bytes:
            start = self.at - (self.size - len(self.tail))
            assert start >= 0, "that would be a photo"
            got = self.tail[start:] if count < 0 else self.tail[start : start + count]
            self.at += len(got)
            return got

    def infos(self, plan: ArchivePlan, crc32: int = 7) -> list[zipfile.ZipInfo]:
        manifest = Entry("manifest.json", plan.manifest_bytes, NOON, 0)
        entries = [manifest, *(item.entry for item in plan.items)]
        directory = b"".join(directory_record(entry, crc32) for entry in entries)
        tail = directory + directory_end(len(entries), plan.directory_offset, len(directory))
        assert plan.directory_offset + len(tail) == plan.size_bytes
        with zipfile.ZipFile(self.Sparse(plan.size_bytes, tail)) as opened:
            return opened.infolist()

    @pytest.mark.req("DWN-2")
    @pytest.mark.parametrize("size_bytes", [2**32 - 2, 2**32 - 1, 2**32, 6 * GIB])
    def test_large_files_and_far_offsets(self, size_bytes: int) -> None:
        plan = planned([file(1, size_bytes=size_bytes), file(2), file(3, size_bytes=5 * GIB), file(4)])
        infos = self.infos(plan)
        assert [info.file_size for info in infos[1:]] == [size_bytes, 10, 5 * GIB, 10]
        assert [info.header_offset for info in infos[1:]] == [item.offset_bytes for item in plan.items]
        assert {info.CRC for info in infos} == {7}

    @pytest.mark.req("DWN-2")
    @pytest.mark.parametrize("count", [65_533, 65_534, 65_535])
    def test_more_entries_than_sixteen_bits_count(self, count: int) -> None:
        assert len(self.infos(planned([file(number) for number in range(count)]))) == count + 1

    @pytest.mark.req("DWN-2")
    def test_a_large_file_says_so_before_and_behind_its_bytes(self) -> None:
        small, large = Entry("a", 2**32 - 2, NOON, 0), Entry("a", 2**32 - 1, NOON, 0)
        assert len(local_header(large)) == len(local_header(small)) + 20
        assert descriptor(small, 1) == struct.pack("<4sIII", b"PK\7\x08", 1, 2**32 - 2, 2**32 - 2)
        assert descriptor(large, 1) == struct.pack("<4sIQQ", b"PK\7\x08", 1, 2**32 - 1, 2**32 - 1)
        assert entry_bytes(large) == len(local_header(large)) + large.size_bytes + 24


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(1826, 6, 1), (1980, 1, 1, 0, 0, 0)),
        (datetime(1980, 1, 1, 0, 0, 3), (1980, 1, 1, 0, 0, 2)),
        (datetime(2107, 12, 31, 23, 59, 59), (2107, 12, 31, 23, 59, 58)),
        (datetime(9999, 1, 1), (2107, 12, 31, 23, 59, 58)),
    ],
)
def test_times_that_the_format_can_not_tell_become_the_nearest(moment: datetime, shown: tuple[int, ...]) -> None:
    entry = Entry("a", 0, moment, 0)
    body = local_header(entry) + descriptor(entry, 0)
    record = directory_record(entry, 0)
    with zipfile.ZipFile(io.BytesIO(body + record + directory_end(1, len(body), len(record)))) as opened:
        assert opened.infolist()[0].date_time == shown


@given(st.binary(max_size=20), st.integers(0, 30), st.integers(0, 60), st.integers(0, 60))
def test_a_cut_is_what_of_a_piece_lies_in_the_range(piece: bytes, at: int, start: int, end: int) -> None:
    whole = bytes(at) + piece
    inside = whole[: max(end, 0)][max(start, at) :] if end > start else b""
    assert cut(piece, at, start, max(start, end)) == inside


def test_items_know_their_entries() -> None:
    plan = planned([file(1), file(2)])
    first, second = plan.items
    assert isinstance(first, Item)
    assert second.offset_bytes - first.offset_bytes == entry_bytes(first.entry)
    assert second.record_offset - first.record_offset == len(directory_record(first.entry, 0))
