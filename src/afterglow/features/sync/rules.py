"""The feed's cursor, and what a page of changes comes down to; pure."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from afterglow.features.changes.errors import ResyncError
from afterglow.features.changes.models import Change, Position
from afterglow.features.details.models import PhotoDetails
from afterglow.features.sync.models import FeedCursor, Tombstone
from afterglow.kernel.ids import PhotoId
from afterglow.kernel.pages import BadCursorError, decode_cursor, encode_cursor

TOMBSTONE: Final = "tombstone"
PHOTO: Final = "photo"
BEFORE_ALL_PHOTOS: Final = PhotoId(UUID(int=0))
_FORMAT: Final = 1
_PARTS: Final = 5
_WALKED: Final = ""
_NUMBERS = range(2**63)


def format_cursor(cursor: FeedCursor) -> str:
    """Return a cursor as it is sent."""
    return encode_cursor(_FORMAT, *cursor.position, _WALKED if cursor.walked is None else str(cursor.walked))


def parse_cursor(text: str) -> FeedCursor:
    """Return where a reader stands.

    Raises:
        BadCursorError: The feed never made this cursor.
        ResyncError: It is of another version of this program.
    """
    number, epoch, xid, seq, walked = decode_cursor(text, _PARTS)
    if type(number) is int and number != _FORMAT:
        raise ResyncError
    if not all(type(part) is int and part in _NUMBERS for part in (number, epoch, xid, seq)):
        raise BadCursorError
    position = Position(int(epoch), int(xid), int(seq))
    if walked == _WALKED:
        return FeedCursor(position)
    try:
        return FeedCursor(position, PhotoId(UUID(str(walked))))
    except ValueError as error:
        raise BadCursorError from error


def collapse(changes: Sequence[Change], photos: Mapping[PhotoId, PhotoDetails]) -> list[PhotoDetails | Tombstone]:
    """Return what has become of the things that changed, each once, in the order of their last changes.

    What a thing is now counts, not the order of its changes: of two writers of one photo the one that began first may
    have waited for the other, so its change stands before the other's and came after it. A photo that is neither there
    nor among the tombstones is left out: its tombstone stands on another page, before this one or after.

    Args:
        changes: A page of them.
        photos: Those photos of the page that are there.
    """
    tombstones = {change.entity_id: change for change in changes if change.type == TOMBSTONE}
    last_first = dict.fromkeys(change.entity_id for change in reversed(changes))
    items: list[PhotoDetails | Tombstone] = []
    for entity_id in reversed(last_first):
        if photo := photos.get(PhotoId(entity_id)):
            items.append(photo)
        elif tombstone := tombstones.get(entity_id):
            items.append(Tombstone(entity_id, tombstone.data or {}, tombstone.created_at))
    return items
