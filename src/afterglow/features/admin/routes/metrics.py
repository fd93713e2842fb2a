"""HTTP of metrics, for Prometheus."""

from fastapi import APIRouter, Request, Response

from afterglow.features.admin import service
from afterglow.features.admin.errors import MetricsForbiddenError
from afterglow.features.admin.routes.administrator import Ports
from afterglow.infra.telemetry.exposition import CONTENT_TYPE

router = APIRouter(tags=["server"])

_PROXIES_SET = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def get_metrics(request: Request, ports: Ports) -> Response:
    """Give all metrics in Prometheus' text format, on this machine or with the token of the settings.

    Raises:
        MetricsForbiddenError: It is asked for from elsewhere, without the token.
    """
    address = request.client.host if request.client else None
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    is_forwarded = any(name in request.headers for name in _PROXIES_SET)
    shown = bearer.strip() if scheme.lower() == "bearer" else None
    if not service.may_scrape(address, shown, ports.metrics_token, is_forwarded=is_forwarded):
        raise MetricsForbiddenError
    return Response(await service.scrape(ports), media_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})
