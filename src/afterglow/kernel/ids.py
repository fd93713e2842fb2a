"""Identifiers: UUIDv7, minted where a thing enters."""

import os
import time
from typing import NewType
from uuid import UUID

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
PhotoId = NewType("PhotoId", UUID)
UploadId = NewType("UploadId", UUID)
RunId = NewType("RunId", UUID)


def new_id() -> UUID:
    """Return a fresh UUIDv7: time-ordered to the millisecond, 74 random bits.

    References:
        RFC 9562, section 5.7.
    """
    unix_ms = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    high = (random >> 62) & 0xFFF
    low = random & ((1 << 62) - 1)
    return UUID(int=(unix_ms << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)
