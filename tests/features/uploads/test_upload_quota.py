"""Quotas: what an account takes up is counted exactly, and nobody gets past the limit, however many try at once."""

import asyncio
import random
from typing import Any

import asyncpg
import pytest

from afterglow.infra.db.database import Database
from afterglow.kernel.checksums import Checksum
from factories import pictures
from factories.product import Person, Product
from factories.rows import add_file, add_original, add_photo, add_user
from factories.sending import complete, filled, open_session, originals, parts, put, send, sent

pytestmark = pytest.mark.req("ING-1")

CONTENT = pictures.jpeg(1)
SIZE = len(CONTENT)


async def usage_of(person: Person) -> dict[str, int]:
    answer = await person.http.get("/api/usage")
    assert answer.status_code == 200
    usage: dict[str, int] = answer.json()
    return usage


async def give_quota(as_owner: asyncpg.Connection, person: Person, quota_bytes: int | None) -> None:
    await as_owner.execute("UPDATE users SET quota_bytes = $2 WHERE id = $1", person.account.id, quota_bytes)


async def begin(person: Person, size: int, checksum: str | None = None) -> Any:
    body = {"filename": "a.jpg", "size": size, "checksum": checksum}
    return await person.http.post("/api/upload-sessions", json=body)


async def test_files_and_announced_bytes_count(ana: Person, ben: Person, as_owner: asyncpg.Connection) -> None:
    await give_quota(as_owner, ana, 10**9)
    await sent(ana, CONTENT)
    await sent(ben, pictures.jpeg(2))
    session = await open_session(ana, pictures.jpeg(3))
    announced = len(pictures.jpeg(3))
    expected = {"usedBytes": SIZE, "announcedBytes": announced, "openSessions": 1, "quotaBytes": 10**9}
    assert await usage_of(ana) == expected
    await put(ana, session, 0, pictures.jpeg(3))
    assert await usage_of(ana) == expected
    await complete(ana, session)
    done = {"usedBytes": SIZE + announced, "announcedBytes": 0, "openSessions": 0, "quotaBytes": 10**9}
    assert await usage_of(ana) == done
    # A duplicate takes up nothing more.
    await send(ana, CONTENT)
    await complete(ana, await filled(ana, CONTENT))
    assert await usage_of(ana) == done


async def test_a_file_that_the_quota_has_no_room_for_is_refused_before_its_first_byte(
    ana: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    await sent(ana, CONTENT)
    await give_quota(as_owner, ana, 2 * SIZE + 1000)
    answer = await begin(ana, SIZE + 1001)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (507, "upload.quota-exceeded")
    assert (problem["limit"], problem["used"], problem["needed"]) == (2 * SIZE + 1000, SIZE, SIZE + 1001)
    assert (await begin(ana, SIZE + 1000)).status_code == 201
    # What has been announced is taken.
    assert (await begin(ana, 1)).status_code == 507
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "1"}
    refused = await ana.http.post("/api/tus", headers=tus)
    assert (refused.status_code, refused.json()["code"]) == (507, "upload.quota-exceeded")
    form = await send(ana, pictures.jpeg(4))
    assert (form.status_code, form.json()["code"]) == (507, "upload.quota-exceeded")
    assert parts(product) == []


async def test_a_full_account_is_told_of_what_it_has(ana: Person, as_owner: asyncpg.Connection) -> None:
    photo_id = await sent(ana, CONTENT)
    await give_quota(as_owner, ana, 0)
    known = (await begin(ana, SIZE, str(Checksum.of(CONTENT)))).json()
    assert (known["alreadyExists"], known["photoId"]) == (True, photo_id)
    assert (await begin(ana, SIZE)).status_code == 507


async def test_a_session_that_was_opened_in_time_is_completed_though_the_quota_has_shrunk(
    ana: Person, as_owner: asyncpg.Connection
) -> None:
    session = await filled(ana, CONTENT)
    await give_quota(as_owner, ana, 10)
    assert (await complete(ana, session)).status_code == 200


async def test_what_a_form_turns_out_to_hold_is_weighed_too(
    ana: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    # Its announced size may be all boundaries and headers, so it is taken first.
    await give_quota(as_owner, ana, SIZE - 1)
    answer = await send(ana, CONTENT)
    assert (answer.status_code, answer.json()["code"]) == (507, "upload.quota-exceeded")
    assert (parts(product), originals(product)) == ([], [])
    assert await as_owner.fetchval("SELECT count(*) FROM photos") == 0
    assert (await usage_of(ana))["usedBytes"] == 0
    await give_quota(as_owner, ana, SIZE)
    assert (await send(ana, CONTENT)).status_code == 201


@pytest.mark.parametrize("end", ["abort", "expire"])
async def test_bytes_that_never_come_are_given_back(ana: Person, as_owner: asyncpg.Connection, end: str) -> None:
    await give_quota(as_owner, ana, SIZE)
    session = await open_session(ana, CONTENT)
    assert (await begin(ana, 1)).status_code == 507
    if end == "abort":
        await ana.http.delete(f"/api/upload-sessions/{session['id']}")
    else:
        await as_owner.execute("UPDATE upload_sessions SET expires_at = now()")
        await as_owner.execute("SELECT expire_uploads(10)")
    assert (await begin(ana, SIZE)).status_code == 201


async def test_of_many_sessions_at_once_no_more_are_opened_than_there_is_room_for(
    ana: Person, as_owner: asyncpg.Connection
) -> None:
    await give_quota(as_owner, ana, 5 * 1000 + 999)
    answers = await asyncio.gather(*(begin(ana, 1000) for _ in range(16)))
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [507] * 11
    assert (await usage_of(ana))["announcedBytes"] == 5000


@pytest.mark.req("P-4")
async def test_of_many_forms_at_once_no_more_are_taken_than_there_is_room_for(
    ana: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    contents = [pictures.jpeg(seed) for seed in range(8)]
    await give_quota(as_owner, ana, sum(sorted(len(content) for content in contents)[-3:]))
    answers = await asyncio.gather(*(send(ana, content) for content in contents))
    assert {answer.status_code for answer in answers} == {201, 507}
    usage = await usage_of(ana)
    taken = [content for content, answer in zip(contents, answers, strict=True) if answer.status_code == 201]
    assert usage["usedBytes"] == sum(map(len, taken)) <= usage["quotaBytes"]
    assert len(taken) >= 3
    assert parts(product) == []
    assert len(originals(product)) >= len(taken)


async def test_sessions_and_forms_at_once_stay_within_the_quota(ana: Person, as_owner: asyncpg.Connection) -> None:
    await give_quota(as_owner, ana, 4 * SIZE)
    tries = [send(ana, pictures.jpeg(seed)) if seed % 2 else begin(ana, SIZE) for seed in range(10)]
    answers = await asyncio.gather(*tries)
    assert {answer.status_code for answer in answers} == {201, 507}
    usage = await usage_of(ana)
    assert usage["usedBytes"] + usage["announcedBytes"] <= 4 * SIZE


async def test_one_accounts_quota_is_nothing_to_another(ana: Person, ben: Person, as_owner: asyncpg.Connection) -> None:
    await give_quota(as_owner, ana, 10)
    await sent(ben, CONTENT)
    assert (await usage_of(ana))["usedBytes"] == 0
    assert (await send(ana, CONTENT)).status_code == 507


async def counted_and_summed(as_owner: asyncpg.Connection) -> tuple[dict[Any, int], dict[Any, int]]:
    counted = await as_owner.fetch("SELECT owner_id, used_bytes FROM owner_usage")
    summed = await as_owner.fetch(
        "SELECT u.id, coalesce(sum(f.size_bytes), 0)::bigint FROM users u LEFT JOIN photo_files f ON f.owner_id = u.id "
        "GROUP BY u.id"
    )
    return dict(map(tuple, counted)), dict(map(tuple, summed))


async def test_the_count_follows_whatever_happens_to_files(as_owner: asyncpg.Connection) -> None:
    owners = [await add_user(as_owner, name) for name in ("ana", "ben")]
    for number in range(12):
        owner = owners[number % 2]
        photo = await add_photo(as_owner, owner)
        await add_file(as_owner, owner, photo, await add_original(as_owner, number))
    await as_owner.execute("UPDATE photo_files SET size_bytes = 100 + random() * 100")
    counted, summed = await counted_and_summed(as_owner)
    assert counted == summed
    assert all(counted.values())
    # Of several owners in one statement, by the foreign key, and directly.
    await as_owner.execute("DELETE FROM photos WHERE id IN (SELECT id FROM photos ORDER BY id LIMIT 5)")
    await as_owner.execute("DELETE FROM photo_files WHERE id IN (SELECT id FROM photo_files ORDER BY id LIMIT 3)")
    counted, summed = await counted_and_summed(as_owner)
    assert counted == summed
    await as_owner.execute("DELETE FROM photos")
    assert (await counted_and_summed(as_owner))[0] == dict.fromkeys(owners, 0)


@pytest.mark.req("P-4")
async def test_photos_that_come_and_go_at_once_do_not_lock_each_other_out(
    eager_database: Database, as_owner: asyncpg.Connection
) -> None:
    """Both count the day first, then the file: else each would wait for the other."""
    owner = await add_user(as_owner)
    rnd = random.Random(1)  # noqa: S311 - which comes first, not a secret

    async def come_or_go(number: int) -> None:
        # Not `run`, which would try again after a deadlock.
        async with eager_database.transaction([owner]) as tx:
            if rnd.random() < 0.7:
                await add_one(tx, owner, number)
            else:
                # Rows in order, so that two deletes do not lock each other out: that is not what is tested.
                await tx.execute(
                    """
                    DELETE FROM photos WHERE id IN (
                        SELECT id FROM photos WHERE owner_id = $1 ORDER BY id LIMIT 3 FOR UPDATE)
                    """,
                    owner,
                )

    await asyncio.gather(*(come_or_go(number) for number in range(120)))
    counted, summed = await counted_and_summed(as_owner)
    assert counted == summed


async def add_one(tx: Any, owner: Any, number: int) -> None:
    row = await tx.fetch_row(
        """
        INSERT INTO photos (id, owner_id, status, kind, mime, filename, taken_local, taken_at, taken_source, created_at,
                            updated_at)
        VALUES (gen_random_uuid(), $1, 'STORED', 'photo', 'image/jpeg', 'a.jpg', '2024-06-15', now(), 'exif', now(),
                now())
        RETURNING id
        """,
        owner,
    )
    await tx.execute("SELECT pg_sleep(0.002)")
    await tx.execute(
        """
        INSERT INTO photo_files (id, photo_id, owner_id, role, size_bytes, mime, name, source, created_at)
        VALUES (gen_random_uuid(), $2, $1, 'primary', $3, 'image/jpeg', 'a.jpg', 'upload', now())
        """,
        owner,
        row["id"],
        number,
    )
