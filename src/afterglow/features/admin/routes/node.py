"""HTTP of the node's state, for the owner and administrators."""

from fastapi import APIRouter

from afterglow.features.admin import service
from afterglow.features.admin.routes.administrator import Administrator, Ports
from afterglow.features.admin.schemas import ScheduleOut, SchedulesOut, StatusOut
from afterglow.infra.web.tx import ReadTx, TransactionalRoute

router = APIRouter(prefix="/api/admin", tags=["admin"], route_class=TransactionalRoute)


@router.get("/status")
async def get_status(tx: ReadTx, ports: Ports, principal: Administrator) -> StatusOut:
    """Tell how the node is: disk, database, photos, failures, workers."""
    return StatusOut.of(await service.get_status(tx, ports, principal))


@router.get("/schedules")
async def list_schedules(tx: ReadTx, principal: Administrator) -> SchedulesOut:
    """List the recurring jobs, with their last and next runs."""
    return SchedulesOut(items=[ScheduleOut.of(one) for one in await service.list_schedules(tx, principal)])
