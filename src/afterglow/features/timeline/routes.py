"""HTTP of the timeline."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from afterglow.features.timeline import service
from afterglow.features.timeline.rules import format_month, parse_month
from afterglow.features.timeline.schemas import MonthColumnsOut, MonthOut, TimelineOut, month_columns
from afterglow.infra.web.auth import CurrentPrincipal
from afterglow.infra.web.ranges import is_known, quote_tag
from afterglow.infra.web.tx import ReadTx, TransactionalRoute

router = APIRouter(prefix="/api/timeline", tags=["timeline"], route_class=TransactionalRoute)


@router.get("")
async def list_months(tx: ReadTx, principal: CurrentPrincipal) -> TimelineOut:
    """List the months that have photos, newest first."""
    months, version = await service.list_months(tx, principal)
    shown = [MonthOut(month=format_month(month.month), count=month.count) for month in months]
    return TimelineOut(months=shown, version=version)


@router.get("/{month}", response_model=MonthColumnsOut)
async def get_month(month: str, request: Request, tx: ReadTx, principal: CurrentPrincipal) -> Response:
    """Give a month's photos as columns; the ETag follows its version, so an unchanged month costs no photos."""
    start = parse_month(month)
    etag = str(await service.find_month_version(tx, principal, start))
    headers = {"ETag": quote_tag(etag), "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if is_known(request.headers, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    content = month_columns(await service.get_month(tx, principal, start))
    return Response(content, media_type="application/json", headers=headers)
