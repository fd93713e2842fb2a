import hashlib
import os
from pathlib import Path

import pytest

from afterglow.entry.cli.upload.files import FoundFile, checksum_of, read_pieces, walk
from afterglow.entry.cli.upload.outcomes import Outcome, Verdict


def found(path: Path) -> FoundFile:
    status = path.stat()
    return FoundFile(path, status.st_size, status.st_mtime_ns)


def test_every_file_of_a_folder_is_found_or_accounted_for(tmp_path: Path) -> None:
    (tmp_path / "trip").mkdir()
    for name in ("b.JPG", "trip/a.heic", "notes.txt", ".hidden.jpg"):
        (tmp_path / name).write_bytes(b"content")
    (tmp_path / "empty.png").touch()
    results = {one.path.name: one for one in walk([tmp_path])}
    assert {name for name, one in results.items() if isinstance(one, FoundFile)} == {"b.JPG", "a.heic"}
    reasons = {name: one.reason for name, one in results.items() if isinstance(one, Outcome)}
    assert reasons == {
        "notes.txt": "not a photo or video by its name",
        ".hidden.jpg": "a hidden file",
        "empty.png": "empty",
    }


def test_a_file_that_is_named_is_offered_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "scan.bin"
    file.write_bytes(b"content")
    assert list(walk([file])) == [found(file)]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"content")
    (tmp_path / "circle").symlink_to(tmp_path)
    assert [one.path.name for one in walk([tmp_path])] == ["a.jpg"]


def test_what_is_not_a_regular_file_is_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert [(one.verdict, one.reason) for one in walk([tmp_path]) if isinstance(one, Outcome)] == [
        (Verdict.SKIPPED, "not a regular file")
    ]


def test_a_dangling_link_is_a_failure_not_a_silence(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere")
    (outcome,) = walk([tmp_path])
    assert isinstance(outcome, Outcome)
    assert outcome.verdict is Verdict.FAILED


def test_the_checksum_is_sha_256_of_all_bytes(tmp_path: Path) -> None:
    content = os.urandom(2_500_000)
    file = tmp_path / "a.jpg"
    file.write_bytes(content)
    assert checksum_of(found(file), lambda: None) == hashlib.sha256(content).hexdigest()


def test_pieces_are_exactly_the_part_that_was_asked_for(tmp_path: Path) -> None:
    content = os.urandom(2_500_000)
    file = tmp_path / "a.jpg"
    file.write_bytes(content)
    assert b"".join(read_pieces(found(file), 1_000, 2_000_000)) == content[1_000:2_001_000]


def test_a_file_that_became_shorter_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"123")
    with pytest.raises(OSError, match="shorter"):
        list(read_pieces(found(file), 0, 4))
