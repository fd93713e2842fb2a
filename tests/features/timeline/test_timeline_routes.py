"""GET /api/timeline and its months: order, borders, what is left out, and answers that cost nothing when unchanged."""

import base64
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import asyncpg
import httpx
import pytest

from afterglow.kernel.ids import PhotoId
from factories.product import Person, Product
from factories.rows import LONG_AGO, add_photo

pytestmark = pytest.mark.req("TML-1")

JUNE = datetime(2024, 6, 15, 12, 30)
COLUMNS = {"ids", "ratios", "placeholders", "takenLocal", "kinds", "statuses", "v", "favorites", "durations"}


async def add(as_owner: asyncpg.Connection, person: Person, *moments: datetime, **columns: object) -> list[PhotoId]:
    return [await add_photo(as_owner, person.account.id, taken_local=moment, **columns) for moment in moments]


async def months_of(person: Person) -> list[tuple[str, int]]:
    answer = await person.http.get("/api/timeline")
    assert answer.status_code == 200
    return [(month["month"], month["count"]) for month in answer.json()["months"]]


async def month_of(person: Person, month: str = "2024-06") -> dict[str, list[object]]:
    answer = await person.http.get(f"/api/timeline/{month}")
    assert answer.status_code == 200
    columns = answer.json()
    assert {len(columns[name]) for name in COLUMNS} == {len(columns["ids"])}
    assert sum(count for _, count in columns["days"]) == len(columns["ids"])
    return columns


def texts(photo_ids: Iterable[PhotoId]) -> list[str]:
    return [str(photo_id) for photo_id in photo_ids]


class TestMonths:
    async def test_an_empty_library_has_none(self, ana: Person) -> None:
        answer = await ana.http.get("/api/timeline")
        assert answer.json() == {"months": [], "version": 0}

    async def test_they_come_newest_first_with_their_counts(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        await add(as_owner, ana, datetime(2023, 12, 31, 23, 59), JUNE, JUNE, datetime(2024, 1, 1), datetime(1923, 5, 2))
        assert await months_of(ana) == [("2024-06", 2), ("2024-01", 1), ("2023-12", 1), ("1923-05", 1)]

    async def test_a_month_whose_photos_have_gone_is_left_out_and_the_version_still_grows(
        self, ana: Person, as_owner: asyncpg.Connection
    ) -> None:
        await add(as_owner, ana, JUNE)
        before = (await ana.http.get("/api/timeline")).json()["version"]
        await as_owner.execute("UPDATE photos SET deleted_at = now()")
        after = (await ana.http.get("/api/timeline")).json()
        assert after["months"] == []
        assert after["version"] > before

    async def test_trashed_and_archived_photos_do_not_count(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        await add(as_owner, ana, JUNE)
        await add(as_owner, ana, JUNE, archived=True)
        await add(as_owner, ana, JUNE, deleted_at=LONG_AGO)
        assert await months_of(ana) == [("2024-06", 1)]


class TestOrder:
    async def test_the_newest_is_first_and_equal_moments_are_ordered_by_id(
        self, ana: Person, as_owner: asyncpg.Connection
    ) -> None:
        ties = await add(as_owner, ana, JUNE, JUNE, JUNE)
        (older,) = await add(as_owner, ana, JUNE - timedelta(microseconds=1))
        (newer,) = await add(as_owner, ana, JUNE + timedelta(days=3))
        columns = await month_of(ana)
        assert columns["ids"] == texts([newer, *sorted(ties, reverse=True), older])
        assert columns["days"] == [["2024-06-18", 1], ["2024-06-15", 4]]

    async def test_a_month_begins_at_its_first_moment_and_ends_before_the_next_ones(
        self, ana: Person, as_owner: asyncpg.Connection
    ) -> None:
        first, last = datetime(2024, 6, 1), datetime(2024, 6, 30, 23, 59, 59, 999999)
        inside = await add(as_owner, ana, first, last)
        await add(as_owner, ana, first - timedelta(microseconds=1), last + timedelta(microseconds=1))
        assert (await month_of(ana))["ids"] == texts(reversed(inside))
        assert [count for _, count in await months_of(ana)] == [1, 2, 1]

    async def test_december_ends_with_the_year(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        photo_ids = await add(as_owner, ana, datetime(2024, 12, 31, 23, 59, 59), datetime(2025, 1, 1))
        assert (await month_of(ana, "2024-12"))["ids"] == texts(photo_ids[:1])
        assert (await month_of(ana, "2025-01"))["ids"] == texts(photo_ids[1:])

    async def test_the_clock_on_the_wall_decides_whatever_its_zone_or_summer_time(
        self, ana: Person, as_owner: asyncpg.Connection
    ) -> None:
        # In UTC this one is of July; and at half past two on this night no clock in Lisbon or Berlin stood so.
        await add(as_owner, ana, datetime(2024, 6, 30, 23, 30), offset_minutes=-180,
                  taken_at=datetime(2024, 7, 1, 2, 30, tzinfo=UTC))  # fmt: skip
        await add(as_owner, ana, datetime(2024, 3, 31, 2, 30), offset_minutes=60)
        assert await months_of(ana) == [("2024-06", 1), ("2024-03", 1)]
        assert (await month_of(ana))["takenLocal"] == ["2024-06-30T23:30:00.000"]
        assert (await month_of(ana, "2024-03"))["takenLocal"] == ["2024-03-31T02:30:00.000"]

    async def test_an_empty_month_is_no_error(self, ana: Person) -> None:
        columns = await month_of(ana, "1999-01")
        assert (columns["month"], columns["version"], columns["ids"], columns["days"]) == ("1999-01", 0, [], [])

    async def test_the_last_and_the_first_month_of_all_are_months_too(self, ana: Person) -> None:
        for month in ("0001-01", "9999-12"):
            assert (await month_of(ana, month))["ids"] == []


class TestColumns:
    async def test_a_tile_says_what_it_takes_to_lay_it_out_and_draw_it(
        self, ana: Person, as_owner: asyncpg.Connection
    ) -> None:
        (photo_id,) = await add(
            as_owner, ana, JUNE, kind="video", status="PROCESSED", width=1920, height=1080, placeholder=b"\1\2\3",
            derive_version=7, favorite=True, duration_ms=12_345,
        )  # fmt: skip
        columns = await month_of(ana)
        assert {name: columns[name] for name in COLUMNS} == {
            "ids": [str(photo_id)],
            "ratios": [1.7778],
            "placeholders": [base64.b64encode(b"\1\2\3").decode()],
            "takenLocal": ["2024-06-15T12:30:00.000"],
            "kinds": ["video"],
            "statuses": ["PROCESSED"],
            "v": [7],
            "favorites": [True],
            "durations": [12_345],
        }

    async def test_what_is_not_known_yet_is_null_and_square(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        await add(as_owner, ana, JUNE, width=None, height=None)
        columns = await month_of(ana)
        assert (columns["ratios"], columns["placeholders"], columns["v"], columns["durations"]) == (
            [1.0],
            [None],
            [0],
            [None],
        )


@pytest.mark.req("P-5")
class TestAccess:
    async def test_another_users_photos_are_absent(
        self, ana: Person, ben: Person, as_owner: asyncpg.Connection
    ) -> None:
        await add(as_owner, ben, JUNE)
        assert await months_of(ana) == []
        assert (await month_of(ana))["ids"] == []
        assert await months_of(ben) == [("2024-06", 1)]

    async def test_another_users_changes_do_not_show_in_the_version(
        self, ana: Person, ben: Person, as_owner: asyncpg.Connection
    ) -> None:
        before = await ana.http.get("/api/timeline/2024-06")
        await add(as_owner, ben, JUNE)
        assert (await ana.http.get("/api/timeline/2024-06")).headers["etag"] == before.headers["etag"]

    @pytest.mark.parametrize("path", ["/api/timeline", "/api/timeline/2024-06"])
    async def test_nobody_gets_nothing(self, product: Product, path: str) -> None:
        async with product.client() as nobody:
            assert (await nobody.get(path)).status_code == 401


@pytest.mark.parametrize("month", ["2024", "2024-13", "2024-6", "2024-00", "0000-01", "june", "2024-06-01"])
async def test_a_bad_month_is_refused_with_a_problem(ana: Person, month: str) -> None:
    answer = await ana.http.get(f"/api/timeline/{month}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "timeline.bad-month"


class TestCaching:
    async def get(self, person: Person, if_none_match: str | None = None) -> httpx.Response:
        headers = {} if if_none_match is None else {"If-None-Match": if_none_match}
        return await person.http.get("/api/timeline/2024-06", headers=headers)

    async def test_an_unchanged_month_is_not_sent_again(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        await add(as_owner, ana, JUNE)
        first = await self.get(ana)
        again = await self.get(ana, first.headers["etag"])
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        for answer in (first, again):
            assert answer.headers["cache-control"] == "private, no-cache"
            assert {name.strip() for name in answer.headers["vary"].split(",")} >= {"Authorization", "Cookie"}

    async def test_the_tag_is_known_in_a_list_and_as_a_proxy_weakens_it(
        self, ana: Person, as_owner: asyncpg.Connection
    ) -> None:
        await add(as_owner, ana, JUNE)
        etag = (await self.get(ana)).headers["etag"]
        for known in (f"W/{etag}", f'"other", {etag}', "*"):
            assert (await self.get(ana, known)).status_code == 304, known
        assert (await self.get(ana, '"other"')).status_code == 200

    @pytest.mark.parametrize(
        ("change", "shows"),
        [
            ("favorite = true", True),
            ("archived = true", True),
            ("deleted_at = now()", True),
            ("taken_local = taken_local + interval '1 month'", True),
            ("derive_version = 2", True),
            ("description = 'what no tile shows'", False),
        ],
    )
    async def test_a_change_that_tiles_show_is_sent_and_no_other(
        self, ana: Person, as_owner: asyncpg.Connection, change: str, shows: bool
    ) -> None:
        await add(as_owner, ana, JUNE)
        etag = (await self.get(ana)).headers["etag"]
        await as_owner.execute(f"UPDATE photos SET {change}")
        assert (await self.get(ana, etag)).status_code == (200 if shows else 304)

    async def test_the_version_in_the_body_is_the_tag(self, ana: Person, as_owner: asyncpg.Connection) -> None:
        await add(as_owner, ana, JUNE)
        answer = await self.get(ana)
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
        assert answer.json()["days"] == [[date(2024, 6, 15).isoformat(), 1]]
