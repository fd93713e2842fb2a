"""Lists and look-ups of photos: what is in them, in which order, and for whom."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterglow.features.access.errors import ActionForbiddenError
from afterglow.features.access.rules import Action
from afterglow.features.photos import service as photos
from afterglow.features.photos.errors import PhotoNotFoundError
from afterglow.features.photos.models import (
    Camera,
    Facts,
    NewPhoto,
    Photo,
    PhotoFilter,
    PhotoStatus,
    Position,
    Source,
    Taken,
)
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId, new_id
from afterglow.kernel.pages import BadCursorError, encode_cursor
from afterglow.kernel.principal import ALL_SCOPES, Principal, Role, Scope
from factories.rows import LONG_AGO, add_file, add_original, add_photo, add_user, insert

NOON = datetime(2024, 6, 15, 12)
EVERYTHING = PhotoFilter()


@pytest.fixture
async def ana_id(as_owner: asyncpg.Connection) -> UserId:
    return await add_user(as_owner)


@pytest.fixture
async def ben_id(as_owner: asyncpg.Connection) -> UserId:
    return await add_user(as_owner, "ben")


def principal(user_id: UserId, *scopes: Scope) -> Principal:
    return Principal(user_id, Role.MEMBER, frozenset(scopes) or ALL_SCOPES)


async def add(as_owner: asyncpg.Connection, owner_id: UserId, **columns: object) -> PhotoId:
    """A photo with its file and its original at home."""
    photo_id = await add_photo(as_owner, owner_id, **columns)
    await add_file(as_owner, owner_id, photo_id, await add_original(as_owner, photo_id))
    return photo_id


async def list_all(
    database: Database, owner_id: UserId, which: PhotoFilter = EVERYTHING, limit: int = 100
) -> list[Photo]:
    """All pages, one after the other, each in a transaction of its own."""
    found, cursor = [], None
    while True:
        async with database.transaction([owner_id], read_only=True) as tx:
            page = await photos.list_photos(tx, principal(owner_id), which, cursor, limit)
        assert len(page.items) <= limit
        found += page.items
        if (cursor := page.next_cursor) is None:
            return found


def ids(found: Sequence[Photo]) -> list[PhotoId]:
    return [photo.id for photo in found]


@pytest.mark.req("TML-1")
class TestPages:
    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(minutes=st.lists(st.integers(0, 5), max_size=12), limit=st.integers(1, 13))
    async def test_pages_of_any_size_give_every_photo_once_newest_first(
        self, database: Database, as_owner: asyncpg.Connection, minutes: list[int], limit: int
    ) -> None:
        owner_id = await add_user(as_owner)
        expected = {}
        for minute in minutes:
            moment = NOON + timedelta(minutes=minute)
            photo_id = await add(as_owner, owner_id, taken_local=moment)
            expected[photo_id] = (moment, photo_id)
        found = ids(await list_all(database, owner_id, limit=limit))
        assert found == sorted(expected, key=expected.__getitem__, reverse=True)

    async def test_they_are_stable_while_photos_arrive(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        for minute in range(6):
            await add(as_owner, ana_id, taken_local=NOON + timedelta(minutes=minute))
        async with database.transaction([ana_id], read_only=True) as tx:
            first = await photos.list_photos(tx, principal(ana_id), EVERYTHING, None, 3)
        newer, older = [await add(as_owner, ana_id, taken_local=NOON + timedelta(hours=hour)) for hour in (1, -1)]
        async with database.transaction([ana_id], read_only=True) as tx:
            rest = await photos.list_photos(tx, principal(ana_id), EVERYTHING, first.next_cursor, 50)
        seen = ids([*first.items, *rest.items])
        assert len(seen) == len(set(seen)) == 7
        assert seen[-1] == older
        assert newer not in seen

    @pytest.mark.parametrize(
        "cursor",
        ["", "x", "!!!", encode_cursor("2024-06-15T12:00:00"), encode_cursor("yesterday", str(new_id())),
         encode_cursor("2024-06-15T12:00:00", "no-id"), encode_cursor(1, 2),
         encode_cursor("2024-06-15T12:00:00+00:00", str(new_id()))],
        ids=range(8),
    )  # fmt: skip
    async def test_a_cursor_of_another_list_is_refused(self, database: Database, ana_id: UserId, cursor: str) -> None:
        async with database.transaction([ana_id], read_only=True) as tx:
            if not cursor:
                assert (await photos.list_photos(tx, principal(ana_id), EVERYTHING, cursor, 5)).items == []
                return
            with pytest.raises(BadCursorError):
                await photos.list_photos(tx, principal(ana_id), EVERYTHING, cursor, 5)


class TestFilters:
    async def test_each_filter_shows_what_it_says(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        plain = await add(as_owner, ana_id)
        failed = await add(as_owner, ana_id, status="FAILED")
        favorite = await add(as_owner, ana_id, favorite=True)
        archived = await add(as_owner, ana_id, archived=True)
        video = await add(as_owner, ana_id, kind="video")
        early = await add(as_owner, ana_id, taken_local=NOON - timedelta(days=1))
        await add(as_owner, ana_id, deleted_at=LONG_AGO)
        shown = {plain, failed, favorite, video, early}
        expected = [
            (EVERYTHING, shown),
            (PhotoFilter(status=PhotoStatus.FAILED), {failed}),
            (PhotoFilter(status=PhotoStatus.STORED), shown - {failed}),
            (PhotoFilter(favorite=True), {favorite}),
            (PhotoFilter(favorite=False), shown - {favorite}),
            (PhotoFilter(archived=True), {archived}),
            (PhotoFilter(kind="video"), {video}),
            (PhotoFilter(kind="photo"), shown - {video}),
            (PhotoFilter(taken_from=NOON), shown - {early}),
            (PhotoFilter(taken_to=NOON), {early}),
            (PhotoFilter(taken_from=NOON - timedelta(days=1), taken_to=NOON), {early}),
            (PhotoFilter(favorite=True, kind="video"), set()),
        ]
        for which, photo_ids in expected:
            assert set(ids(await list_all(database, ana_id, which))) == photo_ids, which


@pytest.mark.req("P-5")
class TestAccess:
    async def test_another_owners_photo_is_not_found_whatever_is_wanted(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, ben_id: UserId
    ) -> None:
        photo_id = await add(as_owner, ben_id)
        # Both owners' rows are visible here: the query itself has to ask for the owner.
        async with database.transaction([ana_id, ben_id]) as tx:
            for action in Action:
                with pytest.raises(PhotoNotFoundError):
                    await photos.get_photo(tx, principal(ana_id), photo_id, action)
            assert (await photos.list_photos(tx, principal(ana_id), EVERYTHING, None, 5)).items == []
            with pytest.raises(PhotoNotFoundError):
                await photos.lock_status(tx, ana_id, photo_id)
            assert await photos.find_raw_tags(tx, ana_id, photo_id) is None

    async def test_a_credential_for_uploads_alone_sees_nothing(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        photo_id = await add(as_owner, ana_id)
        async with database.transaction([ana_id], read_only=True) as tx:
            with pytest.raises(ActionForbiddenError):
                await photos.get_photo(tx, principal(ana_id, Scope.WRITE), photo_id)
            with pytest.raises(ActionForbiddenError):
                await photos.list_photos(tx, principal(ana_id, Scope.WRITE), EVERYTHING, None, 5)
            with pytest.raises(ActionForbiddenError):
                await photos.get_photo(tx, principal(ana_id, Scope.GALLERY), photo_id, Action.DOWNLOAD)


FACTS = Facts(
    taken=Taken(NOON, NOON.replace(tzinfo=UTC) - timedelta(hours=2), 120, "exif"),
    width=4000,
    height=3000,
    orientation=6,
    position=Position(41.15, -8.61, 90.5),
    camera=Camera("Nikon", "D90", "35 mm", 200, 1.8, 0.005, 35.0),
    rating=4,
    description="Ribeira ❤",
    tags=("porto", "river"),
    raw_tags={"Exif": {"ISO": 200}},
    notes=("a date was absurd",),
)


def new_photo(owner_id: UserId, checksum: Checksum, facts: Facts = FACTS) -> NewPhoto:
    return NewPhoto(PhotoId(new_id()), owner_id, "photo", "image/jpeg", "a.jpg", 7, checksum, facts)


class TestCreate:
    @pytest.mark.req("ING-7")
    async def test_what_is_written_is_what_is_read(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        checksum = await add_original(as_owner, "bytes")
        new = new_photo(ana_id, checksum)
        async with database.transaction([ana_id]) as tx:
            await photos.create_photo(tx, new, Source("upload", "a.jpg"))
        async with database.transaction([ana_id], read_only=True) as tx:
            photo = await photos.get_photo(tx, principal(ana_id), new.id)
            assert await photos.find_raw_tags(tx, ana_id, new.id) == (
                '{"Exif": {"ISO": 200}}',
                ["a date was absurd"],
            )
        assert (photo.taken, photo.position, photo.camera) == (FACTS.taken, FACTS.position, FACTS.camera)
        assert (photo.width, photo.height, photo.orientation, photo.ratio) == (4000, 3000, 6, 4 / 3)
        assert (photo.rating, photo.description, photo.tags) == (4, "Ribeira ❤", ("porto", "river"))
        assert (photo.status, photo.checksum, photo.size_bytes) == (PhotoStatus.INGESTED, checksum, 7)
        assert photo.is_stored

    @pytest.mark.req("ING-8")
    async def test_the_same_bytes_of_one_owner_cannot_become_two_photos(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, ben_id: UserId
    ) -> None:
        checksum = await add_original(as_owner, "bytes")

        async def create(owner_id: UserId) -> None:
            new = new_photo(owner_id, checksum)
            await database.run([owner_id], lambda tx: photos.create_photo(tx, new, Source("upload", "a.jpg")))

        await create(ana_id)
        await create(ben_id)
        with pytest.raises(asyncpg.UniqueViolationError):
            await create(ana_id)

    async def test_the_pixels_dimensions_stay_when_the_files_are_read_again(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId
    ) -> None:
        new = new_photo(ana_id, await add_original(as_owner, "bytes"))

        async def create_derive_and_read_again(tx: Tx) -> Photo:
            await photos.create_photo(tx, new, Source("upload", "a.jpg"))
            await tx.execute("UPDATE photos SET width = 30, height = 40, damaged = 'truncated', derive_version = 2")
            await photos.replace_facts(tx, ana_id, new.id, FACTS)
            return await photos.get_owned_photo(tx, ana_id, new.id)

        photo = await database.run([ana_id], create_derive_and_read_again)
        assert (photo.width, photo.height, photo.derive_version, photo.damaged) == (30, 40, 2, "truncated")


@pytest.mark.req("ING-8", "ING-9")
class TestKnown:
    async def test_an_owner_knows_their_own_bytes_and_nothing_of_anothers(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, ben_id: UserId
    ) -> None:
        mine, trashed = await add(as_owner, ana_id), await add(as_owner, ana_id, deleted_at=LONG_AGO)
        lost = await add_photo(as_owner, ana_id)
        await add_file(as_owner, ana_id, lost, lost_bytes := await add_original(as_owner, lost))
        await as_owner.execute("UPDATE original_locations SET state = 'missing' WHERE checksum = $1", lost_bytes)
        checksums = [
            Checksum(row["checksum"]) for row in await as_owner.fetch("SELECT checksum FROM originals ORDER BY 1")
        ]
        for owner_id in (ana_id, ben_id):
            async with database.transaction([owner_id], read_only=True) as tx:
                known = await photos.list_known(tx, owner_id, checksums)
            told = {each.photo_id: (each.in_trash, each.stored_at is not None) for each in known.values()}
            expected = {mine: (False, True), trashed: (True, True), lost: (False, False)}
            assert told == (expected if owner_id == ana_id else {})

    @pytest.mark.req("P-5")
    async def test_what_one_owner_has_purged_is_unknown_to_the_other(
        self, database: Database, as_owner: asyncpg.Connection, ana_id: UserId, ben_id: UserId
    ) -> None:
        gone = Checksum.of(b"gone")
        await insert(as_owner, "tombstones", owner_id=ana_id, checksum=gone, filename="a.jpg", created_at=LONG_AGO)
        for owner_id, expected in ((ana_id, {gone}), (ben_id, set())):
            async with database.transaction([owner_id], read_only=True) as tx:
                found = await photos.list_tombstoned(tx, owner_id, [gone, Checksum.of(b"other")])
            assert found == expected
