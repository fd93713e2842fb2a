from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.features.timeline.errors import BadMonthError
from afterglow.features.timeline.rules import count_days, format_month, next_month, parse_month

pytestmark = pytest.mark.req("TML-1")

months = st.dates().map(lambda day: day.replace(day=1))


@given(months)
def test_a_month_is_read_as_it_is_written(month: date) -> None:
    assert parse_month(format_month(month)) == month


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024",
        "2024-6",
        "2024-13",
        "2024-00",
        "0000-01",
        "24-06",
        "2024-06-01",
        " 2024-06",
        "2024-06\n",
        "2024/06",
        "٢٠٢٤-٠٦",
        "-024-06",
        "layout",
    ],
)
def test_anything_else_is_no_month(text: str) -> None:
    with pytest.raises(BadMonthError):
        parse_month(text)


@given(months.filter(lambda month: (month.year, month.month) != (9999, 12)))
def test_the_next_month_begins_where_this_one_ends(month: date) -> None:
    end = next_month(month)
    last = end - timedelta(days=1)
    assert (last.year, last.month, end.day) == (month.year, month.month, 1)


def test_the_last_month_of_all_has_an_end_too() -> None:
    assert next_month(date(9999, 12, 1)) == date.max


@given(st.lists(st.datetimes()))
def test_days_keep_the_order_and_lose_nobody(moments: list[datetime]) -> None:
    days = count_days(sorted(moments, reverse=True))
    assert sum(count for _, count in days) == len(moments)
    assert [day for day, _ in days] == sorted({moment.date() for moment in moments}, reverse=True)
