"""Bucket arithmetic of the timeline; pure."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby

from afterglow.features.timeline.errors import BadMonthError

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


def parse_month(text: str) -> date:
    """Return the first day of a month written as 2024-06.

    Raises:
        BadMonthError: It is written otherwise, or there is no such month.
    """
    match = _MONTH.fullmatch(text)
    if match is None:
        raise BadMonthError
    try:
        return date(int(match[1]), int(match[2]), 1)
    except ValueError as error:
        raise BadMonthError from error


def format_month(month: date) -> str:
    """Return a month as 2024-06."""
    return f"{month.year:04}-{month.month:02}"


def next_month(month: date) -> date:
    """Return the first day of the month after; December 9999 has none and stays its own end."""
    if (month.year, month.month) == (date.max.year, date.max.month):
        return date.max
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def count_days(taken_local: Sequence[datetime]) -> list[tuple[date, int]]:
    """Return the days of a month's photos with their counts, in the order given."""
    return [(day, sum(1 for _ in group)) for day, group in groupby(moment.date() for moment in taken_local)]
