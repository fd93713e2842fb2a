"""Photos for the features above: create, find, change."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from afterglow.features.access.rules import Action, Owned
from afterglow.features.access.service import require, require_action
from afterglow.features.photos import repository
from afterglow.features.photos.errors import PhotoNotFoundError
from afterglow.features.photos.models import Facts, Known, NewPhoto, Photo, PhotoFilter, PhotoStatus, Source
from afterglow.features.photos.service.keys import decode_wall_clock
from afterglow.infra.db.database import Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId
from afterglow.kernel.pages import Page, encode_cursor
from afterglow.kernel.principal import Principal


async def create_photo(tx: Tx, photo: NewPhoto, source: Source) -> None:
    """Create a photo with its primary file, its raw tags and where it came from; its status is INGESTED.

    The caller has put the original into its store, holds the checksum's lock and has recorded it by `keep_original`.
    """
    await repository.insert_photo(tx, photo, source)
    await repository.insert_primary_file(tx, photo, source.kind)


async def keep_original(tx: Tx, checksum: Checksum, size_bytes: int, sha1: bytes, store: str, key: str) -> datetime:
    """Record that an original lies verified in a store, and return when it was verified; idempotent."""
    return await repository.keep_original(tx, checksum, size_bytes, sha1, store, key)


async def list_unknown_objects(tx: Tx, store: str, keys: Sequence[str]) -> list[str]:
    """Return those of a store's keys that no original's location names."""
    return await repository.list_unknown_objects(tx, store, keys)


async def doubt_original(tx: Tx, checksum: Checksum, store: str) -> None:
    """Record that what a store holds of an original was read back and is not its bytes; `keep_original` ends that."""
    await repository.doubt_original(tx, checksum, store)


async def add_source(tx: Tx, owner_id: UserId, photo_id: PhotoId, source: Source) -> None:
    """Remember one more place that the photo came from."""
    await repository.insert_source(tx, owner_id, photo_id, source)


async def list_known(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> dict[Checksum, Known]:
    """Return the owner's photos that have these bytes, by checksum. Nothing is told of other owners.

    Those in the trash are among them; those that are being purged are not.
    """
    return {known.checksum: known for known in await repository.find_known(tx, owner_id, checksums)}


async def find_standing(tx: Tx, owner_id: UserId, checksum: Checksum) -> tuple[Known | None, bool]:
    """Return the owner's photo of these bytes and, where there is none, whether they were purged and stay away."""
    return await repository.find_standing(tx, owner_id, checksum)


async def get_photo(tx: Tx, principal: Principal, photo_id: PhotoId, action: Action = Action.VIEW) -> Photo:
    """Return a photo that the principal may do this to; also one in the trash, which its `deleted_at` tells.

    Raises:
        PhotoNotFoundError: No such photo, or none that the principal may see.
        ActionForbiddenError: Its credential does not allow the action.
    """
    photo = await get_owned_photo(tx, principal.user_id, photo_id)
    require(principal, action, Owned(photo.owner_id))
    return photo


async def get_owned_photo(tx: Tx, owner_id: UserId, photo_id: PhotoId) -> Photo:
    """Return an owner's photo, for work done in the owner's name.

    Raises:
        PhotoNotFoundError: The owner has no such photo.
    """
    photo = await repository.find_photo(tx, owner_id, photo_id)
    if photo is None:
        raise PhotoNotFoundError
    return photo


async def list_owned_photos(tx: Tx, owners: Mapping[PhotoId, UserId]) -> dict[PhotoId, Photo]:
    """Return photos of several owners, for work done in their names; those that are gone are left out."""
    return {photo.id: photo for photo in await repository.find_photos(tx, owners)}


async def list_photos(tx: Tx, principal: Principal, which: PhotoFilter, cursor: str | None, limit: int) -> Page[Photo]:
    """Return the principal's photos, newest first by wall clock, stable while photos arrive.

    Raises:
        ActionForbiddenError: Its credential does not allow to see photos.
        BadCursorError: The cursor was not made by this list.
    """
    require_action(principal, Action.VIEW)
    after = decode_wall_clock(cursor) if cursor else None
    photos = await repository.list_photos(tx, principal.user_id, which, after, limit + 1)
    more = len(photos) > limit
    shown = photos[:limit]
    last = shown[-1] if more else None
    return Page(shown, encode_cursor(last.taken.local.isoformat(), str(last.id)) if last else None)


async def list_ids_after(tx: Tx, owner_id: UserId, after: PhotoId, limit: int) -> list[PhotoId]:
    """Return the ids of an owner's photos in their order, also from the trash, after an id and up to `limit`."""
    return await repository.list_ids_after(tx, owner_id, after, limit)


async def lock_status(tx: Tx, owner_id: UserId, photo_id: PhotoId) -> PhotoStatus:
    """Lock the photo's row until the commit and return its status.

    Raises:
        PhotoNotFoundError: The owner has no such photo.
    """
    status = await repository.lock_status(tx, owner_id, photo_id)
    if status is None:
        raise PhotoNotFoundError
    return status


async def set_status(tx: Tx, owner_id: UserId, photo_id: PhotoId, status: PhotoStatus) -> None:
    """Set the status that follows from the steps; the database refuses what the transition table does not know."""
    await repository.update_status(tx, owner_id, photo_id, status)


async def replace_facts(tx: Tx, owner_id: UserId, photo_id: PhotoId, facts: Facts) -> None:
    """Replace what the file says about the photo."""
    await repository.update_facts(tx, owner_id, photo_id, facts)
    await repository.upsert_metadata(tx, owner_id, photo_id, facts)


async def find_raw_tags(tx: Tx, owner_id: UserId, photo_id: PhotoId) -> tuple[str, list[str]] | None:
    """Return the photo's raw tag set as JSON text, and what was dropped from it."""
    return await repository.find_raw_tags(tx, owner_id, photo_id)
