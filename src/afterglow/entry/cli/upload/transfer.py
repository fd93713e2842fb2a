"""One file through one upload session, whatever the network does meanwhile."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from afterglow.entry.cli.api import TRIES, Api, patiently, pause_before
from afterglow.entry.cli.errors import NotLoggedInError, ServerAwayError, ServerRefusedError
from afterglow.entry.cli.upload.files import FoundFile, read_pieces
from afterglow.entry.cli.upload.outcomes import Outcome, Verdict
from afterglow.entry.cli.upload.resume import ResumeStore

SESSION_GONE: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
NOT_FOR_PHOTOS: Final = {HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
SESSIONS: Final = 3
"""Upload sessions that are begun for a file, if the server forgets them, before it is given up."""
COMPLETE_TIMEOUT_S: Final = 900
"""The server reads a whole original back before it answers; this is 64 GiB at 80 MB/s."""


class SessionGoneError(ServerRefusedError):
    """The server does not know this upload session any more."""


@dataclass(frozen=True, slots=True)
class Session:
    """An upload session as the server described it."""

    id: str
    offset_bytes: int
    chunk_bytes: int


class Transfer:
    """The upload of one file."""

    def __init__(
        self,
        api: Api,
        resume: ResumeStore,
        file: FoundFile,
        checksum: str,
        *,
        on_bytes: Callable[[int], object] = lambda _: None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            api: Server to upload to.
            resume: Where the session is remembered in case this run is interrupted.
            file: What to upload.
            checksum: Its SHA-256.
            on_bytes: Told how many bytes the upload moved on, negative where it fell back; may raise to stop.
            pause: Waits so many seconds between two tries; may raise to stop.
        """
        self._api, self._resume, self._file, self._checksum = api, resume, file, checksum
        self._on_bytes, self._pause = on_bytes, pause
        self._was_completed = False
        self._position = 0

    def run(self) -> Outcome:
        """Upload the file, from where an earlier run stopped; return what became of it."""
        try:
            return self._through_sessions()
        except ServerRefusedError as error:
            verdict = Verdict.SKIPPED if error.status in NOT_FOR_PHOTOS else Verdict.FAILED
            return self._outcome(verdict, reason=error.message)
        except ServerAwayError as error:
            return self._outcome(Verdict.FAILED, reason=f"{error.message}; run again to go on")
        except NotLoggedInError as error:
            return self._outcome(Verdict.FAILED, reason=error.message)
        except OSError as error:
            return self._outcome(Verdict.FAILED, reason=f"cannot be read: {error.strerror}")
        except (KeyError, ValueError, TypeError) as error:
            return self._outcome(Verdict.FAILED, reason=f"the server's answer is not understood: {error!r}")

    def _through_sessions(self) -> Outcome:
        sessions = 0
        while True:
            sessions += 1
            session = self._find_session() or self._begin()
            if isinstance(session, Outcome):
                return session
            try:
                self._send_all(session)
                return self._complete(session)
            except SessionGoneError:
                self._resume.forget(self._checksum)
                if sessions == SESSIONS:
                    raise

    def _find_session(self) -> Session | None:
        """Return the session that an earlier run left, if the server still has it."""
        session_id = self._resume.find(self._checksum)
        if session_id is None:
            return None
        try:
            answer = self._call("GET", f"/api/upload-sessions/{session_id}")
        except SessionGoneError:
            self._resume.forget(self._checksum)
            return None
        return Session(session_id, int(answer["offset"]), int(answer.get("chunkSize") or 0))

    def _begin(self) -> Session | Outcome:
        """Return a new session, or the outcome where the server wants no bytes."""
        wish = {
            "filename": self._file.path.name,
            "size": self._file.size_bytes,
            "checksum": self._checksum,
            "modifiedAt": self._file.modified_at,
        }
        answer = self._call("POST", "/api/upload-sessions", json=wish, headers={"idempotency-key": str(uuid.uuid4())})
        if answer.get("tombstoned"):
            return self._outcome(Verdict.SKIPPED, reason="deleted for good on the server earlier")
        if answer.get("alreadyExists"):
            # An answer to "complete" that was lost on the way leaves the photo there and the session gone.
            verdict = Verdict.UPLOADED if self._was_completed else Verdict.DUPLICATE
            return self._outcome(verdict, photo_id=answer.get("photoId"))
        self._resume.remember(self._checksum, answer["id"])
        return Session(answer["id"], int(answer["offset"]), int(answer.get("chunkSize") or 0))

    def _send_all(self, session: Session) -> None:
        """Send the bytes that the server does not have yet; it alone says which those are."""
        path = f"/api/upload-sessions/{session.id}"
        offset, stalled = session.offset_bytes, 0
        self._move_to(offset)
        while offset < self._file.size_bytes:
            before = offset
            try:
                offset = self._send_chunk(path, offset, session.chunk_bytes)
            except ServerAwayError as error:
                if stalled + 1 >= TRIES:
                    raise
                self._pause(pause_before(stalled + 1, error.retry_after_s))
                offset = int(self._call("GET", path)["offset"])
            except ServerRefusedError as error:
                if error.status != HTTPStatus.CONFLICT or "offset" not in error.problem or stalled + 1 >= TRIES:
                    raise
                offset = int(str(error.problem["offset"]))
            stalled = 0 if offset > before else stalled + 1
            self._move_to(offset)

    def _send_chunk(self, path: str, offset: int, chunk_bytes: int) -> int:
        """Send one chunk; return the offset that the server confirms."""
        rest = self._file.size_bytes - offset
        size = min(rest, chunk_bytes or rest)

        def pieces() -> Iterator[bytes]:
            for piece in read_pieces(self._file, offset, size):
                yield piece
                self._move_to(self._position + len(piece))

        headers = {"content-length": str(size), "content-type": "application/octet-stream"}
        answer = self._known(
            lambda: self._api.call("PUT", f"{path}/chunks", params={"offset": offset}, headers=headers, body=pieces)
        )
        return int(answer["offset"])

    def _move_to(self, position: int) -> None:
        self._on_bytes(position - self._position)
        self._position = position

    def _complete(self, session: Session) -> Outcome:
        """Ask for the receipt; only with it the file counts as uploaded."""
        self._was_completed = True
        path = f"/api/upload-sessions/{session.id}/complete"
        answer = self._call("POST", path, timeout_s=COMPLETE_TIMEOUT_S)
        self._resume.forget(self._checksum)
        if answer.get("tombstoned"):
            return self._outcome(Verdict.SKIPPED, reason="deleted for good on the server earlier")
        verdict = Verdict.DUPLICATE if answer.get("duplicate") else Verdict.UPLOADED
        receipt = (answer.get("receipt") or {}).get("signature")
        return self._outcome(verdict, photo_id=answer["photoId"], receipt=receipt)

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        return patiently(lambda: self._known(lambda: self._api.call(method, path, **request)), self._pause)

    @staticmethod
    def _known(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the answer to a call about a session.

        Raises:
            SessionGoneError: The server does not know the session.
        """
        try:
            return call()
        except ServerRefusedError as error:
            if error.status in SESSION_GONE:
                raise SessionGoneError(error.status, error.problem) from error
            raise

    def _outcome(
        self, verdict: Verdict, *, photo_id: str | None = None, reason: str | None = None, receipt: str | None = None
    ) -> Outcome:
        return Outcome(self._file.path, verdict, self._file.size_bytes, self._checksum, photo_id, reason, receipt)
