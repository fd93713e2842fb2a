"""Keys of lists of photos, as they travel in cursors: a moment, and what tells apart what has the same moment."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from afterglow.kernel.ids import PhotoId
from afterglow.kernel.pages import BadCursorError, decode_cursor

T = TypeVar("T")


def decode_wall_clock(cursor: str) -> tuple[datetime, PhotoId]:
    """Return the key of a photo in the timeline's order.

    Raises:
        BadCursorError: The cursor was not made by such a list.
    """
    return _decode(cursor, parse_photo_id, is_aware=False)


def decode_moment(cursor: str, parse: Callable[[str], T]) -> tuple[datetime, T]:
    """Return the key of a list that is ordered by moments.

    Args:
        cursor: As the client sent it.
        parse: Reads the second part; a ValueError means that it is none.

    Raises:
        BadCursorError: The cursor was not made by such a list.
    """
    return _decode(cursor, parse, is_aware=True)


def parse_photo_id(text: str) -> PhotoId:
    """Return a photo's id.

    Raises:
        ValueError: It is none.
    """
    return PhotoId(UUID(text))


def _decode(cursor: str, parse: Callable[[str], T], *, is_aware: bool) -> tuple[datetime, T]:
    moment_text, text = map(str, decode_cursor(cursor, 2))
    try:
        moment, second = datetime.fromisoformat(moment_text), parse(text)
    except ValueError as error:
        raise BadCursorError from error
    if (moment.tzinfo is not None) is not is_aware:
        raise BadCursorError
    return moment, second
