"""HTTP of receipts, and of the keys that they are signed with."""

import asyncio

from fastapi import APIRouter

from afterglow.features.uploads import service
from afterglow.features.uploads.routes.request import Signer
from afterglow.features.uploads.schemas import KeySet, ReceiptItem, ReceiptsIn, ReceiptsOut
from afterglow.features.uploads.service import KnownReceipt
from afterglow.infra.crypto.receipts import ReceiptSigner, Statement
from afterglow.infra.db.database import Tx
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.idempotency import IdempotentRoute
from afterglow.infra.web.tx import ProvidedDatabase
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import UserId

router = APIRouter(prefix="/api", tags=["upload"], route_class=IdempotentRoute)


@router.post("/receipts")
async def list_receipts(
    body: ReceiptsIn, database: ProvidedDatabase, principal: CurrentPrincipal, signer: Signer, *, signed: bool = False
) -> ReceiptsOut:
    """Tell what is proven of the bytes behind these checksums, as far as the caller has them here.

    With `signed=1` each receipt comes signed, to be kept.
    """
    checksums = [Checksum.parse(text) for text in dict.fromkeys(body.checksums)]

    async def ask(tx: Tx) -> tuple[list[KnownReceipt], list[Checksum], dict[Checksum, int]]:
        found, purged = await service.list_receipts(tx, principal.user_id, checksums)
        known = [receipt.checksum for receipt in found] if signed else []
        return found, purged, await service.list_sizes(tx, principal.user_id, known)

    found, purged, sizes = await database.run(principal.owners, ask, read_only=True)
    # 10,000 signatures take half a second: after the transaction, and while other requests go on.
    signatures = await asyncio.to_thread(_sign, signer, principal.user_id, found, sizes)
    items = [ReceiptItem.of(known, signatures.get(known.checksum)) for known in found]
    return ReceiptsOut(items=items, tombstoned=[str(checksum) for checksum in purged])


def _sign(
    signer: ReceiptSigner, owner_id: UserId, found: list[KnownReceipt], sizes: dict[Checksum, int]
) -> dict[Checksum, str]:
    return {
        known.checksum: signer.sign(
            Statement(
                owner_id=owner_id,
                photo_id=known.photo_id,
                checksum=known.checksum,
                size_bytes=sizes[known.checksum],
                state=known.receipt.state.value,
                at=known.receipt.at,
            )
        )
        for known in found
        if known.checksum in sizes  # those that signatures were asked for, but for what was purged meanwhile
    }


@router.get("/servers/keys")
async def list_keys(signer: Signer) -> KeySet:
    """Return the public keys that this server signs receipts with, as a JWK set; for everybody."""
    return KeySet.model_validate(signer.key_set)
