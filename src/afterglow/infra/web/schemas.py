"""Wire types: camelCase outside, snake_case inside."""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel
from starlette.responses import Response

T = TypeVar("T")


class WireModel(BaseModel):
    """Base of every body that is received or sent."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True, extra="ignore")


def iso_utc(moment: datetime) -> str:
    """Return ISO 8601 in UTC, to the millisecond, with a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_local(moment: datetime) -> str:
    """Return ISO 8601 without a zone, to the millisecond: what a clock on the wall said."""
    return moment.isoformat(timespec="milliseconds")


UtcTime = Annotated[datetime, PlainSerializer(iso_utc, return_type=str, when_used="json")]
LocalTime = Annotated[datetime, PlainSerializer(iso_local, return_type=str, when_used="json")]


class PageOut(WireModel, Generic[T]):
    """A page of a list; `nextCursor` is null at its end."""

    items: list[T]
    next_cursor: str | None


def written(body: WireModel) -> Response:
    """Return a body as its route's answer; FastAPI would validate it once more, for half of a long list's time."""
    return Response(body.model_dump_json(by_alias=True), media_type="application/json")
