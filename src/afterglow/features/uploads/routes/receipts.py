"""HTTP of receipts."""

from fastapi import APIRouter

from afterglow.features.ingest import service as ingest
from afterglow.features.uploads.schemas import (
    ReceiptItem,
    ReceiptsIn,
    ReceiptsOut,
)
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.idempotency import IdempotentRoute
from afterglow.infra.web.tx import ReadTx
from afterglow.kernel.checksums import Checksum

router = APIRouter(prefix="/api", tags=["upload"], route_class=IdempotentRoute)


@router.post("/receipts")
async def list_receipts(body: ReceiptsIn, tx: ReadTx, principal: CurrentPrincipal) -> ReceiptsOut:
    """Tell what is proven of the bytes behind these checksums, as far as the caller has them here."""
    checksums = [Checksum.parse(text) for text in dict.fromkeys(body.checksums)]
    receipts = await ingest.list_receipts(tx, principal.user_id, checksums)
    found = [(checksum, *receipts[checksum]) for checksum in checksums if checksum in receipts]
    return ReceiptsOut(items=[ReceiptItem.of(*entry) for entry in found])
