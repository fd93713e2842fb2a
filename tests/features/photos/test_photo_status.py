"""The transition table of a photo's status: in Python, in the database, and equal."""

from itertools import product

import asyncpg
import pytest

from afterglow.features.photos import service as photos
from afterglow.features.photos.models import PhotoStatus
from afterglow.features.photos.rules import TRANSITIONS, may_become
from afterglow.infra.db.database import Database
from factories.rows import add_photo, add_user, get_status

pytestmark = pytest.mark.req("LIFE-1")


async def test_the_table_in_the_database_is_the_one_in_the_rules(as_owner: asyncpg.Connection) -> None:
    rows = await as_owner.fetch("SELECT from_status, to_status FROM photo_transitions")
    assert {(PhotoStatus(row[0]), PhotoStatus(row[1])) for row in rows} == TRANSITIONS


def test_nothing_goes_back_to_uploaded_and_nothing_becomes_itself() -> None:
    assert not any(may_become(status, PhotoStatus.UPLOADED) for status in PhotoStatus)
    assert not any(may_become(status, status) for status in PhotoStatus)
    assert {new for current, new in TRANSITIONS if current is PhotoStatus.UPLOADED} == {
        PhotoStatus.INGESTED,
        PhotoStatus.FAILED,
    }


@pytest.mark.parametrize(("current", "new"), list(product(PhotoStatus, PhotoStatus)))
async def test_the_database_lets_pass_what_the_table_allows_and_nothing_else(
    database: Database, as_owner: asyncpg.Connection, current: PhotoStatus, new: PhotoStatus
) -> None:
    owner_id = await add_user(as_owner)
    photo_id = await add_photo(as_owner, owner_id, status=current.value)
    change = database.run([owner_id], lambda tx: photos.set_status(tx, owner_id, photo_id, new))
    if current is new or may_become(current, new):
        await change
        assert await get_status(as_owner, photo_id) == new
    else:
        with pytest.raises(asyncpg.CheckViolationError, match=f"from {current} to {new}"):
            await change
        assert await get_status(as_owner, photo_id) == current


async def test_a_status_that_does_not_exist_is_refused(as_owner: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await add_photo(as_owner, await add_user(as_owner), status="LOST")
