"""Signed receipts: what this server has proven of a file's bytes, in a form that outlives the answer it came with.

A receipt is a compact JWS over a small JSON object, signed by the server's own key. Its type sets it apart from access
tokens, which the same key signs: none is ever taken for the other. docs/formats/receipt.md shows how to verify one.

References:
    RFC 7515 (JWS), sections 3.1 and 5.1; RFC 9864 (algorithm name `Ed25519`); RFC 7517 (JWK sets).
"""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.jwk import OKPKey

from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId

ALGORITHM = "Ed25519"
RECEIPT_TYPE = "afterglow-receipt+jws"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a receipt states.

    Attributes:
        state: `received`, `stored` or `replicated`.
        at: When that was proven.
    """

    owner_id: UserId
    photo_id: PhotoId
    checksum: Checksum
    size_bytes: int
    state: str
    at: datetime


class ReceiptSigner:
    """Signs receipts in this server's name."""

    def __init__(self, signing_key: Ed25519PrivateKey, server_id: UUID) -> None:
        self._key = signing_key
        self._server_id = str(server_id)
        public = public_jwk(signing_key.public_key())
        header = {"alg": ALGORITHM, "kid": public["kid"], "typ": RECEIPT_TYPE}
        self._header = _encode(json.dumps(header, separators=(",", ":")).encode()) + b"."
        self._jwk = public

    @property
    def key_set(self) -> dict[str, list[dict[str, str]]]:
        """Return the public keys that this server's receipts are verified with, as a JWK set."""
        return {"keys": [self._jwk]}

    def sign(self, statement: Statement) -> str:
        """Return a statement as a compact JWS; about 50 µs.

        Put together by hand: a library's checks of what we made ourselves cost as much as the signature, and bulk
        answers hold 10,000. What a library reads of it is tested.
        """
        claims = {
            "serverId": self._server_id,
            "ownerId": str(statement.owner_id),
            "photoId": str(statement.photo_id),
            "checksum": str(statement.checksum),
            "size": statement.size_bytes,
            "state": statement.state,
            "at": statement.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        signed = self._header + _encode(json.dumps(claims, separators=(",", ":")).encode())
        return (signed + b"." + _encode(self._key.sign(signed))).decode("ascii")


def public_jwk(public_key: Ed25519PublicKey) -> dict[str, str]:
    """Return a public key as a JWK, named by its thumbprint (RFC 7638) as in the headers of what it signs."""
    key = OKPKey.import_key(public_key)
    found = key.as_dict(private=False)
    return {
        "kty": str(found["kty"]),
        "crv": str(found["crv"]),
        "x": str(found["x"]),
        "kid": key.thumbprint(),
        "use": "sig",
        "alg": ALGORITHM,
    }


def _encode(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")
