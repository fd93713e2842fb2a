"""Use cases of the feed.

A reader without a cursor is walked over all photos first, page by page. The horizon of the first page is in its cursor:
what is committed before it is in what the walk sees, and all that comes behind it follows as changes when the walk is
over. Items say what a thing is when the page is read, which is never older than the change that it is told for.
"""

from afterglow.features.access.service import Action, require_action
from afterglow.features.changes import service as changes
from afterglow.features.changes.rules import require_readable, start_at
from afterglow.features.details import service as details
from afterglow.features.photos import service as photos
from afterglow.features.sync.models import FeedCursor, FeedPage
from afterglow.features.sync.rules import BEFORE_ALL_PHOTOS, collapse
from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import PhotoId, UserId
from afterglow.kernel.principal import Principal


async def read_feed(tx: Tx, principal: Principal, cursor: FeedCursor | None, limit: int) -> FeedPage:
    """Return the news after a cursor, or the beginning of everything, up to `limit`.

    The transaction must have read nothing before.

    Raises:
        ActionForbiddenError: The credential does not allow to see photos.
        ResyncError: The cursor is of another epoch.
        CursorExpiredError: Changes after the cursor are no longer kept.
    """
    require_action(principal, Action.VIEW)
    owner_id = principal.user_id
    horizon = await changes.look_from_here(tx, owner_id)
    if cursor is None:
        cursor = FeedCursor(start_at(horizon), BEFORE_ALL_PHOTOS)
    require_readable(cursor.position, horizon)
    if cursor.walked is not None:
        return await _walk(tx, owner_id, cursor, cursor.walked, limit)
    return await _follow(tx, owner_id, cursor, limit)


async def _walk(tx: Tx, owner_id: UserId, cursor: FeedCursor, walked: PhotoId, limit: int) -> FeedPage:
    ids = await photos.list_ids_after(tx, owner_id, walked, limit)
    found = await details.compose_photos(tx, owner_id, ids)
    items = [found[photo_id] for photo_id in ids if photo_id in found]
    if len(ids) == limit:
        return FeedPage(items, FeedCursor(cursor.position, ids[-1]), has_more=True)
    has_news = bool(await changes.list_changes(tx, owner_id, cursor.position, 1))
    return FeedPage(items, FeedCursor(cursor.position), has_news)


async def _follow(tx: Tx, owner_id: UserId, cursor: FeedCursor, limit: int) -> FeedPage:
    told = await changes.list_changes(tx, owner_id, cursor.position, limit + 1)
    page = told[:limit]
    found = await details.compose_photos(tx, owner_id, [PhotoId(change.entity_id) for change in page])
    last = FeedCursor(page[-1].position) if page else cursor
    return FeedPage(collapse(page, found), last, has_more=len(told) > limit)
