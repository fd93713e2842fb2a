"""Upload sessions: chunks, offsets, completion."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterglow.features.uploads.service import appending
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.units import MIB
from factories import pictures
from factories.product import Person, Product
from factories.sending import (
    complete,
    exchange,
    filled,
    open_session,
    original_of,
    originals,
    parts,
    put,
    send,
    sent,
    state_of,
)

CONTENT = pictures.jpeg(1)
CHECKSUM = str(Checksum.of(CONTENT))


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.req("ING-1", "ING-9", "P-1", "P-2")
async def test_a_session_is_opened_filled_and_completed(ana: Person, product: Product) -> None:
    session = await open_session(ana, CONTENT, filename="Urlaub/eins.jpg", checksum=CHECKSUM)
    assert session["uploadUrl"] == f"/api/upload-sessions/{session['id']}/chunks"
    assert (session["offset"], session["alreadyExists"], session["photoId"]) == (0, False, None)
    assert session["chunkSize"] > 0
    half = len(CONTENT) // 2
    assert (await put(ana, session, 0, CONTENT[:half])).json() == {"offset": half}
    state = await state_of(ana, session)
    assert (state["offset"], state["size"], state["state"]) == (half, len(CONTENT), "open")
    head = await ana.http.head(f"/api/upload-sessions/{session['id']}")
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == (str(half), str(len(CONTENT)))
    assert (await put(ana, session, half, CONTENT[half:])).json() == {"offset": len(CONTENT)}
    answer = await complete(ana, session)
    assert answer.status_code == 200
    accepted = answer.json()
    assert (accepted["checksum"], accepted["receipt"]["state"]) == (CHECKSUM, "stored")
    photo = (await ana.http.get(f"/api/photos/{accepted['photoId']}")).json()
    assert (photo["filename"], photo["isStored"]) == ("eins.jpg", True)
    assert original_of(product, CONTENT).read_bytes() == CONTENT
    assert parts(product) == []


@pytest.mark.req("ING-1")
@given(sizes=st.lists(st.integers(min_value=1, max_value=len(CONTENT)), min_size=1, max_size=6))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_chunks_may_have_any_size(ana: Person, product: Product, sizes: list[int]) -> None:
    # The same bytes each time: the file in the store has to be the same, whoever of them came first.
    session = await open_session(ana, CONTENT)
    offset = 0
    for size in [*sizes, len(CONTENT)]:
        if offset < len(CONTENT):
            offset = (await put(ana, session, offset, CONTENT[offset : offset + size])).json()["offset"]
    assert offset == len(CONTENT)
    assert (await complete(ana, session)).status_code == 200
    assert original_of(product, CONTENT).read_bytes() == CONTENT


@pytest.mark.req("ING-1")
async def test_a_wrong_offset_is_told_the_right_one(ana: Person) -> None:
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:100])
    for offset in (0, 99, 101, len(CONTENT), 10**15):
        answer = await put(ana, session, offset, CONTENT[100:200])
        assert problem(answer) == (409, "upload.offset-mismatch")
        assert answer.json()["offset"] == 100
    assert (await ana.http.put(f"/api/upload-sessions/{session['id']}/chunks?offset=-1")).status_code == 422
    assert (await ana.http.put(f"/api/upload-sessions/{session['id']}/chunks")).status_code == 422
    assert (await state_of(ana, session))["offset"] == 100


@pytest.mark.req("ING-1")
@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_chunk_longer_than_the_file_is_refused(ana: Person, product: Product, is_announced: bool) -> None:
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:100])
    too_long = [CONTENT[100:], b"one more"]
    headers = {"content_length": str(sum(map(len, too_long)))} if is_announced else {"transfer_encoding": "chunked"}
    target = f"{session['uploadUrl']}?offset=100"
    done = await exchange(product, ana, "PUT", target, too_long, **headers).run()
    assert done.status == 413
    assert b'"code":"upload.too-many-bytes"' in done.body
    assert (await state_of(ana, session))["offset"] == 100
    # The session is none the worse for it.
    assert (await put(ana, session, 100, CONTENT[100:])).status_code == 200
    assert (await complete(ana, session)).status_code == 200
    assert original_of(product, CONTENT).read_bytes() == CONTENT


@pytest.mark.req("ING-1", "P-4")
async def test_of_two_chunks_at_once_one_is_told_to_wait(ana: Person, product: Product) -> None:
    session = await open_session(ana, CONTENT)
    target = f"{session['uploadUrl']}?offset=0"
    slow = exchange(product, ana, "PUT", target, [CONTENT[:10]], content_length=str(len(CONTENT)))
    slow.breaks_off = True
    gate = asyncio.Event()
    receive = slow._receive

    async def waiting() -> dict[str, Any]:
        if slow.received == 1:
            await gate.wait()
        return await receive()

    slow._receive = waiting  # type: ignore[method-assign]
    running = asyncio.ensure_future(slow.run())
    while slow.received == 0:  # noqa: ASYNC110 - what runs tells nobody
        await asyncio.sleep(0.01)
    for _ in range(200):
        second = await put(ana, session, 0, CONTENT)
        if second.status_code == 409:
            break
    assert problem(second) == (409, "upload.busy")
    assert problem(await ana.http.delete(f"/api/upload-sessions/{session['id']}")) == (409, "upload.busy")
    gate.set()
    await running
    assert (await state_of(ana, session))["offset"] == 10


@pytest.mark.req("ING-1", "P-4")
async def test_a_break_in_the_middle_of_a_chunk_keeps_what_arrived(ana: Person, product: Product) -> None:
    content = pictures.as_if_large(3 * MIB)
    session = await open_session(ana, content)
    target = f"{session['uploadUrl']}?offset=0"
    arrived = [content[: MIB + 7], content[MIB + 7 : 2 * MIB + 1]]
    broken = exchange(product, ana, "PUT", target, arrived, content_length=str(len(content)))
    broken.breaks_off = True
    await broken.run()
    assert broken.status == 499
    offset = (await state_of(ana, session))["offset"]
    assert offset == 2 * MIB + 1
    assert (await put(ana, session, offset, content[offset:])).json() == {"offset": len(content)}
    assert (await complete(ana, session)).status_code == 200
    assert original_of(product, content).read_bytes() == content


@pytest.mark.req("ING-1", "P-4")
async def test_a_chunk_as_long_as_a_film_is_promised_as_it_goes(
    ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending, "PROMISE_EVERY_BYTES", MIB)
    content = pictures.as_if_large(4 * MIB)
    session = await open_session(ana, content)
    pieces = [content[at : at + MIB] for at in range(0, 3 * MIB, MIB)]
    sending = exchange(product, ana, "PUT", f"{session['uploadUrl']}?offset=0", pieces, content_length=str(4 * MIB))
    sending.breaks_off = True
    receive = sending._receive

    async def killed() -> dict[str, Any]:
        if sending.received == len(pieces):
            raise asyncio.CancelledError
        return await receive()

    sending._receive = killed  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await sending.run()
    assert (await state_of(ana, session))["offset"] == 3 * MIB


@pytest.mark.req("ING-1")
async def test_an_incomplete_file_is_not_completed(ana: Person) -> None:
    session = await open_session(ana, CONTENT)
    await put(ana, session, 0, CONTENT[:100])
    answer = await complete(ana, session)
    assert problem(answer) == (409, "upload.incomplete")
    assert answer.json()["offset"] == 100


@pytest.mark.req("ING-1", "P-1")
async def test_other_bytes_than_announced_are_refused_and_nothing_is_kept(ana: Person, product: Product) -> None:
    session = await filled(ana, CONTENT, checksum="0" * 64)
    answer = await complete(ana, session)
    assert problem(answer) == (422, "upload.checksum-mismatch")
    assert answer.json()["checksum"] == CHECKSUM
    assert (parts(product), originals(product)) == ([], [])
    assert problem(await complete(ana, session)) == (404, "upload.not-found")


@pytest.mark.req("ING-5")
async def test_a_session_of_something_else_is_refused_and_nothing_is_kept(ana: Person, product: Product) -> None:
    session = await filled(ana, b"%PDF-1.7", filename="holiday.jpg")
    assert problem(await complete(ana, session)) == (415, "ingest.unsupported-type")
    assert parts(product) == []
    assert problem(await ana.http.get(f"/api/upload-sessions/{session['id']}")) == (404, "upload.not-found")


async def test_a_session_for_nothing_is_not_opened(ana: Person) -> None:
    answer = await ana.http.post("/api/upload-sessions", json={"filename": "a.jpg", "size": 0})
    assert problem(answer) == (422, "ingest.empty-file")
    too_large = {"filename": "a.jpg", "size": 2**62}
    assert problem(await ana.http.post("/api/upload-sessions", json=too_large)) == (413, "upload.too-large")


@pytest.mark.parametrize(
    "body",
    [
        {"filename": "", "size": 1},
        {"filename": "a" * 5000, "size": 1},
        {"filename": "a.jpg", "size": -1},
        {"filename": "a.jpg", "size": 2**70},
        {"filename": "a.jpg", "size": 1, "checksum": "abc"},
        {"filename": "a.jpg", "size": 1, "checksum": "g" * 64},
        {"filename": "a.jpg", "size": 1, "modifiedAt": "2019-03-02T10:00:00"},
        {"filename": "a.jpg", "size": 1, "deviceId": "mine"},
        {"size": 1},
        [],
    ],
)
async def test_a_malformed_wish_is_refused(ana: Person, body: Any) -> None:
    answer = await ana.http.post("/api/upload-sessions", json=body)
    assert answer.status_code in {413, 422}
    assert answer.json()["code"]


@pytest.mark.req("ING-7")
@pytest.mark.parametrize("modified_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
async def test_a_session_drops_an_absurd_modification_time(ana: Person, modified_at: str) -> None:
    session = await filled(ana, CONTENT, filename="a\0b\x1b.jpg", modifiedAt=modified_at)
    photo_id = (await complete(ana, session)).json()["photoId"]
    photo = (await ana.http.get(f"/api/photos/{photo_id}")).json()
    assert (photo["takenSource"], photo["filename"]) == ("upload", "ab.jpg")


@pytest.mark.req("ING-1")
async def test_completing_twice_gives_the_same_answer(ana: Person) -> None:
    session = await filled(ana, CONTENT)
    first = await complete(ana, session)
    second = await complete(ana, session)
    assert (second.status_code, second.json()) == (200, first.json())
    assert second.json()["duplicate"] is False
    state = await state_of(ana, session)
    assert (state["state"], state["offset"], state["photoId"]) == ("done", len(CONTENT), first.json()["photoId"])
    answer = await put(ana, session, len(CONTENT), b"more")
    assert problem(answer) == (409, "upload.offset-mismatch")
    assert answer.json()["offset"] == len(CONTENT)


@pytest.mark.req("ING-1", "ING-8")
async def test_completing_a_duplicate_twice_gives_the_same_answer(ana: Person) -> None:
    photo_id = await sent(ana, CONTENT)
    session = await filled(ana, CONTENT)
    first = (await complete(ana, session)).json()
    assert (first["photoId"], first["duplicate"]) == (photo_id, True)
    assert (await complete(ana, session)).json() == first


@pytest.mark.req("ING-1", "SYN-4")
async def test_completing_purged_bytes_twice_gives_the_same_answer(
    ana: Person, product: Product, as_owner: Any
) -> None:
    session = await filled(ana, CONTENT)
    await as_owner.execute(
        "INSERT INTO tombstones VALUES ($1, $2, 'a.jpg', now())", ana.account.id, bytes.fromhex(CHECKSUM)
    )
    first = (await complete(ana, session)).json()
    assert (first["tombstoned"], first["checksum"], first["photoId"]) == (True, CHECKSUM, None)
    assert (await complete(ana, session)).json() == first
    assert (parts(product), originals(product)) == ([], [])


@pytest.mark.req("ING-1")
async def test_completing_again_tells_what_has_become_of_the_photo(ana: Person, as_owner: Any) -> None:
    session = await filled(ana, CONTENT)
    await complete(ana, session)
    await as_owner.execute("DELETE FROM photos")
    assert problem(await complete(ana, session)) == (404, "upload.not-found")
    await as_owner.execute(
        "INSERT INTO tombstones VALUES ($1, $2, 'a.jpg', now())", ana.account.id, bytes.fromhex(CHECKSUM)
    )
    assert (await complete(ana, session)).json()["tombstoned"] is True


@pytest.mark.req("ING-1", "ING-8")
async def test_completing_twice_at_once_makes_one_photo(ana: Person, product: Product, as_owner: Any) -> None:
    session = await filled(ana, CONTENT)
    answers = await asyncio.gather(*(complete(ana, session) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["photoId"] for answer in answers if answer.status_code == 200}) == 1
    assert (await complete(ana, session)).status_code == 200
    assert await as_owner.fetchval("SELECT count(*) FROM photos") == 1
    assert (len(originals(product)), parts(product)) == (1, [])


@pytest.mark.req("ING-1", "ING-8")
async def test_the_same_file_in_several_sessions_at_once_is_one_photo(
    ana: Person, product: Product, as_owner: Any
) -> None:
    sessions = [await open_session(ana, CONTENT, filename=f"{number}.jpg") for number in range(4)]
    await asyncio.gather(*(put(ana, session, 0, CONTENT) for session in sessions))
    answers = [answer.json() for answer in await asyncio.gather(*(complete(ana, session) for session in sessions))]
    assert len({answer["photoId"] for answer in answers}) == 1
    assert sorted(answer["duplicate"] for answer in answers) == [False, True, True, True]
    assert await as_owner.fetchval("SELECT count(*) FROM photos") == 1
    assert await as_owner.fetchval("SELECT count(*) FROM photo_sources") == 4
    assert (len(originals(product)), parts(product)) == (1, [])


@pytest.mark.req("ING-1")
async def test_several_files_are_sent_side_by_side(ana: Person, product: Product) -> None:
    contents = [pictures.jpeg(seed) for seed in range(6)]
    sessions = [await open_session(ana, content) for content in contents]

    async def send_in_pieces(session: dict[str, Any], content: bytes) -> str:
        for offset in range(0, len(content), 1500):
            assert (await put(ana, session, offset, content[offset : offset + 1500])).status_code == 200
        return str((await complete(ana, session)).json()["checksum"])

    sent_checksums = await asyncio.gather(*map(send_in_pieces, sessions, contents))
    assert sent_checksums == [str(Checksum.of(content)) for content in contents]


@pytest.mark.req("ING-1", "ING-8")
async def test_known_bytes_need_no_upload(ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    photo_id = await sent(ana, CONTENT)

    async def no_room(*_: object) -> None:
        raise AssertionError("asked for room that is not needed")

    monkeypatch.setattr(product.node.spool.__class__, "require_room", no_room)
    session = await open_session(ana, CONTENT, checksum=CHECKSUM, filename="other.jpg")
    assert (session["alreadyExists"], session["photoId"], session["inTrash"]) == (True, photo_id, False)
    assert session["offset"] == len(CONTENT)
    answer = (await complete(ana, session)).json()
    assert (answer["photoId"], answer["duplicate"], answer["receipt"]["state"]) == (photo_id, True, "stored")


@pytest.mark.req("ING-1", "SYN-4")
async def test_trashed_and_purged_bytes_need_no_upload(ana: Person, as_owner: Any) -> None:
    photo_id = await sent(ana, CONTENT)
    await as_owner.execute("UPDATE photos SET deleted_at = now()")
    session = await open_session(ana, CONTENT, checksum=CHECKSUM)
    assert (session["alreadyExists"], session["photoId"], session["inTrash"]) == (True, photo_id, True)
    purged = Checksum.of(b"purged")
    await as_owner.execute("INSERT INTO tombstones VALUES ($1, $2, 'b.jpg', now())", ana.account.id, bytes(purged))
    session = await open_session(ana, b"purged", checksum=str(purged))
    assert (session["alreadyExists"], session["tombstoned"], session["photoId"]) == (False, True, None)
    assert (await complete(ana, session)).json()["tombstoned"] is True


@pytest.mark.req("ING-1", "ING-8", "P-5")
async def test_a_checksum_neither_reveals_nor_grants_another_owners_bytes(
    ana: Person, ben: Person, product: Product
) -> None:
    photo_id = await sent(ana, CONTENT)
    session = await open_session(ben, CONTENT, checksum=CHECKSUM)
    assert (session["alreadyExists"], session["photoId"], session["offset"]) == (False, None, 0)
    assert problem(await complete(ben, session)) == (409, "upload.incomplete")
    await put(ben, session, 0, CONTENT)
    answer = (await complete(ben, session)).json()
    assert answer["duplicate"] is False
    assert answer["photoId"] != photo_id
    assert originals(product) == [original_of(product, CONTENT)]


@pytest.mark.req("ING-1", "P-5")
async def test_another_owners_session_is_not_there(ana: Person, ben: Person) -> None:
    session = await open_session(ana, CONTENT)
    path = f"/api/upload-sessions/{session['id']}"
    for method, target in [
        ("GET", path),
        ("HEAD", path),
        ("DELETE", path),
        ("POST", f"{path}/complete"),
        ("PUT", f"{path}/chunks?offset=0"),
    ]:
        assert (await ben.http.request(method, target, content=b"x" if method == "PUT" else None)).status_code == 404
    assert (await state_of(ana, session))["offset"] == 0


@pytest.mark.req("ING-1")
async def test_an_aborted_upload_leaves_nothing(ana: Person, product: Product) -> None:
    session = await filled(ana, CONTENT)
    path = f"/api/upload-sessions/{session['id']}"
    assert (await ana.http.delete(path)).status_code == 204
    assert parts(product) == []
    assert problem(await ana.http.get(path)) == (404, "upload.not-found")
    assert problem(await put(ana, session, 0, CONTENT)) == (404, "upload.not-found")
    assert problem(await ana.http.delete(path)) == (404, "upload.not-found")


@pytest.mark.req("ING-1", "P-3")
async def test_aborting_a_completed_upload_leaves_its_photo(ana: Person) -> None:
    session = await filled(ana, CONTENT)
    photo_id = (await complete(ana, session)).json()["photoId"]
    assert (await ana.http.delete(f"/api/upload-sessions/{session['id']}")).status_code == 204
    assert (await ana.http.get(f"/api/photos/{photo_id}/original")).content == CONTENT


@pytest.mark.req("ING-8", "P-3")
async def test_a_lost_original_comes_back_with_the_next_upload(ana: Person, product: Product) -> None:
    photo_id = await sent(ana, CONTENT)
    original_of(product, CONTENT).unlink()
    answer = await send(ana, CONTENT)
    assert (answer.status_code, answer.json()["photoId"]) == (200, photo_id)
    assert original_of(product, CONTENT).read_bytes() == CONTENT
