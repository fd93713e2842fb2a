"""Wire types of the timeline."""

from datetime import date

import orjson
from pydantic import Field

from afterglow.features.timeline.models import MonthColumns, Months
from afterglow.features.timeline.rules import count_days, format_month
from afterglow.infra.web.schemas import WireModel


class MonthOut(WireModel):
    """A month and how many photos it has."""

    month: str = Field(examples=["2024-06"])
    count: int


class TimelineOut(WireModel):
    """The months that have photos, newest first."""

    months: list[MonthOut]
    version: int


class MonthColumnsOut(WireModel):
    """A month as columns of equal length, newest photo first; `v` is 0 while there are no derivatives."""

    month: str
    version: int
    ids: list[str]
    ratios: list[float]
    placeholders: list[str | None] = Field(description="thumbhash, base64")
    taken_local: list[str]
    kinds: list[str]
    statuses: list[str]
    v: list[int]
    favorites: list[bool]
    durations: list[int | None] = Field(description="milliseconds")
    days: list[tuple[date, int]] = Field(description="days with their number of photos, in the columns' order")


def months_json(months: Months) -> bytes:
    """Return the months as JSON (`TimelineOut`), past Pydantic: a client asks for them all the time."""
    shown = [{"month": format_month(month.month), "count": month.count} for month in months.months]
    return orjson.dumps({"months": shown, "version": months.version})


def month_json(columns: MonthColumns) -> bytes:
    """Return a month as JSON (`MonthColumnsOut`), past Pydantic: a month may hold tens of thousands of photos."""
    moments = columns.taken_local[1:-1].split('","') if columns.taken_local else []
    return orjson.dumps(
        {
            "month": format_month(columns.month),
            "version": columns.version,
            "ids": _array(columns.ids),
            "ratios": _array(columns.ratios),
            "placeholders": _array(columns.placeholders),
            "takenLocal": _array(columns.taken_local),
            "kinds": _array(columns.kinds),
            "statuses": _array(columns.statuses),
            "v": _array(columns.derive_versions),
            "favorites": _array(columns.favorites),
            "durations": _array(columns.durations),
            "days": count_days(moments),
        }
    )


def _array(inner: str) -> orjson.Fragment:
    return orjson.Fragment(f"[{inner}]")
