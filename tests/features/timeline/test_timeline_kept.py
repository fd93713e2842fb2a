"""Months that are kept as they were sent."""

from datetime import date
from uuid import UUID

import asyncpg
import pytest

from afterglow.features.timeline.service import KeptMonths
from afterglow.kernel.ids import UserId
from factories.product import Person
from factories.rows import add_photo

ANA, BEN = UserId(UUID(int=1)), UserId(UUID(int=2))
JUNE, JULY = date(2024, 6, 1), date(2024, 7, 1)


def test_a_month_is_found_by_its_owner_and_version_alone() -> None:
    kept = KeptMonths(100)
    kept.keep(ANA, JUNE, 3, b"june")
    assert kept.find(ANA, JUNE, 3) == b"june"
    assert [kept.find(ANA, JUNE, 4), kept.find(ANA, JULY, 3), kept.find(BEN, JUNE, 3)] == [None, None, None]


def test_a_newer_version_takes_the_place_of_the_older() -> None:
    kept = KeptMonths(10)
    for version in range(50):
        kept.keep(ANA, JUNE, version, b"12345")
        kept.keep(ANA, JULY, version, b"54321")
    assert (kept.find(ANA, JUNE, 49), kept.find(ANA, JULY, 49)) == (b"12345", b"54321")
    assert kept.find(ANA, JUNE, 48) is None


def test_what_was_not_asked_for_longest_makes_room() -> None:
    kept = KeptMonths(10)
    kept.keep(ANA, JUNE, 1, b"1234")
    kept.keep(ANA, JULY, 1, b"1234")
    assert kept.find(ANA, JUNE, 1)
    kept.keep(BEN, JUNE, 1, b"1234")
    assert [kept.find(ANA, JUNE, 1), kept.find(ANA, JULY, 1), kept.find(BEN, JUNE, 1)] == [b"1234", None, b"1234"]


def test_one_that_is_too_large_pushes_nothing_out() -> None:
    kept = KeptMonths(10)
    kept.keep(ANA, JUNE, 1, b"1234")
    kept.keep(ANA, JULY, 1, b"123456")
    assert (kept.find(ANA, JUNE, 1), kept.find(ANA, JULY, 1)) == (b"1234", None)
    kept.keep(ANA, JUNE, 2, b"123456")
    assert kept.find(ANA, JUNE, 1) is None


@pytest.mark.req("TML-1", "P-9")
async def test_an_unchanged_month_is_sent_again_without_its_photos_being_read(
    ana: Person, as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo_id = await add_photo(as_owner, ana.account.id)
    first = await ana.http.get("/api/timeline/2024-06")
    with monkeypatch.context() as without:
        without.setattr("afterglow.features.timeline.repository.get_month", None)
        assert (await ana.http.get("/api/timeline/2024-06")).content == first.content
    await as_owner.execute("UPDATE photos SET favorite = true WHERE id = $1", photo_id)
    assert (await ana.http.get("/api/timeline/2024-06")).json()["favorites"] == [True]
