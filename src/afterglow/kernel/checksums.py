"""Checksums: SHA-256 of an original's bytes, which is also its name."""

import hashlib
from typing import Self

CHECKSUM_BYTES = hashlib.sha256().digest_size


class Checksum(bytes):
    """A SHA-256 digest: 32 bytes in memory and SQL, 64 lower-case hex digits elsewhere."""

    def __new__(cls, digest: bytes) -> Self:
        """Wrap a digest.

        Raises:
            ValueError: Not 32 bytes long.
        """
        if len(digest) != CHECKSUM_BYTES:
            raise ValueError(f"a checksum has {CHECKSUM_BYTES} bytes, not {len(digest)}")
        return super().__new__(cls, digest)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the checksum written as 64 hex digits.

        Raises:
            ValueError: Not 64 hex digits.
        """
        if len(text) != 2 * CHECKSUM_BYTES:
            raise ValueError("a checksum is written as 64 hex digits")
        return cls(bytes.fromhex(text))

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return the checksum of bytes held in memory."""
        return cls(hashlib.sha256(content).digest())

    def __str__(self) -> str:
        """Return the 64 lower-case hex digits."""
        return self.hex()
