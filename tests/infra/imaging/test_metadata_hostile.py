"""Whatever the bytes are: an answer, of bounded size, that the database can hold."""

import json
import tempfile
import time
from pathlib import Path

import piexif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imaging_pictures import encoded, exif, exif_jpeg, jpeg_with_exif, quadrants

from afterglow.infra.imaging.metadata import Metadata, read_metadata
from afterglow.infra.imaging.metadata.reader import MAX_NOTES
from afterglow.infra.imaging.metadata.window import READ_BUDGET_BYTES

EXIF_BLOCK = exif(
    {piexif.ImageIFD.Make: "Canon", piexif.ImageIFD.Rating: 3, piexif.ImageIFD.XPKeywords: b"a\0;\0b\0"},
    {piexif.ExifIFD.DateTimeOriginal: "2001:01:01 01:01:01", piexif.ExifIFD.FNumber: (28, 10)},
    {piexif.GPSIFD.GPSLatitudeRef: "N", piexif.GPSIFD.GPSLatitude: ((48, 1), (51, 1), (0, 1))},
)
SMALL = quadrants(8, 8)
VALID = (
    exif_jpeg({piexif.ImageIFD.Make: "Canon"}, {piexif.ExifIFD.DateTimeOriginal: "2001:01:01 01:01:01"}),
    encoded(SMALL, "PNG", exif=EXIF_BLOCK),
    encoded(SMALL, "WEBP", exif=EXIF_BLOCK),
    encoded(SMALL, "GIF"),
    encoded(SMALL, "TIFF"),
)
MAX_ANSWER_CHARS = 500_000
MAX_CPU_S = 1.0  # the web server reads these files; the slowest takes a tenth of it

thorough = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(content: bytes) -> Metadata:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_metadata(Path(file.name))


def assert_storable(metadata: Metadata) -> None:
    """PostgreSQL's jsonb and text take it: finite numbers, valid UTF-8, no NUL; and it is not large."""
    texts = [metadata.camera_make, metadata.camera_model, metadata.lens, metadata.description, *metadata.keywords]
    written = json.dumps([dict(metadata.tags), texts, metadata.notes], allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in written
    assert len(written.encode()) < MAX_ANSWER_CHARS
    assert len(metadata.notes) <= MAX_NOTES
    assert metadata.orientation in range(1, 9)
    assert (metadata.latitude is None) == (metadata.longitude is None)
    assert metadata.latitude is None or (abs(metadata.latitude) <= 90 and abs(metadata.longitude or 0) <= 180)
    assert metadata.offset_minutes is None or -720 <= metadata.offset_minutes <= 840


@pytest.mark.req("ING-5")
@thorough
@given(st.binary(max_size=400))
def test_random_bytes(content: bytes) -> None:
    assert_storable(read(content))


@pytest.mark.req("ING-5")
@thorough
@given(st.binary(max_size=400))
def test_random_bytes_as_exif(content: bytes) -> None:
    for head in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        assert_storable(read(jpeg_with_exif(head + content)))


@pytest.mark.req("ING-5")
@thorough
@given(st.data())
def test_mutated_files(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(VALID)))
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    assert_storable(read(bytes(content)))
    assert_storable(read(bytes(content[:cut])))


@pytest.mark.req("ING-5")
@thorough
@given(st.data())
def test_mutated_exif(data: st.DataObject) -> None:
    content = bytearray(EXIF_BLOCK.removeprefix(b"Exif\0\0"))
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert_storable(read(jpeg_with_exif(bytes(content))))


def test_many_tags_that_share_their_bytes_stay_small() -> None:
    entries = b"".join(tag.to_bytes(2, "little") + b"\2\0\0\xf0\0\0\x08\0\0\0" for tag in range(1000, 3000))
    block = b"II*\0\x08\0\0\0" + (2000).to_bytes(2, "little") + entries
    metadata = read(jpeg_with_exif(block + b"\0\0\0\0" + b"x" * (60_000 - len(block))))
    assert_storable(metadata)
    assert "tags.cut" in metadata.notes or len(metadata.tags) <= 512


def test_a_file_is_read_within_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    read_bytes = 0
    pread = os.pread

    def counting(descriptor: int, length: int, offset: int) -> bytes:
        nonlocal read_bytes
        content = pread(descriptor, length, offset)
        read_bytes += len(content)
        return content

    monkeypatch.setattr(os, "pread", counting)
    segment = b"\xff\xe2\xff\xffICC_PROFILE\0\1\1".ljust(65537, b"\0")
    assert_storable(read(b"\xff\xd8" + segment * 256))
    assert READ_BUDGET_BYTES // 2 < read_bytes < 2 * READ_BUDGET_BYTES


@pytest.mark.corpus
@pytest.mark.req("ING-5", "ING-7")
@pytest.mark.parametrize("folder", ["exif", "formats", "malformed", "objects"])
def test_the_whole_corpus_is_answered(corpus: Path, folder: str) -> None:
    for path in sorted((corpus / folder).rglob("*")):
        if path.is_file():
            started_s = time.thread_time()
            assert_storable(read_metadata(path))
            assert time.thread_time() - started_s < MAX_CPU_S
