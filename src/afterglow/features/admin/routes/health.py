"""HTTP of administration."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Response

from afterglow.features.admin import service
from afterglow.features.admin.schemas import LiveOut, PartOut, ReadyOut
from afterglow.features.admin.service import HealthPorts
from afterglow.infra.web.provide import Provided

router = APIRouter(prefix="/api/health", tags=["health"])

Ports = Annotated[HealthPorts, Provided(HealthPorts)]


@router.get("/live")
async def live() -> LiveOut:
    """Tell that the process answers."""
    return LiveOut()


@router.get("/ready", responses={503: {"model": ReadyOut, "description": "A part is ill."}})
async def ready(response: Response, ports: Ports) -> ReadyOut:
    """Tell which parts are well; 503 when one is not, except for a full disk: then only uploads are refused."""
    parts = await service.check_health(ports)
    is_well = all(part.is_well for part in parts)
    if not all(part.is_well for part in parts if part.is_needed):
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    shown = [PartOut(name=part.name, ok=part.is_well, problem=part.problem) for part in parts]
    return ReadyOut(status="ok" if is_well else "ill", parts=shown)
