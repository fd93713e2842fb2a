"""Keyset pages: a list, and an opaque cursor to what follows it."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from afterglow.kernel.errors import InvalidError

T = TypeVar("T")

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
_MAX_CURSOR_CHARS = 512


class BadCursorError(InvalidError):
    """This cursor was not made by this list."""

    code = "page.bad-cursor"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order, and the cursor after the last one (None at the end)."""

    items: Sequence[T]
    next_cursor: str | None


def encode_cursor(*key: str | int) -> str:
    """Return an opaque, URL-safe cursor that holds the key of the last item."""
    text = json.dumps(key, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_cursor(cursor: str, size: int) -> tuple[str | int, ...]:
    """Return the key held by a cursor.

    Raises:
        BadCursorError: It holds no key of `size` parts.
    """
    if len(cursor) > _MAX_CURSOR_CHARS:
        # Nested deeply enough, JSON would exhaust the stack.
        raise BadCursorError
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadCursorError from error
    if not isinstance(key, list) or len(key) != size or not all(type(part) in (str, int) for part in key):
        raise BadCursorError
    return tuple(key)
