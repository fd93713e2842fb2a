"""Deletions that are remembered: purged bytes stay away until a person allows them again (SYN-4)."""

from collections.abc import Sequence
from dataclasses import replace

from afterglow.features.access.rules import Action
from afterglow.features.access.service import require_action
from afterglow.features.photos import repository
from afterglow.features.photos.errors import TombstoneNotFoundError
from afterglow.features.photos.models import Refusal, Source, Tombstone
from afterglow.features.photos.service.keys import decode_moment
from afterglow.infra.db.database import Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import UserId
from afterglow.kernel.pages import Page, encode_cursor
from afterglow.kernel.principal import Principal


async def list_tombstoned(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> set[Checksum]:
    """Return those of the checksums that the owner has purged and not allowed again."""
    return await repository.find_tombstones(tx, owner_id, checksums)


async def admit_checksum(tx: Tx, owner_id: UserId, checksum: Checksum) -> bool:
    """Make way for a new photo of these bytes; return False, and change nothing, if the owner has purged them.

    The caller holds the checksum's lock, and has seen that the owner has no photo of these bytes.
    """
    return await repository.admit(tx, owner_id, checksum)


async def record_refusal(tx: Tx, owner_id: UserId, checksum: Checksum, source: Source) -> None:
    """Remember that a source tried to bring purged bytes back."""
    await repository.count_refusal(tx, owner_id, checksum)
    await repository.upsert_refusal(tx, owner_id, checksum, source)
    await repository.prune_refusals(tx, owner_id, checksum)


async def list_tombstones(tx: Tx, principal: Principal, cursor: str | None, limit: int) -> Page[Tombstone]:
    """Return what the principal has purged, newest first, each with the latest sources that brought it again.

    Raises:
        ActionForbiddenError: The credential does not allow to see photos.
        BadCursorError: The cursor was not made by this list.
    """
    require_action(principal, Action.VIEW)
    after = decode_moment(cursor, Checksum.parse) if cursor else None
    found = await repository.list_tombstones(tx, principal.user_id, after, limit + 1)
    shown = found[:limit]
    refusals: dict[Checksum, list[Refusal]] = {tombstone.checksum: [] for tombstone in shown}
    for checksum, refusal in await repository.list_refusals(tx, principal.user_id, list(refusals)):
        refusals[checksum].append(refusal)
    last = shown[-1] if len(found) > limit else None
    return Page(
        [replace(tombstone, refusals=tuple(refusals[tombstone.checksum])) for tombstone in shown],
        encode_cursor(last.created_at.isoformat(), str(last.checksum)) if last else None,
    )


async def allow_checksum(tx: Tx, principal: Principal, checksum: Checksum) -> None:
    """Let bytes that the principal has purged be taken again: the next upload of them is accepted. Idempotent.

    Raises:
        ActionForbiddenError: The credential does not allow changes.
        TombstoneNotFoundError: The principal has not purged them, or they were taken again since.
    """
    require_action(principal, Action.CHANGE)
    if not await repository.allow(tx, principal.user_id, checksum):
        raise TombstoneNotFoundError
