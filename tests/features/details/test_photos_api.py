"""The composed photo: its shape, its list, and who may see it."""

import base64
import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterglow.kernel.ids import new_id
from afterglow.kernel.pages import BadCursorError, decode_cursor, encode_cursor
from factories import pictures
from factories.product import Person, Product
from factories.sending import sent

KEYS = {
    *("id", "ownerId", "status", "isProcessing", "isStored", "checksum", "size", "kind", "mime", "filename"),
    *("width", "height", "durationMs", "takenAt", "takenLocal", "offsetMinutes", "takenSource", "place", "camera"),
    *("placeholder", "ratio", "damaged", "favorite", "archived", "sensitive", "category", "isPrimary", "rating"),
    *("description", "tags", "labels", "organizationStatus", "organizedAt", "aiStatus", "deletedAt", "createdAt"),
    *("updatedAt", "v", "steps", "jobs", "receipt"),
}
STEP_KEYS = {"step", "state", "reason", "attempts", "version", "error", "errorCode", "nextTryAt"}
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def ids(person: Person, query: str = "") -> list[str]:
    return [item["id"] for item in (await person.http.get(f"/api/photos{query}")).json()["items"]]


async def taken(person: Person, seed: int, moment: datetime) -> str:
    return await sent(person, pictures.jpeg(seed, width=16, height=16, taken=moment))


@pytest.mark.req("TML-2", "LIFE-1", "LIFE-2", "ING-9")
async def test_a_photo_has_the_shape_of_the_interface(ana: Person, product: Product) -> None:
    content = pictures.located_jpeg(1)
    photo_id = await sent(ana, content, "Strand.JPG")
    await product.work()
    photo = (await ana.http.get(f"/api/photos/{photo_id}")).json()
    assert set(photo) == KEYS
    assert all(set(step) == STEP_KEYS for step in photo["steps"])
    assert (photo["id"], photo["ownerId"]) == (photo_id, str(ana.account.id))
    assert (photo["filename"], photo["size"], photo["kind"]) == ("Strand.JPG", len(content), "photo")
    assert (photo["status"], photo["isStored"], photo["isProcessing"], photo["jobs"]) == ("STORED", True, False, [])
    assert photo["place"]["latitude"] == pytest.approx(41.15)
    assert photo["place"]["longitude"] == pytest.approx(-8.6166, abs=1e-3)
    assert set(photo["place"]) == {"latitude", "longitude", "city", "region", "country"}
    assert (photo["camera"]["make"], photo["camera"]["model"]) == ("Makers", "Model 1")
    assert set(photo["camera"]) == {"make", "model", "lens", "iso", "aperture", "exposure", "focalLength"}
    assert (photo["width"], photo["height"], photo["ratio"]) == (320, 240, 1.3333)
    assert 15 < len(base64.b64decode(photo["placeholder"])) < 40
    assert photo["receipt"]["state"] == "stored"
    assert photo["aiStatus"] == {"state": "none", "startedAt": None, "completedAt": None}
    for name in ("takenAt", "createdAt", "updatedAt"):
        assert UTC_TIME.fullmatch(photo[name]), name
    assert UTC_TIME.fullmatch(photo["receipt"]["at"])
    assert not photo["takenLocal"].endswith("Z")


@pytest.mark.req("LIFE-2", "ADM-1")
async def test_steps_stand_in_the_order_of_the_pipeline(ana: Person) -> None:
    photo_id = await sent(ana, pictures.jpeg(2))
    photo = (await ana.http.get(f"/api/photos/{photo_id}")).json()
    assert [step["step"] for step in photo["steps"]][:3] == ["metadata", "derive", "offload"]
    (listed,) = (await ana.http.get("/api/photos")).json()["items"]
    assert listed == photo
    assert photo["isProcessing"] is True


@pytest.mark.req("ING-7")
async def test_the_whole_tag_set_can_be_read(ana: Person) -> None:
    photo_id = await sent(ana, pictures.located_jpeg(3))
    metadata = (await ana.http.get(f"/api/photos/{photo_id}/metadata")).json()
    assert set(metadata) == {"exif", "notes"}
    assert "Makers" in json.dumps(metadata["exif"])
    without = await sent(ana, pictures.png(3))
    assert (await ana.http.get(f"/api/photos/{without}/metadata")).json() == {"exif": {}, "notes": []}


@pytest.mark.req("TML-1", "TML-2")
async def test_the_list_is_in_the_order_of_the_wall_clock_and_filters(ana: Person, as_owner: Any) -> None:
    first, second, third = [await taken(ana, seed, datetime(2020, 1, 1 + seed, 12)) for seed in range(3)]
    assert await ids(ana) == [third, second, first]
    await as_owner.execute("UPDATE photos SET favorite = true WHERE id = $1", UUID(first))
    await as_owner.execute("UPDATE photos SET kind = 'video' WHERE id = $1", UUID(second))
    assert await ids(ana, "?favorite=true") == [first]
    assert await ids(ana, "?favorite=false") == [third, second]
    assert await ids(ana, "?kind=video") == [second]
    assert await ids(ana, "?kind=photo") == [third, first]
    assert await ids(ana, "?status=INGESTED") == [third, second, first]
    assert await ids(ana, "?status=STORED") == []
    assert await ids(ana, "?from=2020-01-02T12:00:00&to=2020-01-03T12:00:00") == [second]
    assert await ids(ana, "?from=2020-01-02T12:00:00Z") == [third, second]
    await as_owner.execute("UPDATE photos SET archived = true WHERE id = $1", UUID(third))
    assert await ids(ana) == [second, first]
    assert await ids(ana, "?archived=true") == [third]
    await as_owner.execute("UPDATE photos SET deleted_at = now() WHERE id = $1", UUID(second))
    assert await ids(ana) == [first]
    # A trashed photo can still be looked at.
    assert (await ana.http.get(f"/api/photos/{second}")).json()["deletedAt"]


@pytest.mark.parametrize(
    "query",
    [
        "?limit=0",
        "?limit=501",
        "?limit=x",
        "?status=GONE",
        "?kind=sound",
        "?favorite=maybe",
        "?from=yesterday",
        "?cursor=nonsense",
        "?cursor=%F0%9F%9A%97",
        "?cursor=" + base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("="),
        "?cursor=" + encode_cursor("2020-01-01T00:00:00"),
        "?cursor=" + encode_cursor("2020-01-01T00:00:00", "no id"),
        "?cursor=" + encode_cursor("no time", "00000000-0000-7000-8000-000000000000"),
        "?cursor=" + encode_cursor("2020-01-01T00:00:00+00:00", "00000000-0000-7000-8000-000000000000"),
        "?cursor=" + encode_cursor(1, 2),
    ],
)
@pytest.mark.req("TML-1")
async def test_what_the_list_does_not_know_is_refused(ana: Person, query: str) -> None:
    answer = await ana.http.get(f"/api/photos{query}")
    assert answer.status_code == 422
    assert answer.json()["code"] in {"request.invalid", "page.bad-cursor"}


@pytest.mark.req("TML-1")
async def test_limits_are_kept(ana: Person) -> None:
    for seed in range(3):
        await taken(ana, seed, datetime(2020, 1, 1))
    page = (await ana.http.get("/api/photos?limit=2")).json()
    assert len(page["items"]) == 2
    rest = (await ana.http.get(f"/api/photos?limit=2&cursor={page['nextCursor']}")).json()
    assert (len(rest["items"]), rest["nextCursor"]) == (1, None)
    exact = (await ana.http.get("/api/photos?limit=3")).json()
    assert (len(exact["items"]), exact["nextCursor"]) == (3, None)
    assert (await ana.http.get("/api/photos?limit=500")).status_code == 200


@pytest.mark.req("TML-1")
@given(
    days=st.lists(st.integers(0, 5), min_size=1, max_size=7),
    inserted=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), max_size=5),
    limit=st.integers(1, 4),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_pages_stay_stable_while_photos_arrive(
    ana: Person, as_owner: Any, days: list[int], inserted: list[tuple[int, int]], limit: int
) -> None:
    await as_owner.execute("DELETE FROM photos")
    before = {str(await insert_photo(as_owner, ana, day)) for day in days}
    arriving = sorted(inserted)
    seen: list[str] = []
    cursor, page_number = "", 0
    while cursor is not None:
        page = (await ana.http.get(f"/api/photos?limit={limit}{cursor and f'&cursor={cursor}'}")).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["nextCursor"]
        while arriving and arriving[0][0] <= page_number:
            await insert_photo(as_owner, ana, arriving.pop(0)[1])
        page_number += 1
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


async def insert_photo(as_owner: Any, person: Person, day: int) -> UUID:
    """A photo's rows, many of them taken at the same moment."""
    photo_id = new_id()
    moment = datetime(2020, 1, 1) + timedelta(days=day)
    await as_owner.execute(
        "INSERT INTO photos (id, owner_id, status, kind, mime, filename, taken_local, taken_at, taken_source, "
        "created_at, updated_at) "
        "VALUES ($1, $2, 'INGESTED', 'photo', 'image/jpeg', 'a.jpg', $3, now(), 'exif', now(), now())",
        photo_id,
        person.account.id,
        moment,
    )
    await as_owner.execute(
        "INSERT INTO photo_files (id, photo_id, owner_id, role, size_bytes, mime, name, source, created_at) "
        "VALUES ($1, $1, $2, 'primary', 1, 'image/jpeg', 'a.jpg', 'upload', now())",
        photo_id,
        person.account.id,
    )
    return photo_id


@given(st.text(max_size=80))
@settings(max_examples=300)
def test_a_cursor_of_strangers_is_refused_or_read(text: str) -> None:
    try:
        key = decode_cursor(text, 2)
    except BadCursorError:
        return
    assert len(key) == 2


@given(st.tuples(st.text(max_size=40), st.integers(-(2**63), 2**63)))
def test_a_cursor_holds_its_key(key: tuple[str, int]) -> None:
    assert decode_cursor(encode_cursor(*key), 2) == key


def photo_routes(product: Product) -> list[tuple[str, str]]:
    """All operations on one photo, from the interface's own description."""
    paths = product.app.openapi()["paths"]
    found = [
        (method.upper(), path)
        for path, operations in paths.items()
        for method in operations
        if "{photo_id}" in path and method in {"get", "head", "post", "put", "patch", "delete"}
    ]
    return [*found, *((("HEAD", path)) for method, path in found if method == "GET")]


@pytest.mark.req("P-5", "TML-2", "DER-4", "DWN-1")
async def test_another_owners_photo_is_not_there_on_any_route(ana: Person, ben: Person, product: Product) -> None:
    photo_id = await sent(ana, pictures.jpeg(4))
    await product.work()
    routes = photo_routes(product)
    assert len({path for _, path in routes}) >= 7
    for method, path in routes:
        target = path.format(photo_id=photo_id, step="derive")
        mine = await ana.http.request(method, target)
        others = await ben.http.request(method, target)
        nobodys = await product.client().request(method, target)
        if mine.status_code == 405:
            continue
        assert mine.status_code not in {401, 403, 404}, (method, path)
        assert others.status_code == 404, (method, path)
        assert nobodys.status_code == 401, (method, path)
        if method != "HEAD":
            assert others.json()["code"] == "photo.not-found", (method, path)
            unknown = await ben.http.request(method, target.replace(photo_id, "00000000-0000-7000-8000-000000000000"))
            assert unknown.json() | {"instance": ""} == others.json() | {"instance": ""}
            invalid = await ben.http.request(method, target.replace(photo_id, "1"))
            assert problem(invalid) == (422, "request.invalid")


@pytest.mark.req("P-5")
async def test_lists_hold_ones_own_only(ana: Person, ben: Person) -> None:
    photo_id = await sent(ana, pictures.jpeg(5))
    assert await ids(ana) == [photo_id]
    assert await ids(ben) == []
