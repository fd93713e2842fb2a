"""Receipts: what is proven of a photo's bytes."""

from afterglow.features.ingest.models import Receipt, ReceiptState
from afterglow.features.photos import service as photos
from afterglow.features.photos.models import Known
from afterglow.infra.db.database import Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId


def receipt_of(known: Known) -> Receipt:
    """Return what is proven of a photo's bytes."""
    if known.stored_at:
        return Receipt(ReceiptState.STORED, known.stored_at)
    return Receipt(ReceiptState.RECEIVED, known.received_at)


async def list_receipts(tx: Tx, owner_id: UserId, checksums: list[Checksum]) -> dict[Checksum, tuple[PhotoId, Receipt]]:
    """Return what is proven of these bytes of this owner; nothing is said of bytes that only others have."""
    known = await photos.list_known(tx, owner_id, checksums)
    return {checksum: (entry.photo_id, receipt_of(entry)) for checksum, entry in known.items()}
