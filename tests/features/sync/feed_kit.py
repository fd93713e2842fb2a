"""What tests of the feed share: a replica that follows, and a look at what it has to be."""

from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from afterglow.features.changes.errors import CursorExpiredError, ResyncError
from afterglow.features.details import service as details
from afterglow.features.details.models import PhotoDetails
from afterglow.features.photos import service as photos
from afterglow.features.sync import service
from afterglow.features.sync.models import FeedCursor, FeedPage, Tombstone
from afterglow.features.sync.rules import BEFORE_ALL_PHOTOS, format_cursor, parse_cursor
from afterglow.infra.db.database import Database
from afterglow.kernel.ids import PhotoId, UserId, new_id
from afterglow.kernel.principal import ALL_SCOPES, Principal, Role
from factories.rows import add_file, add_original, add_photo
from factories.waiting import until


def principal_of(owner_id: UserId) -> Principal:
    return Principal(owner_id, Role.MEMBER, ALL_SCOPES)


async def add_whole_photo(connection: asyncpg.Connection, owner_id: UserId, **columns: object) -> PhotoId:
    """A photo with its file, by one transaction."""
    async with connection.transaction():
        photo_id = await add_photo(connection, owner_id, **columns)
        await add_file(connection, owner_id, photo_id, await add_original(connection, str(new_id())))
    return photo_id


async def settle(connection: asyncpg.Connection) -> None:
    """Wait until all transactions that have begun are over: the server's own analysing of tables is one at times."""
    begun = await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    over = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1"
    await until(lambda: connection.fetchval(over, begun))


async def read_page(database: Database, owner_id: UserId, cursor: FeedCursor | None, limit: int = 100) -> FeedPage:
    async with database.transaction([owner_id], read_only=True) as tx:
        return await service.read_feed(tx, principal_of(owner_id), cursor, limit)


async def state_of(database: Database, owner_id: UserId) -> dict[UUID, PhotoDetails]:
    """Everything that the server has of an owner."""
    async with database.transaction([owner_id], read_only=True) as tx:
        ids = await photos.list_ids_after(tx, owner_id, BEFORE_ALL_PHOTOS, 10_000)
        return dict(await details.compose_photos(tx, owner_id, ids))


@dataclass
class Replica:
    """A client that follows the feed as docs/explanation/feed.md tells it to."""

    owner_id: UserId
    cursor: str | None = None
    photos: dict[UUID, PhotoDetails] = field(default_factory=dict)
    resyncs: int = 0

    async def read(self, database: Database, limit: int) -> bool:
        """Apply one page; returns whether there are more at once."""
        try:
            cursor = parse_cursor(self.cursor) if self.cursor else None
            page = await read_page(database, self.owner_id, cursor, limit)
        except (ResyncError, CursorExpiredError):
            self.cursor, self.photos, self.resyncs = None, {}, self.resyncs + 1
            return True
        for item in page.items:
            if isinstance(item, Tombstone):
                self.photos.pop(item.entity_id, None)
            else:
                self.photos[item.photo.id] = item
        self.cursor = format_cursor(page.cursor)
        return page.has_more

    async def catch_up(self, database: Database, limit: int = 7) -> None:
        while await self.read(database, limit):
            pass
