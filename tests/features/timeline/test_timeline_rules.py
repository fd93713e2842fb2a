import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.features.timeline.errors import BadMonthError
from afterglow.features.timeline.models import Layout, MonthCount
from afterglow.features.timeline.rules import (
    LAYOUT_HEADER,
    count_days,
    decode_ratio,
    encode_ratio,
    format_month,
    layout_bytes,
    next_month,
    parse_month,
    plan_batches,
)

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
    days = count_days(moment.isoformat() for moment in sorted(moments, reverse=True))
    assert sum(count for _, count in days) == len(moments)
    assert [day for day, _ in days] == sorted({moment.date().isoformat() for moment in moments}, reverse=True)


class TestRatioBytes:
    """One byte says a photo's shape well enough to lay it out."""

    # Beyond 11.5:1 all are alike: as wide, or as high, as it goes.
    WIDEST = 11.5

    @given(st.integers(1, 100_000), st.integers(1, 100_000))
    def test_the_ratio_comes_back_within_one_percent(self, width: int, height: int) -> None:
        byte = encode_ratio(width, height)
        shown = min(self.WIDEST, max(1 / self.WIDEST, width / height))
        assert 1 <= byte <= 255
        assert decode_ratio(byte) == pytest.approx(shown, rel=0.01)

    @pytest.mark.parametrize(("width", "height"), [(4, 3), (3, 2), (16, 9), (1, 1), (3, 4), (2, 3), (9, 16)])
    def test_the_shapes_that_cameras_make_come_back_nearly_exactly(self, width: int, height: int) -> None:
        assert decode_ratio(encode_ratio(width, height)) == pytest.approx(width / height, rel=0.0025)

    def test_an_unknown_shape_is_a_square(self) -> None:
        assert encode_ratio(None, 3) == encode_ratio(4, None) == 0
        assert decode_ratio(0) == 1.0

    def test_the_web_client_decodes_the_same(self) -> None:
        model = Path(__file__).parents[3] / "web" / "src" / "features" / "timeline" / "model"
        examples = json.loads((model / "ratio-bytes.examples.json").read_text())
        assert {int(byte): round(decode_ratio(int(byte)), 6) for byte in examples} == {
            int(byte): ratio for byte, ratio in examples.items()
        }


def test_a_layout_says_what_it_is_before_its_bytes() -> None:
    content = layout_bytes(Layout(version=2**40 + 7, ratios=b"\x80\x00\x8f"))
    assert LAYOUT_HEADER.unpack_from(content) == (b"AGTL", 1, 24, 3, 0, 2**40 + 7)
    assert content[24:] == b"\x80\x00\x8f"


@given(st.lists(st.integers(0, 300)), st.integers(1, 500))
def test_batches_keep_the_order_and_are_as_large_as_they_may(counts: list[int], most: int) -> None:
    months = [MonthCount(date(1 + number, 1, 1), count, 1) for number, count in enumerate(counts)]
    batches = list(plan_batches(months, most))
    assert [month for batch in batches for month in batch] == months
    sizes = [sum(month.count for month in batch) for batch in batches]
    assert all(size <= most or len(batch) == 1 for size, batch in zip(sizes, batches, strict=True))
    following = [batch[0].count for batch in batches[1:]]
    assert all(size + first > most for size, first in zip(sizes, following, strict=False))
