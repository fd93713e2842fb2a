"""A small real HTTP server that speaks the part of the interface that the command line needs, and misbehaves on demand.

Sessions follow API.md: a chunk at another offset than the server's is refused with the right one, bytes that arrived
before a connection broke are kept, a photo comes into being only by `complete`, and only if the checksum holds.
"""

import hashlib
import json
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

EMAIL, PASSWORD = "ana@example.org", "a long password"
RECEIVE_BYTES = 16 * 1024


@dataclass
class UploadSession:
    filename: str
    size: int
    checksum: str
    content: bytearray = field(default_factory=bytearray)


@dataclass
class Trouble:
    """What goes wrong with the next request whose `METHOD path` holds a text."""

    within: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut_after_bytes: int | None = None
    """Read so many bytes of the body, keep them, and break the connection."""
    lose_answer: bool = False
    """Do what was asked, and break the connection instead of answering."""


class PhotoServer:
    """The state behind the routes."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.writing = Lock()
        self.url = ""
        self.chunk_size = 64 * 1024
        self.photos: dict[str, bytes] = {}
        self.photo_ids: dict[str, str] = {}
        self.tombstones: set[str] = set()
        self.sessions: dict[str, UploadSession] = {}
        self.troubles: deque[Trouble] = deque()
        self.requests: list[str] = []
        self.received_bytes = 0
        self.access_tokens = {"given-token"}
        self.refresh_tokens: set[str] = set()
        self.refuses_content: bytes | None = None
        self.lost: set[str] = set()
        """Checksums of photos whose originals are known to be lost."""

    def add_photo(self, content: bytes) -> str:
        checksum = hashlib.sha256(content).hexdigest()
        self.photos[checksum] = content
        self.photo_ids[checksum] = str(uuid.uuid4())
        return checksum

    def count(self, within: str) -> int:
        return sum(within in request for request in self.requests)

    def new_tokens(self) -> dict[str, Any]:
        access, refresh = f"access-{uuid.uuid4()}", f"refresh-{uuid.uuid4()}"
        self.access_tokens.add(access)
        self.refresh_tokens.add(refresh)
        return {"accessToken": access, "refreshToken": refresh, "expiresIn": 900}


class ProblemError(Exception):
    def __init__(self, status: int, code: str, **fields: object) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"title": code, "detail": f"the detail of {code}", "status": status, "code": code, **fields}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "HttpServer"

    def do_GET(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        # One writer at a time, as the real server has it: what an interrupted chunk left must not mix with the next.
        with self.server.photos.writing:
            self.answer()

    def do_POST(self) -> None:
        self.answer()

    def log_message(self, *_: object) -> None:
        pass

    def answer(self) -> None:
        photos = self.server.photos
        request = f"{self.command} {self.path}"
        with photos.lock:
            photos.requests.append(request)
            trouble = next((one for one in photos.troubles if one.within in request), None)
            if trouble:
                photos.troubles.remove(trouble)
        if trouble and trouble.cut_after_bytes is not None:
            self.keep_some(trouble.cut_after_bytes)
            return self.hang_up()
        if trouble and trouble.status:
            self.rfile.read(self.body_size)
            return self.send(trouble.status, {"title": "trouble", "code": "trouble"}, trouble.headers)
        try:
            status, body = self.route()
        except ProblemError as problem:
            return self.send(problem.status, problem.body)
        if trouble and trouble.lose_answer:
            return self.hang_up()
        return self.send(status, body)

    @property
    def body_size(self) -> int:
        return int(self.headers.get("content-length", 0))

    def send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    def route(self) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(self.path)
        name = f"{self.command} {parts.path}"
        if parts.path.startswith("/api/auth/"):
            return self.log_in() if name.endswith("login") else self.refresh()
        if self.command == "PUT":
            session_id = parts.path.split("/")[3]
            return self.take_chunk(session_id, int(parse_qs(parts.query)["offset"][0]))
        body = self.json_body()
        self.require_login()
        if name == "POST /api/receipts":
            return self.receipts(body["checksums"])
        if name == "POST /api/upload-sessions":
            return self.begin(body)
        session_id = parts.path.split("/")[3]
        if name.endswith("/complete"):
            return self.complete(session_id)
        session = self.session(session_id)
        return 200, {"offset": len(session.content), "size": session.size, "state": "open"}

    def json_body(self) -> dict[str, Any]:
        content = self.rfile.read(self.body_size)
        return dict(json.loads(content)) if content else {}

    def require_login(self) -> None:
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.server.photos.access_tokens:
            raise ProblemError(401, "unauthenticated")

    def log_in(self) -> tuple[int, dict[str, Any]]:
        body = self.json_body()
        if (body["email"], body["password"]) != (EMAIL, PASSWORD):
            raise ProblemError(401, "auth.wrong-password")
        return 200, self.server.photos.new_tokens()

    def refresh(self) -> tuple[int, dict[str, Any]]:
        photos, token = self.server.photos, self.json_body()["refreshToken"]
        with photos.lock:
            if token not in photos.refresh_tokens:
                photos.refresh_tokens.clear()  # used twice: the whole login ends
                raise ProblemError(401, "auth.refresh-reused")
            photos.refresh_tokens.remove(token)
            return 200, photos.new_tokens()

    def receipts(self, checksums: list[str]) -> tuple[int, dict[str, Any]]:
        photos = self.server.photos
        assert len(checksums) <= 500
        return 200, {
            "items": [
                {
                    "checksum": checksum,
                    "state": "received" if checksum in photos.lost else "stored",
                    "at": None,
                    "photoId": photos.photo_ids[checksum],
                }
                for checksum in checksums
                if checksum in photos.photos
            ]
        }

    def begin(self, wish: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        photos, session_id = self.server.photos, str(uuid.uuid4())
        answer = {"id": session_id, "uploadUrl": "", "chunkSize": photos.chunk_size, "offset": 0}
        if wish["checksum"] in photos.tombstones:
            return 201, answer | {"alreadyExists": False, "tombstoned": True}
        if wish["checksum"] in photos.photos and wish["checksum"] not in photos.lost:
            return 201, answer | {"alreadyExists": True, "photoId": photos.photo_ids[wish["checksum"]]}
        photos.sessions[session_id] = UploadSession(wish["filename"], wish["size"], wish["checksum"])
        return 201, answer | {"alreadyExists": False}

    def session(self, session_id: str) -> UploadSession:
        try:
            return self.server.photos.sessions[session_id]
        except KeyError:
            raise ProblemError(404, "upload.not-found") from None

    def take_chunk(self, session_id: str, offset: int) -> tuple[int, dict[str, Any]]:
        try:
            self.require_login()
            session = self.session(session_id)
            if offset != len(session.content):
                raise ProblemError(409, "upload.offset-mismatch", offset=len(session.content))
        except ProblemError:
            self.rfile.read(self.body_size)
            raise
        self.receive(session, self.body_size)
        return 200, {"offset": len(session.content)}

    def keep_some(self, size: int) -> None:
        parts = urlsplit(self.path)
        session = self.session(parts.path.split("/")[3])
        if int(parse_qs(parts.query)["offset"][0]) == len(session.content):
            self.receive(session, min(size, self.body_size))

    def receive(self, session: UploadSession, size: int) -> None:
        while size:
            piece = self.rfile.read(min(RECEIVE_BYTES, size))
            if not piece:
                raise ConnectionError
            session.content += piece
            size -= len(piece)
            with self.server.photos.lock:
                self.server.photos.received_bytes += len(piece)

    def complete(self, session_id: str) -> tuple[int, dict[str, Any]]:
        photos, session = self.server.photos, self.session(session_id)
        content = bytes(session.content)
        if photos.refuses_content is not None and content.startswith(photos.refuses_content):
            raise ProblemError(415, "unsupported-type")
        if len(content) != session.size or hashlib.sha256(content).hexdigest() != session.checksum:
            raise ProblemError(422, "upload.checksum-mismatch")
        with photos.lock:
            del photos.sessions[session_id]
            is_duplicate = session.checksum in photos.photos
            if not is_duplicate:
                photos.add_photo(content)
        receipt = {"state": "stored", "at": "2024-01-01T00:00:00Z", "signature": f"signed.{session.checksum}.x"}
        return 200, {"photoId": photos.photo_ids[session.checksum], "receipt": receipt, "duplicate": is_duplicate}


class HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, photos: PhotoServer) -> None:
        self.photos = photos
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: object) -> None:
        """Keep quiet: broken connections are what these tests are about."""


@contextmanager
def running_photo_server() -> Iterator[PhotoServer]:
    photos = PhotoServer()
    with HttpServer(photos) as server:
        photos.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield photos
        server.shutdown()
        thread.join()
