"""Receipts in bulk: what is proven of many files at once, and which of them nobody needs to send."""

from collections.abc import Sequence
from dataclasses import dataclass

from afterglow.features.ingest import service as ingest
from afterglow.features.ingest.models import Receipt
from afterglow.features.photos import service as photos
from afterglow.features.uploads import repository
from afterglow.infra.db.database import Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId


@dataclass(frozen=True, slots=True)
class KnownReceipt:
    """What is proven of a photo's bytes."""

    checksum: Checksum
    photo_id: PhotoId
    receipt: Receipt
    is_in_trash: bool


async def list_receipts(
    tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]
) -> tuple[list[KnownReceipt], list[Checksum]]:
    """Return the receipts of those of the checksums that the owner has, and those that the owner has purged.

    Both in the order of the question. Nothing is said of bytes that only others have.
    """
    known = await photos.list_known(tx, owner_id, checksums)
    purged = await photos.list_tombstoned(tx, owner_id, [checksum for checksum in checksums if checksum not in known])
    found = [
        KnownReceipt(checksum, entry.photo_id, ingest.receipt_of(entry), entry.in_trash)
        for checksum in checksums
        if (entry := known.get(checksum))
    ]
    return found, [checksum for checksum in checksums if checksum in purged]


async def list_sizes(tx: Tx, owner_id: UserId, checksums: Sequence[Checksum]) -> dict[Checksum, int]:
    """Return the sizes of those of the owner's files that have these bytes [bytes]."""
    return await repository.list_sizes(tx, owner_id, checksums) if checksums else {}
