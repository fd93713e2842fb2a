"""Ways of sending files, and looks behind the product at what they left."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from afterglow.kernel.checksums import Checksum
from factories.product import Person, Product

BOUNDARY = "a-boundary"
FORM_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


async def send(person: Person, content: bytes, name: str = "a.jpg", **fields: str) -> httpx.Response:
    """Send a file as a form."""
    return await person.http.post("/api/upload", files={"file": (name, content)}, data=fields)


async def sent(person: Person, content: bytes, name: str = "a.jpg") -> str:
    """Send a file as a form that has to be taken as new; return its photo."""
    answer = await send(person, content, name)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["photoId"])


async def open_session(person: Person, content: bytes, **more: Any) -> dict[str, Any]:
    """Open an upload session; without a checksum unless one is given."""
    body = {"filename": "a.jpg", "size": len(content), **more}
    answer = await person.http.post("/api/upload-sessions", json=body)
    assert answer.status_code == 201, answer.text
    opened: dict[str, Any] = answer.json()
    return opened


async def put(person: Person, session: dict[str, Any], offset: int, chunk: bytes) -> httpx.Response:
    """Send one chunk."""
    return await person.http.put(
        f"/api/upload-sessions/{session['id']}/chunks", params={"offset": offset}, content=chunk
    )


async def complete(person: Person, session: dict[str, Any]) -> httpx.Response:
    """Complete a session."""
    return await person.http.post(f"/api/upload-sessions/{session['id']}/complete")


async def filled(person: Person, content: bytes, **more: Any) -> dict[str, Any]:
    """Open a session and send all its bytes."""
    session = await open_session(person, content, **more)
    answer = await put(person, session, 0, content)
    assert answer.json() == {"offset": len(content)}, answer.text
    return session


async def state_of(person: Person, session: dict[str, Any]) -> dict[str, Any]:
    """Return what the server says of a session."""
    answer = await person.http.get(f"/api/upload-sessions/{session['id']}")
    assert answer.status_code == 200, answer.text
    state: dict[str, Any] = answer.json()
    return state


def form(content: bytes, name: str = "a.jpg") -> bytes:
    """The body of a form with one file."""
    return (
        (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        ).encode()
        + content
        + f"\r\n--{BOUNDARY}--\r\n".encode()
    )


def parts(product: Product) -> list[Path]:
    """What lies in the spool."""
    return list(product.node.spool.root.iterdir())


def originals(product: Product) -> list[Path]:
    """What lies in the store, half-made copies included."""
    root = product.node.store.root
    return [path for path in root.rglob("*") if path.is_file() and path.name != ".afterglow-store"]


def original_of(product: Product, content: bytes) -> Path:
    """Where the original of these bytes lies, or would."""
    digits = str(Checksum.of(content))
    return product.node.store.root / digits[:2] / digits[2:4] / digits


@dataclass
class Exchange:
    """One request as an ASGI server hands it over, whose body comes and breaks off as the test wants."""

    app: FastAPI
    method: str
    target: str
    headers: dict[str, str]
    chunks: Sequence[bytes]
    breaks_off: bool = False
    status: int = 0
    body: bytes = b""
    answer_headers: dict[str, str] = field(default_factory=dict)
    received: int = 0
    taken: int = 0
    """Chunks that the application asked for before it answered."""

    async def run(self) -> "Exchange":
        """Run it to the application's end."""
        path, _, query = self.target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in self.headers.items()],
            "client": ("192.0.2.1", 1),
            "server": ("afterglow.test", 80),
            "root_path": "",
        }
        await self.app(scope, self._receive, self._send)
        return self

    async def _receive(self) -> dict[str, Any]:
        await asyncio.sleep(0)
        if self.received == len(self.chunks):
            if self.breaks_off:
                return {"type": "http.disconnect"}
            await asyncio.sleep(3600)
        chunk = self.chunks[self.received]
        self.received += 1
        is_last = self.received == len(self.chunks) and not self.breaks_off
        return {"type": "http.request", "body": chunk, "more_body": not is_last}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.answer_headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            self.taken = self.received
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


def exchange(
    product: Product, person: Person, method: str, target: str, chunks: Sequence[bytes], **headers: str
) -> Exchange:
    """An exchange in a person's name; headers by name with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    authorization = {"authorization": person.http.headers["Authorization"]}
    return Exchange(product.app, method, target, {**authorization, **named}, chunks)
