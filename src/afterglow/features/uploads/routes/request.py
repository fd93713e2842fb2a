"""What the routes of uploads share: the ports, the body of a request, and the signature of a receipt."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Request
from starlette.requests import ClientDisconnect

from afterglow.features.ingest.models import Accepted
from afterglow.features.uploads.models import ExpectedDigest
from afterglow.features.uploads.rules import parse_digest_field, parse_upload_checksum
from afterglow.features.uploads.service import Chunk, UploadPorts
from afterglow.infra.crypto.receipts import ReceiptSigner, Statement
from afterglow.infra.web.provide import Provided
from afterglow.kernel.principal import Principal

Ports = Annotated[UploadPorts, Provided(UploadPorts)]
Signer = Annotated[ReceiptSigner, Provided(ReceiptSigner)]


def chunk_of(request: Request, offset_bytes: int) -> Chunk:
    """Return the body of a request as a chunk at an offset, with what its headers say of it.

    Raises:
        BadChecksumHeaderError: A header says what its bytes hash to, but not so that it is understood.
    """
    return Chunk(offset_bytes, _body_of(request), announced_bytes(request), _expected_digest(request))


async def _body_of(request: Request) -> AsyncIterator[bytes]:
    """Iterate over the body; a client that went away is a broken connection, as below the routes."""
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect as error:
        raise ConnectionAbortedError from error


def _expected_digest(request: Request) -> ExpectedDigest | None:
    if header := request.headers.get("upload-checksum"):
        return parse_upload_checksum(header)
    header = request.headers.get("content-digest")
    return parse_digest_field(header) if header else None


def announced_bytes(request: Request) -> int | None:
    """Return the size that a request announces of its body [bytes], 0 for one without; None where it does not tell."""
    if "transfer-encoding" in request.headers:
        return None
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() else None


def signature_of(accepted: Accepted, size_bytes: int, signer: ReceiptSigner, principal: Principal) -> str | None:
    """Return the receipt of an accepted file, signed; None where nothing was kept."""
    if accepted.receipt is None or accepted.photo_id is None:
        return None
    return signer.sign(
        Statement(
            owner_id=principal.user_id,
            photo_id=accepted.photo_id,
            checksum=accepted.checksum,
            size_bytes=size_bytes,
            state=accepted.receipt.state.value,
            at=accepted.receipt.at,
        )
    )
