"""A client that does not give up and believes nothing: every answer is checked against what lies on the disk."""

from dataclasses import dataclass
from typing import Any

import httpx

from factories.product import Person, Product
from factories.sending import complete, open_session, original_of, put, send, state_of

TRIES = 60
CHUNK_BYTES = 700_000
REFUSALS = {409, 503, 507}
"""What a server may say whose disk fails: go on elsewhere, come back later, no room."""


@dataclass
class Persevering:
    """Uploads until the server has the file.

    Attributes:
        refusals: Codes of the problems that it met.
    """

    product: Product
    person: Person
    refusals: list[str]

    async def as_form(self, content: bytes) -> str:
        """Upload as a form; return the photo."""
        for _ in range(TRIES):
            answer = self._checked(await send(self.person, content), content)
            if answer.is_success:
                return str(answer.json()["photoId"])
        raise AssertionError(f"gave up: {self.refusals}")

    async def in_parts(self, content: bytes) -> str:
        """Upload in parts, without saying the checksum before; return the photo."""
        session = await open_session(self.person, content)
        offset = 0
        for _ in range(TRIES):
            if offset < len(content):
                answer = await put(self.person, session, offset, content[offset : offset + CHUNK_BYTES])
            else:
                answer = await complete(self.person, session)
            self._checked(answer, content)
            if answer.is_success and "photoId" in answer.json():
                return str(answer.json()["photoId"])
            offset = (await state_of(self.person, session))["offset"]
        raise AssertionError(f"gave up: {self.refusals}")

    def _checked(self, answer: httpx.Response, content: bytes) -> httpx.Response:
        """Return the answer, proven to be a clean refusal or true."""
        body: dict[str, Any] = answer.json()
        if answer.is_success:
            if receipt := body.get("receipt"):
                assert receipt["state"] == "stored"
                assert original_of(self.product, content).read_bytes() == content
            return answer
        assert answer.status_code in REFUSALS, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert body["code"] != "internal"
        self.refusals.append(body["code"])
        return answer
