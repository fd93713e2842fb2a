"""HTTP of what an account takes up."""

from fastapi import APIRouter

from afterglow.features.accounts import service as accounts
from afterglow.features.uploads import service
from afterglow.features.uploads.schemas import UsageOut
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.idempotency import IdempotentRoute
from afterglow.infra.web.tx import ReadTx

router = APIRouter(prefix="/api", tags=["upload"], route_class=IdempotentRoute)


@router.get("/usage")
async def get_usage(tx: ReadTx, principal: CurrentPrincipal) -> UsageOut:
    """Tell what the caller's files take up, and what is left of the quota."""
    account = await accounts.get_account(tx, principal.user_id)
    return UsageOut.of(await service.get_usage(tx, principal.user_id), account.quota_bytes)
