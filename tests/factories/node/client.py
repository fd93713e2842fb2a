"""What a client of the API does: claims the server, uploads, goes on where it was interrupted, tries again."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Self

import httpx

from factories.node.processes import PATIENCE_S
from factories.pictures import jpeg

EMAIL, PASSWORD = "ana@example.org", "correct horse battery"
PAUSE_S = 0.15
TIMEOUT = httpx.Timeout(30, connect=5)
NOT_NOW = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
FIRST_DAY = datetime(2024, 1, 15, 12, 0)


@dataclass(frozen=True)
class PhotoFile:
    """A file that somebody uploads."""

    name: str
    content: bytes = field(repr=False)

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Acknowledged:
    """What the server promised: it has this file, as this photo."""

    file: PhotoFile
    photo_id: str
    receipt: str


class ServerFaultError(AssertionError):
    """The server answered what it never should."""


class GaveUpError(AssertionError):
    """A client tried for a long time and got nowhere."""


def photo_files(count: int, first: int = 0) -> list[PhotoFile]:
    """Return small JPEG files, each with its own bytes and day, over several months."""
    return [
        PhotoFile(f"IMG_{number:04}.jpg", jpeg(number, width=160, height=120, taken=_day(number)))
        for number in range(first, first + count)
    ]


def _day(number: int) -> datetime:
    return FIRST_DAY + timedelta(days=3 * number, minutes=number)


def probe(url: str) -> httpx.Response | None:
    """Return the answer to one question; None where there is none."""
    try:
        return httpx.get(url, timeout=TIMEOUT, verify=False)  # noqa: S501 (no TLS: loading certificates costs more)
    except httpx.TransportError:
        return None


class NodeClient:
    """Somebody's client of a node. Every call but `send` tries again for as long as a node may be away."""

    def __init__(
        self, base_url: str, token: str | None = None, *, then: str = "", patience_s: float = PATIENCE_S
    ) -> None:
        """Open a client.

        Args:
            base_url: Where the node answers.
            token: Of somebody who is logged in.
            then: Where it goes on once nothing answers there any more.
            patience_s: How long it tries again.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=base_url, headers=headers, timeout=TIMEOUT, verify=False)  # noqa: S501 (no TLS)
        self._then = then
        self._patience_s = patience_s

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send one request, once.

        Raises:
            ServerFaultError: The answer is a 500: whatever dies, that is not the client's to see.
            httpx.TransportError: There was no answer.
        """
        try:
            answer = self.http.request(method, path, **arguments)
        except httpx.TransportError:
            self.http.base_url = self._then or self.http.base_url
            raise
        if answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ServerFaultError(f"{method} {path}: {answer.text}")
        return answer

    def ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a request until there is an answer that is not "not now"."""
        deadline = time.monotonic() + self._patience_s
        last: object = None
        while time.monotonic() < deadline:
            try:
                answer = self.send(method, path, **arguments)
                if answer.status_code not in NOT_NOW:
                    return answer
                last = answer.text
            except httpx.TransportError as error:
                last = repr(error)
            time.sleep(PAUSE_S)
        raise GaveUpError(f"{method} {path}: {last}")

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a resource."""
        answer = self.ask("GET", path, params=params)
        assert answer.status_code == HTTPStatus.OK, answer.text
        return answer.json()

    def claim(self, code: str) -> str:
        """Become the owner of a new server; return the access token."""
        wanted = {"code": code, "email": EMAIL, "password": PASSWORD, "name": "Ana"}
        answer = self.ask("POST", "/api/servers/claim", json=wanted)
        assert answer.status_code == HTTPStatus.CREATED, answer.text
        return self._use(answer)

    def log_in(self) -> str:
        """Log in as the owner; return the access token."""
        answer = self.ask("POST", "/api/auth/login", json={"email": EMAIL, "password": PASSWORD})
        assert answer.status_code == HTTPStatus.OK, answer.text
        return self._use(answer)

    def _use(self, answer: httpx.Response) -> str:
        token: str = answer.json()["accessToken"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        return token

    def photos(self) -> Iterator[dict[str, Any]]:
        """Iterate over all photos."""
        cursor: str | None = None
        while True:
            page = self.get("/api/photos", limit=100, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["nextCursor"]
            if cursor is None:
                return

    def upload_plain(self, file: PhotoFile) -> Acknowledged:
        """Upload a file as a form, again and again until the server has it."""
        answer = self.ask("POST", "/api/upload", files={"file": (file.name, file.content, "image/jpeg")})
        assert answer.status_code in {HTTPStatus.CREATED, HTTPStatus.OK}, answer.text
        return _acknowledged(file, answer.json())

    def upload_in_parts(self, file: PhotoFile, parts: int = 3) -> Acknowledged:
        """Upload a file in parts, by its checksum first; what was interrupted goes on where the server says."""
        while True:
            opened = self.open_session(file)
            if opened["alreadyExists"]:
                return Acknowledged(file, opened["photoId"], self.receipt_of(file))
            if acknowledged := self._fill_session(file, opened["id"], -(-len(file.content) // parts)):
                return acknowledged

    def open_session(self, file: PhotoFile) -> dict[str, Any]:
        """Open an upload session by checksum."""
        wanted = {"filename": file.name, "size": len(file.content), "checksum": file.checksum}
        answer = self.ask("POST", "/api/upload-sessions", json=wanted)
        assert answer.status_code == HTTPStatus.CREATED, answer.text
        session: dict[str, Any] = answer.json()
        return session

    def receipt_of(self, file: PhotoFile) -> str:
        """Return what the server has proven of a file's bytes."""
        answer = self.ask("POST", "/api/receipts", json={"checksums": [file.checksum]})
        items = answer.json()["items"]
        return str(items[0]["state"]) if items else "none"

    def _fill_session(self, file: PhotoFile, upload_id: str, part_bytes: int) -> Acknowledged | None:
        """Send what is missing and complete the session; None when the server has forgotten it."""
        offset = 0
        while True:
            if offset < len(file.content):
                answer = self._put_part(upload_id, offset, file.content[offset : offset + part_bytes])
            else:
                answer = self.ask("POST", f"/api/upload-sessions/{upload_id}/complete")
            if answer.status_code == HTTPStatus.NOT_FOUND:
                return None
            body = answer.json()
            if answer.status_code == HTTPStatus.OK and "checksum" in body:
                return _acknowledged(file, body)
            assert answer.status_code in {HTTPStatus.OK, HTTPStatus.CONFLICT}, answer.text
            if body.get("code") == "upload.busy":
                time.sleep(PAUSE_S)  # the request that was cut off is still being ended
            else:
                offset = body["offset"]

    def _put_part(self, upload_id: str, offset: int, content: bytes) -> httpx.Response:
        """Send a part; without an answer, ask where the upload stands."""
        try:
            path = f"/api/upload-sessions/{upload_id}/chunks"
            answer = self.send("PUT", path, params={"offset": offset}, content=content)
            if answer.status_code not in NOT_NOW:
                return answer
        except httpx.TransportError:
            pass
        return self.ask("GET", f"/api/upload-sessions/{upload_id}")


def _acknowledged(file: PhotoFile, body: dict[str, Any]) -> Acknowledged:
    assert body["checksum"] == file.checksum
    return Acknowledged(file, body["photoId"], body["receipt"]["state"])
