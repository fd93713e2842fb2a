"""The pipeline of an upload: find and hash files, ask in batches which the server has, upload the rest side by side."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore, Event, Lock
from typing import Final

from afterglow.entry.cli.api import Api, patiently
from afterglow.entry.cli.upload.files import FoundFile, checksum_of, walk
from afterglow.entry.cli.upload.outcomes import Outcome, Verdict
from afterglow.entry.cli.upload.report import Report
from afterglow.entry.cli.upload.resume import ResumeStore
from afterglow.entry.cli.upload.transfer import Transfer
from afterglow.kernel.errors import AfterglowError
from afterglow.kernel.units import MIB

HASH_THREADS: Final = 2
HASH_AHEAD: Final = 64
"""Files that are hashed before they are needed."""
BATCH_FILES: Final = 500
BATCH_BYTES: Final = 256 * MIB
"""A batch is asked about when it has so many files or bytes: the first upload should not wait for 500 videos."""
KNOWN_STATES: Final = {"stored", "replicated"}
"""Of a file that is only `received` the server may have lost the original, and takes it again."""
INTERRUPTED_CODE: Final = 130


class InterruptedUploadError(Exception):
    """Somebody pressed Ctrl-C; raised in every thread at its next step."""


@dataclass(frozen=True, slots=True)
class HashedFile:
    """A file and its checksum."""

    file: FoundFile
    checksum: str


def upload_paths(api: Api, paths: Sequence[Path], *, parallel: int, as_json: bool) -> int:
    """Upload all files at and below paths; return the exit code: 0, 1 if a file failed, 130 if interrupted."""
    report = Report(as_json=as_json)
    upload = Upload(api, report, parallel=parallel)
    with report.shown(sum(found.size_bytes for found in walk(paths) if isinstance(found, FoundFile))):
        upload.run(paths)
    report.close(interrupted=upload.is_interrupted)
    return INTERRUPTED_CODE if upload.is_interrupted else report.totals.exit_code


class Upload:
    """One run over many files. Memory is bounded: by the windows of both pools, not by the number of files."""

    def __init__(self, api: Api, report: Report, *, parallel: int) -> None:
        self._api, self._report, self._parallel = api, report, parallel
        self._resume = ResumeStore(api.server)
        self._stop = Event()
        self._slots = BoundedSemaphore(2 * parallel)
        self._twins = Twins()
        self._given_up: str | None = None

    @property
    def is_interrupted(self) -> bool:
        """Whether the run ended before its last file."""
        return self._stop.is_set()

    def run(self, paths: Sequence[Path]) -> None:
        """Give every file an outcome, unless interrupted."""
        self._resume.sweep()
        hashers = ThreadPoolExecutor(HASH_THREADS, thread_name_prefix="hash")
        uploaders = ThreadPoolExecutor(self._parallel, thread_name_prefix="upload")
        try:
            for batch in batches(self._hashed(hashers, walk(paths))):
                known = self._ask(batch)
                for hashed in batch:
                    self._take(uploaders, hashed, known)
            uploaders.shutdown()
        except (KeyboardInterrupt, InterruptedUploadError):
            self._stop.set()
        finally:
            hashers.shutdown(cancel_futures=True)
            uploaders.shutdown(cancel_futures=True)

    def _hashed(self, hashers: ThreadPoolExecutor, found: Iterable[FoundFile | Outcome]) -> Iterator[HashedFile]:
        """Yield files with their checksums, in order, reading some of them ahead; settle those that drop out."""
        ahead: deque[Future[HashedFile | Outcome]] = deque()
        for one in found:
            if isinstance(one, Outcome):
                self._report.settle(one)
                continue
            ahead.append(hashers.submit(self._hash, one))
            if len(ahead) >= HASH_AHEAD:
                yield from self._hashed_or_settled(ahead.popleft())
        while ahead:
            yield from self._hashed_or_settled(ahead.popleft())

    def _hashed_or_settled(self, future: Future[HashedFile | Outcome]) -> Iterator[HashedFile]:
        result = future.result()
        if isinstance(result, Outcome):
            self._report.settle(result)
        else:
            yield result

    def _hash(self, file: FoundFile) -> HashedFile | Outcome:
        if self._given_up is not None:
            return Outcome(file.path, Verdict.FAILED, file.size_bytes, reason=self._given_up)
        try:
            checksum = checksum_of(file, self._keep_going)
        except OSError as error:
            return Outcome(file.path, Verdict.FAILED, file.size_bytes, reason=f"cannot be read: {error.strerror}")
        self._report.hashed(file.size_bytes)
        return HashedFile(file, checksum)

    def _ask(self, batch: Sequence[HashedFile]) -> Mapping[str, str | None]:
        """Return which of the checksums the server has for this account, with the ids of their photos."""
        checksums = sorted({hashed.checksum for hashed in batch})
        try:
            answer = patiently(
                lambda: self._api.call("POST", "/api/receipts", json={"checksums": checksums}), self._pause
            )
        except AfterglowError as error:
            self._given_up = error.message
            return {}
        return {item["checksum"]: item.get("photoId") for item in answer["items"] if item.get("state") in KNOWN_STATES}

    def _take(self, uploaders: ThreadPoolExecutor, hashed: HashedFile, known: Mapping[str, str | None]) -> None:
        """Settle a file that the server has, and one that cannot be uploaded any more; upload the others."""
        if hashed.checksum in known:
            self._settle(hashed, Verdict.DUPLICATE, photo_id=known[hashed.checksum])
        elif self._given_up is not None:
            self._settle(hashed, Verdict.FAILED, reason=self._given_up)
        elif not self._twins.joined(hashed):
            self._report.queued(hashed.file.size_bytes)
            self._slots.acquire()
            uploaders.submit(self._upload, hashed)

    def _upload(self, hashed: HashedFile) -> None:
        try:
            transfer = Transfer(
                self._api, self._resume, hashed.file, hashed.checksum, on_bytes=self._sent, pause=self._pause
            )
            outcome = transfer.run()
            self._report.settle(outcome)
            for twin in self._twins.leave(hashed):
                verdict = Verdict.DUPLICATE if outcome.verdict is Verdict.UPLOADED else outcome.verdict
                self._settle(twin, verdict, photo_id=outcome.photo_id, reason=outcome.reason)
        except InterruptedUploadError:
            pass
        finally:
            self._slots.release()

    def _settle(
        self, hashed: HashedFile, verdict: Verdict, *, photo_id: str | None = None, reason: str | None = None
    ) -> None:
        file = hashed.file
        self._report.settle(Outcome(file.path, verdict, file.size_bytes, hashed.checksum, photo_id, reason))

    def _sent(self, size_bytes: int) -> None:
        self._keep_going()
        self._report.sent(size_bytes)

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise InterruptedUploadError

    def _keep_going(self) -> None:
        if self._stop.is_set():
            raise InterruptedUploadError


class Twins:
    """Files with the same bytes as one that is being uploaded: they wait for its outcome instead of racing it."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[HashedFile]] = {}
        self._lock = Lock()

    def joined(self, hashed: HashedFile) -> bool:
        """Return whether a twin is on its way, and the file waits for it; if not, the file itself is now on its way."""
        with self._lock:
            waiting = self._waiting.get(hashed.checksum)
            if waiting is None:
                self._waiting[hashed.checksum] = []
                return False
            waiting.append(hashed)
            return True

    def leave(self, hashed: HashedFile) -> list[HashedFile]:
        """Return the files that waited for this one, which is no longer on its way."""
        with self._lock:
            return self._waiting.pop(hashed.checksum)


def batches(files: Iterable[HashedFile]) -> Iterator[list[HashedFile]]:
    """Yield files in groups of at most `BATCH_FILES`, closed early once they hold `BATCH_BYTES`."""
    batch: list[HashedFile] = []
    size_bytes = 0
    for hashed in files:
        batch.append(hashed)
        size_bytes += hashed.file.size_bytes
        if len(batch) >= BATCH_FILES or size_bytes >= BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch
