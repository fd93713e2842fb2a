"""One file through one upload session, over real connections that break."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_photo_server import PhotoServer, Trouble
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterglow.entry.cli.api import TRIES, Api, FixedToken
from afterglow.entry.cli.upload.files import FoundFile
from afterglow.entry.cli.upload.outcomes import Outcome, Verdict
from afterglow.entry.cli.upload.resume import ResumeStore
from afterglow.entry.cli.upload.transfer import Transfer

SIZE = 300_000


@pytest.fixture
def api(photos: PhotoServer) -> Iterator[Api]:
    with Api(photos.url, FixedToken("given-token")) as client:
        yield client


class Uploads:
    """Uploads of files from a folder; pauses are counted, not waited for."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.api, self.folder = api, folder
        self.resume = ResumeStore(api.server, folder / "resume")
        self.moved_bytes = 0
        self.pauses: list[float] = []

    def transfer(self, content: bytes, checksum: str | None = None) -> Transfer:
        path = self.folder / "a.jpg"
        path.write_bytes(content)
        file = FoundFile(path, len(content), path.stat().st_mtime_ns)
        checksum = checksum or hashlib.sha256(content).hexdigest()
        return Transfer(self.api, self.resume, file, checksum, on_bytes=self.move, pause=self.pauses.append)

    def run(self, content: bytes) -> Outcome:
        return self.transfer(content).run()

    def move(self, size_bytes: int) -> None:
        self.moved_bytes += size_bytes


@pytest.fixture
def uploads(api: Api, tmp_path: Path) -> Uploads:
    return Uploads(api, tmp_path)


def is_there(photos: PhotoServer, content: bytes) -> bool:
    return photos.photos.get(hashlib.sha256(content).hexdigest()) == content


@pytest.mark.req("ECO-4", "ING-1")
def test_a_file_arrives_whole_in_chunks_of_the_size_that_the_server_names(
    photos: PhotoServer, uploads: Uploads
) -> None:
    content = os.urandom(SIZE)
    outcome = uploads.run(content)
    assert outcome.verdict is Verdict.UPLOADED
    assert outcome.photo_id == photos.photo_ids[outcome.checksum or ""]
    assert is_there(photos, content)
    assert photos.count("PUT") == -(-SIZE // photos.chunk_size)
    assert uploads.moved_bytes == SIZE


@pytest.mark.req("ECO-4", "ING-1")
def test_bytes_that_the_server_has_are_not_sent(photos: PhotoServer, uploads: Uploads) -> None:
    content = os.urandom(SIZE)
    photos.add_photo(content)
    assert uploads.run(content).verdict is Verdict.DUPLICATE
    assert photos.received_bytes == 0


@pytest.mark.req("SYN-4")
def test_what_was_deleted_for_good_is_skipped(photos: PhotoServer, uploads: Uploads) -> None:
    content = os.urandom(SIZE)
    photos.tombstones.add(hashlib.sha256(content).hexdigest())
    outcome = uploads.run(content)
    assert (outcome.verdict, outcome.reason) == (Verdict.SKIPPED, "deleted for good on the server earlier")
    assert photos.received_bytes == 0


@pytest.mark.req("ECO-4", "P-4")
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(min_value=0, max_value=70_000), min_size=1, max_size=6))
def test_wherever_connections_break_the_photo_is_there_once_and_no_byte_twice(
    photos: PhotoServer, uploads: Uploads, cuts: list[int]
) -> None:
    content = os.urandom(SIZE)
    photos.troubles.extend(Trouble("PUT", cut_after_bytes=cut) for cut in cuts)
    before, moved = photos.received_bytes, uploads.moved_bytes
    assert uploads.run(content).verdict is Verdict.UPLOADED
    photos.troubles.clear()
    assert is_there(photos, content)
    assert photos.received_bytes - before == SIZE
    assert uploads.moved_bytes - moved == SIZE


def test_a_busy_server_is_asked_again_after_the_pause_that_it_wishes(photos: PhotoServer, uploads: Uploads) -> None:
    photos.troubles.append(Trouble("POST /api/upload-sessions", status=503, headers={"retry-after": "7"}))
    assert uploads.run(os.urandom(SIZE)).verdict is Verdict.UPLOADED
    assert uploads.pauses == [7]


def test_a_wrong_offset_is_put_right_by_what_the_server_says(photos: PhotoServer, uploads: Uploads) -> None:
    content = os.urandom(SIZE)
    photos.troubles.append(Trouble("PUT", lose_answer=True))
    photos.troubles.append(Trouble("GET", lose_answer=True))
    assert uploads.run(content).verdict is Verdict.UPLOADED
    assert photos.received_bytes == SIZE


@pytest.mark.req("ECO-4", "P-4")
def test_an_interrupted_upload_goes_on_in_the_next_run(photos: PhotoServer, uploads: Uploads) -> None:
    class CtrlCError(Exception):
        pass

    def press_ctrl_c(size_bytes: int) -> None:
        uploads.moved_bytes += size_bytes
        if uploads.moved_bytes > SIZE / 2:
            raise CtrlCError

    content = os.urandom(SIZE)
    first = uploads.transfer(content)
    first._on_bytes = press_ctrl_c
    with pytest.raises(CtrlCError):
        first.run()
    (session_id,) = photos.sessions
    kept = len(photos.sessions[session_id].content)
    assert kept >= photos.chunk_size
    assert uploads.run(content).verdict is Verdict.UPLOADED
    assert is_there(photos, content)
    assert photos.count("POST /api/upload-sessions/") == 1
    assert photos.count("POST /api/upload-sessions") == 2
    assert uploads.resume.find(hashlib.sha256(content).hexdigest()) is None


def test_a_session_that_the_server_forgot_is_begun_anew(photos: PhotoServer, uploads: Uploads) -> None:
    content = os.urandom(SIZE)
    uploads.resume.remember(hashlib.sha256(content).hexdigest(), "00000000-0000-7000-8000-000000000000")
    assert uploads.run(content).verdict is Verdict.UPLOADED


@pytest.mark.req("P-2")
def test_a_lost_answer_to_complete_is_not_a_lost_photo_nor_a_duplicate(photos: PhotoServer, uploads: Uploads) -> None:
    content = os.urandom(SIZE)
    photos.troubles.append(Trouble("/complete", lose_answer=True))
    outcome = uploads.run(content)
    assert outcome.verdict is Verdict.UPLOADED
    assert outcome.photo_id == photos.photo_ids[outcome.checksum or ""]
    assert photos.received_bytes == SIZE


@pytest.mark.req("P-1")
def test_a_file_that_changed_after_it_was_hashed_is_not_taken_for_uploaded(
    photos: PhotoServer, uploads: Uploads
) -> None:
    outcome = uploads.transfer(os.urandom(SIZE), checksum="0" * 64).run()
    assert outcome.verdict is Verdict.FAILED
    assert "checksum-mismatch" in (outcome.reason or "")
    assert photos.photos == {}


def test_a_type_that_the_server_does_not_take_is_skipped_with_its_words(photos: PhotoServer, uploads: Uploads) -> None:
    photos.refuses_content = b"%PDF"
    outcome = uploads.run(b"%PDF and more")
    assert (outcome.verdict, outcome.reason) == (Verdict.SKIPPED, "the detail of unsupported-type")


def test_a_server_that_stays_away_fails_the_file_in_the_end(photos: PhotoServer, uploads: Uploads) -> None:
    photos.troubles.extend(Trouble("POST", status=503) for _ in range(100))
    outcome = uploads.run(os.urandom(SIZE))
    assert outcome.verdict is Verdict.FAILED
    assert "run again" in (outcome.reason or "")
    assert len(uploads.pauses) == TRIES - 1
    assert uploads.pauses == sorted(uploads.pauses)


def test_nobody_listening_fails_the_file_in_the_end(tmp_path: Path) -> None:
    with Api("http://127.0.0.1:9", FixedToken("given-token")) as nobody:
        outcome = Uploads(nobody, tmp_path).run(os.urandom(10))
    assert outcome.verdict is Verdict.FAILED
    assert "no answer from http://127.0.0.1:9" in (outcome.reason or "")


def test_a_file_that_cannot_be_read_fails_alone(photos: PhotoServer, uploads: Uploads) -> None:
    transfer = uploads.transfer(os.urandom(SIZE))
    (uploads.folder / "a.jpg").unlink()
    outcome = transfer.run()
    assert outcome.verdict is Verdict.FAILED
    assert "cannot be read" in (outcome.reason or "")
