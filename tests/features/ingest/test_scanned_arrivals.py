"""Uploads with a malware scanner: nothing is let in without its verdict."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from afterglow.bootstrap import upload_ports
from afterglow.config import Settings, SettingsError, load_settings
from afterglow.features.uploads import service as uploads
from afterglow.infra.scanning.address import TcpAddress, UnixAddress
from factories.clamd import EICAR, SIGNATURE, FakeClamd, Mood, listening
from factories.pictures import as_if_large, jpeg
from factories.product import Person, Product
from factories.sending import complete, filled, open_session, originals, parts, put, send, state_of

pytestmark = pytest.mark.req("ING-5")

INFECTED = jpeg(1) + EICAR


class Daemon(FakeClamd):
    """A daemon that can leave and come back to where it was."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.address = UnixAddress(f"{folder}/clamd.ctl")
        self._listening = AsyncExitStack()

    async def come(self) -> None:
        await self._listening.enter_async_context(listening(self, self.address.path))

    async def leave(self) -> None:
        await self._listening.aclose()
        await asyncio.to_thread(Path(self.address.path).unlink, missing_ok=True)


@pytest.fixture
async def daemon(open_tmp: Path, tmp_path: Path) -> AsyncIterator[Daemon]:
    folder = open_tmp / tmp_path.name  # a socket's path is short
    folder.mkdir()
    made = Daemon(folder)
    await made.come()
    yield made
    await made.leave()


@pytest.fixture
def settings(app_dsn: str, tmp_path: Path, daemon: Daemon) -> Settings:
    return load_settings(
        data_dir=tmp_path / "data",
        database_url=app_dsn,
        decoders=1,
        clamav_address=str(daemon.address),
        clamav_timeout_s=1,
    )


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def photos_of(person: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await person.http.get("/api/photos")).json()["items"]
    return items


async def test_a_clean_file_is_shown_to_the_scanner_and_let_in(ana: Person, daemon: Daemon) -> None:
    assert (await send(ana, jpeg(1))).status_code == 201
    assert daemon.received == [len(jpeg(1))]
    assert (await complete(ana, await filled(ana, jpeg(2)))).status_code == 200
    assert daemon.received == [len(jpeg(1)), len(jpeg(2))]


async def test_an_infected_file_is_refused_by_name_and_nothing_is_kept(ana: Person, product: Product) -> None:
    refused = await send(ana, INFECTED)
    assert problem(refused) == (422, "ingest.infected")
    assert refused.json()["signature"] == SIGNATURE
    session = await filled(ana, INFECTED)
    refused = await complete(ana, session)
    assert problem(refused) == (422, "ingest.infected")
    assert (await ana.http.get(f"/api/upload-sessions/{session['id']}")).status_code == 404
    assert parts(product) == originals(product) == await photos_of(ana) == []


async def test_what_is_no_photo_is_refused_before_it_is_scanned(ana: Person, daemon: Daemon) -> None:
    assert problem(await send(ana, EICAR, "a.txt")) == (415, "ingest.unsupported-type")
    assert daemon.connections == 0


async def test_a_file_larger_than_the_scanner_takes_is_refused(ana: Person, product: Product, daemon: Daemon) -> None:
    daemon.stream_max_bytes = 300_000
    assert problem(await send(ana, as_if_large(1_000_000))) == (413, "scanner.too-large")
    assert problem(await complete(ana, await filled(ana, as_if_large(2_000_000)))) == (413, "scanner.too-large")
    assert parts(product) == originals(product) == []


@pytest.mark.req("LIFE-3")
@pytest.mark.parametrize("mood", [None, Mood.SILENT, Mood.HANGS_UP, Mood.GARBAGE])
async def test_while_the_scanner_is_away_a_session_waits_and_completes_later(
    ana: Person, product: Product, daemon: Daemon, mood: Mood | None
) -> None:
    session = await filled(ana, jpeg(1))
    if mood is None:
        await daemon.leave()
    else:
        daemon.mood = mood
    for _ in range(2):
        refused = await complete(ana, session)
        assert problem(refused) == (503, "scanner.away")
        assert int(refused.headers["retry-after"]) > 0
    assert len(parts(product)) == 1
    assert originals(product) == await photos_of(ana) == []
    if mood is None:
        await daemon.come()
    daemon.mood = Mood.WELL
    answer = await complete(ana, session)
    assert answer.status_code == 200
    assert answer.json()["receipt"]["state"] == "stored"
    assert parts(product) == []


@pytest.mark.req("LIFE-3", "ING-11")
async def test_what_waits_for_the_scanner_is_finished_by_the_sweep(
    ana: Person, product: Product, daemon: Daemon
) -> None:
    clean, infected = await filled(ana, jpeg(1)), await filled(ana, INFECTED)
    await daemon.leave()
    for session in (clean, infected):
        assert problem(await complete(ana, session)) == (503, "scanner.away")
    ports = upload_ports(product.node)
    sweep = {"stray_age": timedelta(hours=1), "unfinished_age": timedelta(0)}
    await uploads.sweep(ports, **sweep)
    assert len(parts(product)) == 2
    assert (await state_of(ana, clean))["state"] == "open"
    await daemon.come()
    await uploads.sweep(ports, **sweep)
    assert (await state_of(ana, clean))["state"] == "done"
    assert (await ana.http.get(f"/api/upload-sessions/{infected['id']}")).status_code == 404
    assert len(await photos_of(ana)) == len(originals(product)) == 1
    assert parts(product) == []


async def test_a_plain_upload_while_the_scanner_is_away_is_to_be_sent_again(
    ana: Person, product: Product, daemon: Daemon
) -> None:
    await daemon.leave()
    refused = await send(ana, jpeg(1))
    assert problem(refused) == (503, "scanner.away")
    assert int(refused.headers["retry-after"]) > 0
    assert parts(product) == originals(product) == await photos_of(ana) == []
    await daemon.come()
    assert (await send(ana, jpeg(1))).status_code == 201


async def test_bytes_that_are_known_need_no_scanner(ana: Person, daemon: Daemon) -> None:
    assert (await send(ana, jpeg(1))).status_code == 201
    photo = (await photos_of(ana))[0]
    await daemon.leave()
    opened = await open_session(ana, jpeg(1), checksum=photo["checksum"])
    assert opened["alreadyExists"]
    # What was let in is served all the same, and chunks are taken.
    assert (await ana.http.get(f"/api/photos/{photo['id']}/original")).content == jpeg(1)
    assert (await put(ana, await open_session(ana, jpeg(2)), 0, jpeg(2))).status_code == 200


async def test_many_at_once_are_each_judged(ana: Person, daemon: Daemon) -> None:
    contents = [jpeg(seed) + (EICAR if seed % 2 else b"") for seed in range(8)]
    answers = await asyncio.gather(*(send(ana, content) for content in contents))
    assert [answer.status_code for answer in answers] == [422 if seed % 2 else 201 for seed in range(8)]


async def test_health_names_the_scanner(product: Product, daemon: Daemon) -> None:
    async with product.client() as nobody:

        async def scanner() -> dict[str, Any]:
            shown = (await nobody.get("/api/health/ready")).json()["parts"]
            return next(part for part in shown if part["name"] == "scanner")

        assert (await scanner())["ok"]
        await daemon.leave()
        ill = await scanner()
        assert not ill["ok"]
        assert daemon.address.path not in ill["problem"]


@pytest.mark.parametrize("wrong", ["/run/clamd.ctl", "tcp://host", "unix:clamd.ctl"])
def test_a_wrong_address_is_named_at_the_start(wrong: str) -> None:
    with pytest.raises(SettingsError, match="clamav_address"):
        load_settings(clamav_address=wrong)


def test_the_address_is_kept_as_it_was_meant() -> None:
    assert load_settings(clamav_address="tcp://127.0.0.1:3310").clamav_address == str(TcpAddress("127.0.0.1", 3310))
