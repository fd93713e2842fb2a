"""A connection that went dead does not hold its upload for ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from afterglow.config import Settings
from afterglow.features.uploads.errors import UploadStalledError
from afterglow.features.uploads.service import arrivals
from afterglow.features.uploads.service.arrivals import Arrivals
from afterglow.kernel.errors import UnavailableError
from afterglow.kernel.ids import UploadId
from factories import pictures
from factories.product import Person, Product, open_product
from factories.sending import Exchange, complete, exchange, open_session, original_of, put, state_of
from factories.waiting import until

pytestmark = pytest.mark.req("ING-1", "P-4")

CONTENT = pictures.jpeg(1)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "IDLE_S", 0.05)
    monkeypatch.setattr(arrivals, "_LOOK_EVERY_S", 0.01)


@asynccontextmanager
async def stalled(
    product: Product, person: Person, session: dict[str, Any], **headers: str
) -> AsyncIterator[tuple[Exchange, "asyncio.Task[Exchange]"]]:
    """A request that has sent 100 bytes, and to which nothing more comes though its connection stands."""
    headers = {"content_length": str(len(CONTENT)), **headers}
    request = exchange(product, person, "PUT", f"{session['uploadUrl']}?offset=0", [CONTENT[:100]], **headers)
    request.breaks_off = True
    receive = request._receive

    async def waiting() -> dict[str, Any]:
        if request.received == 1:
            await asyncio.sleep(3600)
        return await receive()

    request._receive = waiting  # type: ignore[method-assign]
    running = asyncio.ensure_future(request.run())
    try:

        async def is_held() -> bool:
            return request.received == 1

        await until(is_held)
        yield request, running
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_client_that_comes_back_gets_through(ana: Person, product: Product) -> None:
    session = await open_session(ana, CONTENT)
    async with stalled(product, ana, session) as (request, running):
        answers = []

        async def is_free() -> bool:
            answers.append(await put(ana, session, 0, CONTENT))
            return answers[-1].json()["code"] != "upload.busy"

        await until(is_free)
        # What the dead connection brought is kept, so the client goes on behind it.
        problem = answers[-1].json()
        assert (problem["code"], problem["offset"]) == ("upload.offset-mismatch", 100)
        assert {answer.status_code for answer in answers} == {409}
        await until(lambda: _is_over(running))
        assert (await put(ana, session, 100, CONTENT[100:])).status_code == 200
        assert (request.status, b'"code":"upload.stalled"' in request.body) == (409, True)
    assert (await complete(ana, session)).status_code == 200
    assert original_of(product, CONTENT).read_bytes() == CONTENT


async def _is_over(running: "asyncio.Task[Any]") -> bool:
    return running.done()


async def test_while_nobody_asks_a_slow_connection_is_left_alone(ana: Person, product: Product) -> None:
    session = await open_session(ana, CONTENT)
    async with stalled(product, ana, session) as (_, running):
        await asyncio.sleep(0.3)
        assert not running.done()


async def test_an_abort_gets_through_too(ana: Person, product: Product) -> None:
    session = await open_session(ana, CONTENT)
    async with stalled(product, ana, session):
        answers = []

        async def is_gone() -> bool:
            answers.append((await ana.http.delete(f"/api/upload-sessions/{session['id']}")).status_code)
            return answers[-1] == 204

        await until(is_gone)
        assert set(answers) <= {409, 204}


async def test_of_a_chunk_with_a_hash_nothing_is_kept_when_it_stalls(ana: Person, product: Product) -> None:
    session = await open_session(ana, CONTENT)
    async with stalled(product, ana, session, upload_checksum="sha1 " + "A" * 27 + "="):

        async def is_free() -> bool:
            return (await put(ana, session, 0, CONTENT)).status_code == 200

        await until(is_free)
    assert (await state_of(ana, session))["offset"] == len(CONTENT)


async def test_a_dead_connection_is_given_up_though_nobody_asks(settings: Settings) -> None:
    settings.data_dir.mkdir()
    async with open_product(settings.model_copy(update={"upload_stall_s": 0.2})) as product:
        ana = await product.person("ana")
        session = await open_session(ana, CONTENT)
        async with stalled(product, ana, session) as (request, running):
            await until(lambda: _is_over(running))
            assert request.status == 409
            assert (await state_of(ana, session))["offset"] == 100
        await ana.http.aclose()


async def test_tus_clients_are_told_that_it_is_locked(ana: Person, product: Product) -> None:
    session = await open_session(ana, CONTENT)
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    async with stalled(product, ana, session):
        answer = await ana.http.patch(f"/api/tus/{session['id']}", headers=headers, content=CONTENT)
        assert (answer.status_code, answer.json()["code"]) == (423, "upload.busy")


async def chunks_with_pause(pause_s: float) -> AsyncIterator[bytes]:
    yield b"one"
    await asyncio.sleep(pause_s)
    yield b"two"


async def read(pause_s: float, wanted: Any, stall_s: float = 10.0) -> list[bytes]:
    async with Arrivals(chunks_with_pause(pause_s), wanted, stall_s) as found:
        return [chunk async for chunk in found]


async def test_a_pause_is_waited_out() -> None:
    async def nobody() -> bool:
        return False

    assert await read(0.3, nobody) == [b"one", b"two"]


async def test_a_database_that_is_away_ends_no_upload() -> None:
    async def away() -> bool:
        raise UnavailableError

    assert await read(0.3, away) == [b"one", b"two"]


async def test_a_pause_ends_when_somebody_else_asks() -> None:
    async def somebody() -> bool:
        return True

    with pytest.raises(UploadStalledError):
        await read(3600, somebody)
    # Nothing of it is left on the task.
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancelled_request_is_cancelled_and_not_stalled() -> None:
    async def nobody() -> bool:
        return False

    running = asyncio.ensure_future(read(3600, nobody))
    await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_work_between_two_chunks_is_no_pause() -> None:
    async def somebody() -> bool:
        return True

    taken = []
    async with Arrivals(chunks_with_pause(0), somebody, 0.1) as found:
        async for chunk in found:
            await asyncio.sleep(0.3)
            taken.append(chunk)
    assert taken == [b"one", b"two"]


async def test_who_asks_is_noted_for_all_processes(ana: Person, product: Product, as_owner: Any) -> None:
    session = await open_session(ana, CONTENT)
    async with product.node.spool.writer(UploadId(UUID(session["id"]))):
        assert (await put(ana, session, 0, CONTENT)).json()["code"] == "upload.busy"
    assert await as_owner.fetchval("SELECT wanted_at IS NOT NULL FROM upload_sessions")
