"""Times, checksums and descriptions of files as clients send them; pure."""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from afterglow.features.uploads.errors import BadChecksumHeaderError, TusHeaderError
from afterglow.features.uploads.models import ExpectedDigest
from afterglow.kernel.checksums import Checksum

# A year in which every zone's clock can still be turned to UTC. Whether the time is one that a file can have been
# changed at is for ingest to say.
_FIRST_YEAR: Final = 2
_LAST_YEAR: Final = 9998

TUS_ALGORITHMS: Final = ("sha1", "sha256")
"""Of `Upload-Checksum`; SHA-1 is what most tus clients know, and guards against accidents only."""

# Of Content-Digest and Repr-Digest, the better one first (RFC 9530, section 5).
_DIGEST_ALGORITHMS: Final[Mapping[str, str]] = MappingProxyType({"sha-512": "sha512", "sha-256": "sha256"})
MAX_TUS_METADATA: Final = 8192
_MOST_DIGITS: Final = 14  # in milliseconds, until the year 5138
_DIGEST_BYTES: Final[Mapping[str, int]] = MappingProxyType({"sha1": 20, "sha256": 32, "sha512": 64})


def parse_modified_at(text: str | None) -> datetime | None:
    """Return the moment of a form field: ISO 8601 with a zone; None if it is missing or anything else."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return representable(moment) if moment.tzinfo else None


def representable(moment: datetime) -> datetime | None:
    """Return the moment, None where it can't be written in UTC."""
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None


def parse_upload_checksum(header: str) -> ExpectedDigest:
    """Return what `Upload-Checksum: <algorithm> <base64>` says of a chunk.

    Raises:
        BadChecksumHeaderError: It is malformed, or the algorithm is none of `TUS_ALGORITHMS`.

    References:
        tus 1.0.0, extension "Checksum".
    """
    algorithm, _, encoded = header.strip().partition(" ")
    algorithm = algorithm.lower()
    if algorithm not in TUS_ALGORITHMS:
        raise BadChecksumHeaderError(header="Upload-Checksum", known=", ".join(TUS_ALGORITHMS))
    return _expected(algorithm, encoded.strip(), "Upload-Checksum")


def parse_digest_field(header: str, name: str = "Content-Digest") -> ExpectedDigest | None:
    """Return the best of what `Content-Digest: sha-256=:<base64>:, …` says; None where it knows no algorithm of ours.

    Raises:
        BadChecksumHeaderError: The value of a known algorithm is malformed.

    References:
        RFC 9530, sections 2 and 3; RFC 9651, section 3.3.5 (byte sequences).
    """
    values = {}
    for member in header.split(","):
        algorithm, _, value = member.partition("=")
        values[algorithm.strip().lower()] = value.strip().partition(";")[0].strip()
    for algorithm, ours in _DIGEST_ALGORITHMS.items():
        if algorithm in values:
            value = values[algorithm]
            if len(value) < 2 or value[0] != ":" or value[-1] != ":":  # noqa: PLR2004 - the two colons
                raise BadChecksumHeaderError(header=name)
            return _expected(ours, value[1:-1], name)
    return None


def parse_repr_digest(header: str | None) -> Checksum | None:
    """Return the whole file's checksum of a `Repr-Digest` header; None where it gives no SHA-256.

    Raises:
        BadChecksumHeaderError: It is malformed.
    """
    members = [member for member in (header or "").split(",") if member.strip().lower().startswith("sha-256=")]
    expected = parse_digest_field(members[0], "Repr-Digest") if members else None
    return Checksum(expected.digest) if expected else None


def parse_tus_metadata(header: str) -> dict[str, str]:
    """Return what `Upload-Metadata: key <base64>, …` says of a file; a key without a value has an empty one.

    Raises:
        TusHeaderError: It is malformed or too long.

    References:
        tus 1.0.0, extension "Creation".
    """
    if len(header) > MAX_TUS_METADATA:
        raise TusHeaderError(header="Upload-Metadata", limit=MAX_TUS_METADATA)
    values = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        key, _, encoded = pair.partition(" ")
        try:
            values[key] = base64.b64decode(encoded.strip(), validate=True).decode(errors="replace")
        except (binascii.Error, ValueError) as error:
            raise TusHeaderError(header="Upload-Metadata") from error
    return values


def modified_at_of(metadata: Mapping[str, str]) -> datetime | None:
    """Return when a file was last changed, by `modifiedAt` (ISO 8601) or `lastModified` (as browsers have it: ms)."""
    if "modifiedAt" in metadata:
        return parse_modified_at(metadata["modifiedAt"])
    milliseconds = metadata.get("lastModified", "")
    if not (milliseconds.isdecimal() and len(milliseconds) <= _MOST_DIGITS):
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)


def _expected(algorithm: str, encoded: str, header: str) -> ExpectedDigest:
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadChecksumHeaderError(header=header) from error
    if len(digest) != _DIGEST_BYTES[algorithm]:
        raise BadChecksumHeaderError(header=header)
    return ExpectedDigest(algorithm, digest)
