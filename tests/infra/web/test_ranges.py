"""Conditional and partial requests."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.infra.web.ranges import Selection, http_date, plan_selection, quote_tag

SIZE = 1000
CHANGED = datetime(2025, 6, 1, 12, 0, 0, 999, tzinfo=UTC)
WHOLE = Selection(200, 0, SIZE)


def plan(method: str = "GET", size_bytes: int = SIZE, **headers: str) -> Selection:
    return plan_selection(
        method, {name.replace("_", "-"): value for name, value in headers.items()}, size_bytes, "tag", CHANGED
    )


@pytest.mark.parametrize(
    ("requested", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 1000),
        ("bytes=10-19", 10, 20),
        ("bytes=990-5000", 990, 1000),
        ("bytes=999-999", 999, 1000),
        ("bytes=-1", 999, 1000),
        ("bytes=-5000", 0, 1000),
        ("Bytes= 1 - 2 ", 1, 3),
    ],
)
def test_a_range_selects_its_bytes(requested: str, start: int, end: int) -> None:
    assert plan(range=requested) == Selection(206, start, end)


@pytest.mark.parametrize("requested", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=999999999999-"])
def test_a_range_beyond_the_end_is_refused(requested: str) -> None:
    assert plan(range=requested) == Selection(416)


def test_an_empty_file_has_no_range() -> None:
    assert plan(size_bytes=0, range="bytes=0-") == Selection(416)
    assert plan(size_bytes=0) == Selection(200, 0, 0)


@pytest.mark.parametrize(
    "requested",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=0-1,3-4",
        "items=0-1",
        "bytes=0-1x",
        "bytes=" + "9" * 99 + "-",
    ],
)
def test_what_is_not_understood_gets_the_whole(requested: str) -> None:
    assert plan(range=requested) == WHOLE


def test_ranges_are_for_get() -> None:
    assert plan("HEAD", range="bytes=0-0") == WHOLE


@pytest.mark.parametrize("tags", ['"tag"', 'W/"tag"', '"x", "tag"', '"x",W/"tag","y"', "*", ' "tag" '])
def test_who_has_it_gets_nothing(tags: str) -> None:
    assert plan(if_none_match=tags) == Selection(304)
    assert plan("HEAD", if_none_match=tags, range="bytes=0-0") == Selection(304)


@pytest.mark.parametrize("tags", ['"other"', "tag", '"ta"', '"tag', "", '"TAG"'])
def test_who_has_another_gets_it(tags: str) -> None:
    assert plan(if_none_match=tags, if_modified_since=http_date(CHANGED)) == WHOLE


def test_a_date_counts_to_the_second() -> None:
    assert plan(if_modified_since=http_date(CHANGED)) == Selection(304)
    assert plan(if_modified_since=http_date(CHANGED - timedelta(seconds=1))) == WHOLE
    assert plan(if_modified_since="yesterday") == WHOLE


@pytest.mark.parametrize("condition", ['"tag"', http_date(CHANGED)])
def test_a_download_goes_on_while_nothing_has_changed(condition: str) -> None:
    assert plan(range="bytes=5-", if_range=condition) == Selection(206, 5, SIZE)


@pytest.mark.parametrize(
    "condition", ['"other"', 'W/"tag"', "tag", "", http_date(CHANGED - timedelta(1)), http_date(CHANGED + timedelta(1))]
)
def test_a_download_of_something_else_starts_anew(condition: str) -> None:
    assert plan(range="bytes=5-", if_range=condition) == WHOLE


@given(st.text() | st.from_regex(r"bytes=[0-9,\- ]{0,20}", fullmatch=True), st.integers(0, 50))
def test_whatever_is_asked_the_selection_lies_in_the_file(requested: str, size_bytes: int) -> None:
    selection = plan(size_bytes=size_bytes, range=requested)
    assert selection.status in (200, 206, 416)
    assert 0 <= selection.start <= selection.end <= size_bytes
    assert (selection.status == 206) <= (selection.start < selection.end)


@given(st.text(), st.text(), st.text())
def test_no_header_breaks_it(tags: str, since: str, if_range: str) -> None:
    plan(if_none_match=tags, if_modified_since=since, if_range=if_range, range="bytes=0-1")


@pytest.mark.parametrize("tag", ["", 'a"b', "a b", "a\r\nb", "é"])
def test_a_tag_can_not_break_out_of_its_header(tag: str) -> None:
    with pytest.raises(ValueError, match="entity tag"):
        quote_tag(tag)
