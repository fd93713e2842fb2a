"""Many photos leave as one archive: whole, in ranges, the same bytes whenever they are asked for."""

import asyncio
import hashlib
import random
import shutil
import subprocess
import zipfile
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import asyncpg
import pytest
from archives_kit import fetch, manifest_of, order, unpacked

from afterglow.config import Settings
from afterglow.features.downloads import service as downloads
from afterglow.features.downloads.errors import NoOriginalError, OriginalDamagedError
from afterglow.features.downloads.models import DownloadId
from afterglow.features.downloads.service import DownloadPorts, OpenArchive, ordering, reading
from afterglow.infra.storage.errors import ObjectMissingError, StoreIoError
from afterglow.infra.storage.local import STREAM_CHUNK_BYTES
from afterglow.infra.web.auth import Authentication
from afterglow.infra.web.provide import provide
from afterglow.kernel.ids import new_id
from afterglow.kernel.principal import Principal, Role, Scope
from factories import pictures
from factories.product import Person, Product, open_product
from factories.rows import LONG_AGO, insert
from factories.sending import original_of, sent

LARGE = pictures.as_if_large(700_001)


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def taken(day: int) -> bytes:
    return pictures.jpeg(day, taken=datetime(2024, 6, day, 12, 30, 15))


@pytest.fixture
async def chosen(ana: Person) -> dict[str, str]:
    """Three photos by name; the first to arrive was taken last."""
    return {
        "late.jpg": await sent(ana, taken(3), "late.jpg"),
        "early.jpg": await sent(ana, taken(1), "early.jpg"),
        "film.jpg": await sent(ana, LARGE, "film.jpg"),
    }


async def read(opened: OpenArchive, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in await opened.open_range(start, end)])


async def opened_of(product: Product, person: Person, ordered: dict[str, Any]) -> OpenArchive:
    node = product.node
    ports = DownloadPorts(node.store, node.cache, b"secret")
    download_id = DownloadId(UUID(urlsplit(ordered["url"]).path.rpartition("/")[2]))
    return await downloads.open_archive(node.database, ports, person.principal, download_id)


@pytest.mark.req("DWN-2")
async def test_an_archive_holds_the_chosen_originals_in_the_order_they_were_taken(
    ana: Person, product: Product, chosen: dict[str, str]
) -> None:
    ordered = await order(ana, *chosen.values())
    assert (ordered["count"], ordered["missing"]) == (3, [])
    got = await fetch(product, ordered)
    assert got.status_code == 200
    assert int(got.headers["content-length"]) == len(got.content) == ordered["size"]
    assert got.headers["content-type"] == "application/zip"
    assert got.headers["content-disposition"] == f'attachment; filename="{ordered["filename"]}"'
    assert got.headers["accept-ranges"] == "bytes"
    files = unpacked(got.content)
    assert list(files) == ["early.jpg", "late.jpg", "film.jpg"]  # the film arrived today and has no other time
    assert files == {"early.jpg": taken(1), "late.jpg": taken(3), "film.jpg": LARGE}
    with zipfile.ZipFile(BytesIO(got.content)) as archive:
        assert archive.namelist()[0] == "manifest.json"
        assert archive.getinfo("early.jpg").date_time == (2024, 6, 1, 12, 30, 14)  # to two seconds
        assert all(info.flag_bits & 0x800 for info in archive.infolist())


@pytest.mark.req("DWN-2")
async def test_the_manifest_names_every_file_with_its_checksum(
    ana: Person, product: Product, chosen: dict[str, str]
) -> None:
    content = (await fetch(product, await order(ana, *chosen.values()))).content
    manifest = manifest_of(content)
    assert manifest["format"] == "afterglow.archive/1"
    assert manifest["missing"] == []
    assert [entry["name"] for entry in manifest["files"]] == list(unpacked(content))
    early = manifest["files"][0]
    assert early.pop("takenAt").startswith("2024-06-01T")
    assert early == {
        "name": "early.jpg",
        "photoId": chosen["early.jpg"],
        "role": "primary",
        "originalName": "early.jpg",
        "size": len(taken(1)),
        "sha256": hashlib.sha256(taken(1)).hexdigest(),
        "takenLocal": "2024-06-01T12:30:15.000",
    }


@pytest.mark.req("DWN-2")
async def test_other_programs_unpack_it(ana: Person, product: Product, tmp_path: Path) -> None:
    photo_ids = [await sent(ana, pictures.png(seed), "Größe 日本.png") for seed in (1, 2)]
    file = tmp_path / "a.zip"
    file.write_bytes((await fetch(product, await order(ana, *photo_ids))).content)
    programs = {"unzip": ["-t"], "7z": ["t"], "bsdtar": ["-tf"]}
    for program, arguments in programs.items():
        if shutil.which(program):
            command = [program, *arguments, str(file)]
            done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
    assert list(unpacked(file.read_bytes())) == ["Größe 日本.png", "Größe 日本 (1).png"]


@pytest.mark.req("DWN-2")
async def test_any_range_is_the_same_bytes_also_after_a_restart(
    ana: Person, product: Product, chosen: dict[str, str], settings: Settings
) -> None:
    ordered = await order(ana, *chosen.values())
    size = ordered["size"]
    chance = random.Random(7)  # noqa: S311 - where to cut, not a secret
    # In any order and before anything was read whole: no range depends on an earlier one.
    cuts = sorted({0, 1, size - 1, *(chance.randrange(size) for _ in range(25))})
    ranges = [*zip(cuts, [*cuts[1:], size], strict=True)]
    chance.shuffle(ranges)
    async with open_product(settings) as again:
        pieces = {}
        for number, (start, end) in enumerate(ranges):
            got = await fetch(again if number % 2 else product, ordered, range=f"bytes={start}-{end - 1}")
            assert got.status_code == 206
            assert got.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
            pieces[start] = got.content
        whole = await fetch(again, ordered)
    assert b"".join(pieces[start] for start in sorted(pieces)) == whole.content
    assert unpacked(whole.content)["film.jpg"] == LARGE
    assert (await fetch(product, ordered)).headers["etag"] == whole.headers["etag"]


@pytest.mark.req("DWN-2")
async def test_every_single_byte_lies_where_it_lies_in_the_whole(ana: Person, product: Product) -> None:
    ordered = await order(ana, await sent(ana, pictures.undecodable_jpeg(1)), await sent(ana, pictures.heic_like(2)))
    opened = await opened_of(product, ana, ordered)
    size = ordered["size"]
    whole = await read(opened, 0, size)
    assert len(whole) == size
    for at in range(size):
        assert await read(opened, at, at + 1) == whole[at : at + 1], at
        assert await read(opened, at, min(at + 97, size)) == whole[at : at + 97], at


@pytest.mark.req("DWN-2")
async def test_conditions_are_understood(ana: Person, product: Product, chosen: dict[str, str]) -> None:
    ordered = await order(ana, *chosen.values())
    whole = await fetch(product, ordered)
    size, tag = len(whole.content), whole.headers["etag"]
    assert not tag.startswith("W/")
    resumed = await fetch(product, ordered, range="bytes=500-", if_range=tag)
    assert (resumed.status_code, resumed.content) == (206, whole.content[500:])
    assert resumed.headers["etag"] == tag
    suffix = await fetch(product, ordered, range="bytes=-70")
    assert (suffix.status_code, suffix.content) == (206, whole.content[-70:])
    for headers in ({"range": "bytes=500-", "if_range": '"other"'}, {"range": "bytes=0-1,5-6"}, {"range": "bytes=2-1"}):
        answer = await fetch(product, ordered, **headers)
        assert (answer.status_code, answer.content) == (200, whole.content), headers
    beyond = await fetch(product, ordered, range=f"bytes={size}-")
    assert problem(beyond) == (416, "range-not-satisfiable")
    assert beyond.headers["content-range"] == f"bytes */{size}"
    assert (await fetch(product, ordered, if_none_match=tag)).status_code == 304
    async with product.client() as nobody:
        head = await nobody.head(ordered["url"])
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(size), b"")


@pytest.mark.req("DWN-2")
async def test_what_changes_after_the_order_changes_nothing(
    ana: Person, product: Product, chosen: dict[str, str], as_owner: asyncpg.Connection
) -> None:
    ordered = await order(ana, *chosen.values())
    before = (await fetch(product, ordered)).content
    await as_owner.execute(
        "UPDATE afterglow.photos SET taken_local = '2001-01-01', filename = 'x.jpg', deleted_at = now() "
        "WHERE id = $1", UUID(chosen["late.jpg"]),
    )  # fmt: skip
    await sent(ana, taken(2), "between.jpg")
    assert (await fetch(product, ordered)).content == before


@pytest.mark.req("DWN-2")
async def test_the_tag_tells_selections_apart(ana: Person, product: Product, chosen: dict[str, str]) -> None:
    tags = set()
    for photo_ids in (list(chosen.values()), list(chosen.values())[:2]):
        tags.add((await fetch(product, await order(ana, *photo_ids), range="bytes=0-0")).headers["etag"])
    assert len(tags) == 2


@pytest.mark.req("DWN-2")
async def test_all_files_of_a_photo_are_in_it_under_one_number(
    ana: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    photo_ids = [await sent(ana, pictures.heic_like(seed), "IMG_1.HEIC") for seed in (1, 2)]
    film = pictures.mp4_like(5)
    film_id = UUID(await sent(ana, film, "IMG_1.MOV"))
    # As a live photo has it: the film is the motion of the second photo.
    await as_owner.execute(
        "UPDATE afterglow.photo_files SET photo_id = $1, role = 'motion' WHERE photo_id = $2",
        UUID(photo_ids[1]), film_id,
    )  # fmt: skip
    content = (await fetch(product, await order(ana, *photo_ids))).content
    assert list(unpacked(content)) == ["IMG_1.HEIC", "IMG_1 (1).HEIC", "IMG_1 (1).MOV"]
    assert unpacked(content)["IMG_1 (1).MOV"] == film
    assert [entry["role"] for entry in manifest_of(content)["files"]] == ["primary", "primary", "motion"]


@pytest.mark.req("DWN-2")
async def test_what_is_not_there_is_named_instead(
    ana: Person, product: Product, chosen: dict[str, str], as_owner: asyncpg.Connection
) -> None:
    original_of(product, taken(1)).unlink()
    damaged = original_of(product, LARGE)
    damaged.chmod(0o600)
    damaged.write_bytes(LARGE[:-1])
    trashed = await sent(ana, taken(4), "trashed.jpg")
    await as_owner.execute("UPDATE afterglow.photos SET deleted_at = now() WHERE id = $1", UUID(trashed))
    elsewhere = await sent(ana, taken(5), "elsewhere.jpg")
    await as_owner.execute("UPDATE afterglow.photo_files SET checksum = NULL WHERE photo_id = $1", UUID(elsewhere))
    ordered = await order(ana, *chosen.values(), trashed, elsewhere)
    assert ordered["count"] == 1
    expected = {
        "early.jpg": "missing", "film.jpg": "damaged", "trashed.jpg": "in-trash", "elsewhere.jpg": "not-held",
    }  # fmt: skip
    assert {entry["filename"]: entry["reason"] for entry in ordered["missing"]} == expected
    assert {entry["photoId"] for entry in ordered["missing"]} == {
        chosen["early.jpg"], chosen["film.jpg"], trashed, elsewhere,
    }  # fmt: skip
    content = (await fetch(product, ordered)).content
    assert list(unpacked(content)) == ["late.jpg"]
    named = {entry["originalName"]: entry["reason"] for entry in manifest_of(content)["missing"]}
    assert named == expected


@pytest.mark.req("DWN-2")
async def test_with_nothing_there_the_archive_says_so(ana: Person, product: Product) -> None:
    photo_id = await sent(ana, taken(1))
    original_of(product, taken(1)).unlink()
    ordered = await order(ana, photo_id)
    assert ordered["count"] == 0
    content = (await fetch(product, ordered)).content
    assert unpacked(content) == {}
    assert len(manifest_of(content)["missing"]) == 1


@pytest.mark.req("DWN-2", "P-7")
async def test_a_store_that_is_away_is_not_an_empty_one(ana: Person, product: Product, chosen: dict[str, str]) -> None:
    ordered = await order(ana, *chosen.values())
    store = product.node.store.root
    store.rename(store.with_name("away"))
    refused = await ana.http.post("/api/downloads", json={"photoIds": list(chosen.values())})
    assert problem(refused) == (503, "store.missing")
    assert problem(await fetch(product, ordered)) == (503, "store.missing")
    store.with_name("away").rename(store)
    assert (await fetch(product, ordered)).status_code == 200


class TestDamage:
    """An original that is no longer what it was, of the same size; found while it is sent."""

    @pytest.fixture
    async def opened(self, ana: Person, product: Product) -> OpenArchive:
        ordered = await order(ana, await sent(ana, LARGE), await sent(ana, taken(1)))
        return await opened_of(product, ana, ordered)

    def damage(self, product: Product, content: bytes = LARGE) -> Path:
        path = original_of(product, content)
        path.chmod(0o600)
        path.write_bytes(content[:-1] + b"?")
        return path

    async def read_until_broken(self, opened: OpenArchive, error: type[Exception], start: int = 0) -> bytes:
        got = b""
        pieces = await opened.open_range(start, opened.archive.size_bytes)
        try:
            async for piece in pieces:
                got += piece
        except error:
            return got
        pytest.fail("it did not break off")

    @pytest.mark.req("DWN-2")
    @pytest.mark.parametrize("is_known", [False, True])
    async def test_the_stream_breaks_off_before_the_last_of_wrong_bytes(
        self, opened: OpenArchive, product: Product, is_known: bool
    ) -> None:
        size = opened.archive.size_bytes
        if is_known:
            assert len(await read(opened, 0, size)) == size
        self.damage(product)
        got = await self.read_until_broken(opened, OriginalDamagedError)
        assert LARGE[: 2 * STREAM_CHUNK_BYTES] in got
        assert len(got) < size - len(LARGE) % STREAM_CHUNK_BYTES

    @pytest.mark.req("DWN-2")
    async def test_a_resumed_download_never_vouches_for_wrong_bytes(
        self, opened: OpenArchive, product: Product
    ) -> None:
        size = opened.archive.size_bytes
        self.damage(product)
        # Nobody has proven the CRC yet, and it can't be had from a part.
        await self.read_until_broken(opened, OriginalDamagedError, start=size - 300_000)

    @pytest.mark.req("DWN-2")
    async def test_a_resumed_download_of_what_was_proven_tells_the_proven_crc(
        self, opened: OpenArchive, product: Product
    ) -> None:
        size = opened.archive.size_bytes
        whole = await read(opened, 0, size)
        self.damage(product)
        resumed = whole[: size - 300_000] + await read(opened, size - 300_000, size)
        with zipfile.ZipFile(BytesIO(resumed)) as archive:
            assert archive.testzip() == "a (1).jpg"  # whoever unpacks it learns of the damage

    @pytest.mark.req("DWN-2")
    async def test_an_original_that_went_or_shrank_breaks_the_stream(
        self, opened: OpenArchive, product: Product
    ) -> None:
        path = self.damage(product)
        path.write_bytes(LARGE[:300_000])
        await self.read_until_broken(opened, OriginalDamagedError)
        await self.read_until_broken(opened, OriginalDamagedError, start=opened.archive.size_bytes - 600_000)
        path.unlink()
        await self.read_until_broken(opened, ObjectMissingError)


@pytest.mark.req("DWN-2", "P-5")
async def test_what_was_purged_is_gone_though_somebody_else_has_it(
    ana: Person, ben: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    anas, bens = [await order(person, await sent(person, LARGE)) for person in (ana, ben)]
    opened = await opened_of(product, ana, anas)
    await as_owner.execute("DELETE FROM afterglow.photos WHERE owner_id = $1", ana.account.id)
    for start in (0, 500_000, opened.archive.directory_offset):
        with pytest.raises(NoOriginalError):
            await read(opened, start, anas["size"])
    assert list(unpacked((await fetch(product, bens)).content).values()) == [LARGE]
    with pytest.raises(NoOriginalError):  # nor does it tell that its CRC is known by now
        await read(opened, opened.archive.directory_offset, anas["size"])


@pytest.mark.req("DWN-2")
async def test_an_original_is_read_once_for_its_crc(
    ana: Person, product: Product, chosen: dict[str, str], as_owner: asyncpg.Connection
) -> None:
    ordered = await order(ana, *chosen.values())
    assert await as_owner.fetchval("SELECT count(*) FROM afterglow.originals WHERE crc32 IS NOT NULL") == 0
    opened = await opened_of(product, ana, ordered)
    # The directory alone: all three have to be read to tell their CRCs.
    await read(opened, opened.archive.directory_offset, ordered["size"])
    assert await as_owner.fetchval("SELECT count(*) FROM afterglow.originals WHERE crc32 IS NOT NULL") == 3
    # Now nothing is read for it.
    for content in (taken(1), taken(3), LARGE):
        original_of(product, content).unlink()
    await read(opened, opened.archive.directory_offset, ordered["size"])


@pytest.mark.req("DWN-2")
async def test_the_very_end_needs_no_original(ana: Person, product: Product, chosen: dict[str, str]) -> None:
    ordered = await order(ana, *chosen.values())
    for content in (taken(1), taken(3), LARGE):
        original_of(product, content).unlink()
    end = await fetch(product, ordered, range="bytes=-22")
    assert end.content.startswith(b"PK\5\6")


@pytest.mark.req("DWN-2")
async def test_pages_meet_without_a_gap(ana: Person, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PAGE", 2)
    monkeypatch.setattr(reading, "_KEEP_EVERY_BYTES", 1)
    monkeypatch.setattr(ordering, "_INSERT_BATCH", 2)
    contents = [pictures.heic_like(seed) for seed in range(5)]
    ordered = await order(ana, *[await sent(ana, content) for content in contents])
    got = (await fetch(product, ordered)).content
    assert sorted(unpacked(got).values()) == sorted(contents)
    half = ordered["size"] // 2
    assert (await fetch(product, ordered, range=f"bytes={half}-")).content == got[half:]


class TestWhoMay:
    """Ordering and fetching."""

    @pytest.mark.req("DWN-2", "P-5")
    async def test_the_url_can_not_be_altered(
        self, ana: Person, ben: Person, product: Product, chosen: dict[str, str]
    ) -> None:
        ordered = await order(ana, *chosen.values())
        bens = await order(ben, await sent(ben, taken(9)))
        parts = urlsplit(ordered["url"])
        query = dict(parse_qsl(parts.query))

        def url(path: str = parts.path, **changed: str | None) -> str:
            kept = {name: value for name, value in (query | changed).items() if value is not None}
            return f"{path}?{urlencode(kept)}"

        altered = [
            url(urlsplit(bens["url"]).path),
            url(owner=str(ben.account.id)),
            url(expires=str(int(query["expires"]) + 60)),
            url(signature=None),
            url(more="1"),
            url(f"/api/photos/{chosen['early.jpg']}/original"),
        ]
        async with product.client() as nobody:
            for target in altered:
                assert (await nobody.get(target)).status_code == 401, target
            assert (await nobody.get(url())).status_code == 200

    @pytest.mark.req("DWN-2", "P-5", "ACC-4")
    async def test_nobody_orders_or_fetches_what_is_anothers(
        self, ana: Person, ben: Person, chosen: dict[str, str]
    ) -> None:
        bens = await sent(ben, taken(9))
        for photo_ids in ([chosen["early.jpg"], bens], [str(new_id())]):
            refused = await ana.http.post("/api/downloads", json={"photoIds": photo_ids})
            assert problem(refused) == (404, "photo.not-found")
            assert bens not in refused.text
        ordered = await order(ana, chosen["early.jpg"])
        path = urlsplit(ordered["url"]).path
        assert (await ana.http.get(path)).status_code == 200
        assert problem(await ben.http.get(path)) == (404, "download.not-found")
        assert problem(await ana.http.get(f"/api/downloads/{new_id()}")) == (404, "download.not-found")

    @pytest.mark.req("DER-4", "DWN-2")
    async def test_a_gallery_gets_no_archive(self, ana: Person, product: Product, chosen: dict[str, str]) -> None:
        ordered = await order(ana, *chosen.values())
        gallery = Principal(ana.account.id, Role.MEMBER, frozenset({Scope.GALLERY, Scope.WRITE}))

        class Gallery:
            async def authenticate(self, _: Any) -> Principal:
                return gallery

        provide(product.app, Authentication(Gallery()))
        for body in ({"photoIds": list(chosen.values())}, {"query": {}}):
            assert problem(await ana.http.post("/api/downloads", json=body)) == (403, "access.forbidden")
        for method in ("GET", "HEAD"):
            assert (await ana.http.request(method, urlsplit(ordered["url"]).path)).status_code == 403

    @pytest.mark.req("P-5")
    async def test_without_credentials_nothing_is_ordered(self, product: Product) -> None:
        async with product.client() as nobody:
            refused = await nobody.post("/api/downloads", json={"photoIds": [str(new_id())]})
            assert problem(refused) == (401, "unauthenticated")
            assert problem(await nobody.get(f"/api/downloads/{new_id()}")) == (401, "unauthenticated")


class TestChoosing:
    """By ids, or by the filters of the list."""

    @pytest.mark.req("DWN-2")
    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({}, ["early.jpg", "late.jpg", "film.jpg"]),
            ({"favorite": True}, ["late.jpg"]),
            ({"favorite": False}, ["early.jpg", "film.jpg"]),
            ({"to": "2024-06-02T00:00:00"}, ["early.jpg"]),
            ({"from": "2024-06-02T00:00:00", "to": "2024-07-01T00:00:00"}, ["late.jpg"]),
            ({"kind": "photo", "status": "INGESTED"}, ["early.jpg", "late.jpg", "film.jpg"]),
        ],
    )
    async def test_all_that_a_list_shows(
        self, ana: Person, ben: Person, product: Product, chosen: dict[str, str], as_owner: asyncpg.Connection,
        query: dict[str, Any], names: list[str], monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(ordering, "_LIST_BATCH", 2)
        await sent(ben, taken(2))
        await as_owner.execute("UPDATE afterglow.photos SET favorite = true WHERE id = $1", UUID(chosen["late.jpg"]))
        trashed = await sent(ana, taken(8), "trashed.jpg")
        await as_owner.execute("UPDATE afterglow.photos SET deleted_at = now() WHERE id = $1", UUID(trashed))
        answer = await ana.http.post("/api/downloads", json={"query": query})
        assert answer.status_code == 201, answer.text
        assert answer.json()["missing"] == []  # nobody chose what lies in the trash
        assert list(unpacked((await fetch(product, answer.json())).content)) == names

    @pytest.mark.req("DWN-2")
    async def test_the_same_photo_twice_is_in_it_once(self, ana: Person, chosen: dict[str, str]) -> None:
        assert (await order(ana, chosen["early.jpg"], chosen["early.jpg"]))["count"] == 1

    @pytest.mark.req("DWN-2")
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({}, (422, "request.invalid")),
            ({"photoIds": []}, (422, "request.invalid")),
            ({"photoIds": ["no"]}, (422, "request.invalid")),
            ({"photoIds": [str(UUID(int=1))], "query": {}}, (422, "request.invalid")),
            ({"query": {"text": "beach"}}, (422, "request.invalid")),
            ({"query": {"favorite": True}}, (404, "download.nothing-chosen")),
            ({"albumId": str(UUID(int=1))}, (422, "download.albums-not-supported")),
        ],
    )
    async def test_what_can_not_be_chosen_is_refused(
        self, ana: Person, body: dict[str, Any], expected: tuple[int, str]
    ) -> None:
        assert problem(await ana.http.post("/api/downloads", json=body)) == expected

    @pytest.mark.req("DWN-2")
    async def test_there_is_a_bound(self, ana: Person, chosen: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ordering, "MAX_PHOTOS", 2)
        for body in ({"photoIds": list(chosen.values())}, {"query": {}}):
            refused = await ana.http.post("/api/downloads", json=body)
            assert problem(refused) == (422, "download.too-many-photos")
            assert refused.json()["limit"] == 2
        monkeypatch.setattr(ordering, "MAX_PHOTOS", 50_000)
        monkeypatch.setattr(ordering, "MAX_OPEN_ITEMS", 4)
        await order(ana, *chosen.values())
        refused = await ana.http.post("/api/downloads", json={"query": {}})
        assert problem(refused) == (429, "download.too-many")
        assert 0 < int(refused.headers["retry-after"]) <= 24 * 3600


@pytest.mark.req("DWN-2")
async def test_an_archive_expires_and_is_forgotten(
    ana: Person, ben: Person, product: Product, chosen: dict[str, str], as_owner: asyncpg.Connection
) -> None:
    ordered = await order(ana, *chosen.values())
    kept = await order(ben, await sent(ben, taken(9)))
    expire = "UPDATE afterglow.downloads SET expires_at = now() - $1::interval WHERE owner_id = $2"
    await as_owner.execute(expire, timedelta(minutes=1), ana.account.id)
    assert problem(await fetch(product, ordered)) == (404, "download.not-found")
    # A download that runs may go on for a while.
    assert await downloads.forget_expired(product.node.database) == 0
    await as_owner.execute(expire, ordering.GRACE + timedelta(minutes=1), ana.account.id)
    assert await downloads.forget_expired(product.node.database) == 1
    assert await as_owner.fetchval("SELECT count(*) FROM afterglow.download_items") == 1
    assert (await fetch(product, kept)).status_code == 200


@pytest.mark.req("DWN-2")
async def test_an_order_that_broke_off_is_no_archive(
    ana: Person, product: Product, chosen: dict[str, str], as_owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_off(*_: object) -> None:
        raise StoreIoError

    monkeypatch.setattr(ordering.repository, "mark_complete", break_off)
    assert problem(await ana.http.post("/api/downloads", json={"query": {}})) == (503, "store.io")
    (download_id,) = [row["id"] for row in await as_owner.fetch("SELECT id FROM afterglow.downloads")]
    assert problem(await ana.http.get(f"/api/downloads/{download_id}")) == (404, "download.not-found")


@pytest.mark.req("DWN-2")
async def test_an_archive_of_another_format_is_not_gone_on_with(
    ana: Person, product: Product, chosen: dict[str, str], as_owner: asyncpg.Connection
) -> None:
    ordered = await order(ana, *chosen.values())
    await as_owner.execute("UPDATE afterglow.downloads SET format = 0")
    assert problem(await fetch(product, ordered)) == (404, "download.not-found")


async def test_the_url_lives_as_long_as_the_archive(ana: Person, chosen: dict[str, str]) -> None:
    ordered = await order(ana, *chosen.values())
    expires = int(dict(parse_qsl(urlsplit(ordered["url"]).query))["expires"])
    assert datetime.fromisoformat(ordered["expiresAt"]).timestamp() - expires < 1


@pytest.mark.req("DWN-2")
async def test_a_closed_reading_leaves_no_file_open(ana: Person, product: Product) -> None:
    opened = await opened_of(product, ana, await order(ana, await sent(ana, LARGE)))
    path = original_of(product, LARGE)

    def is_open() -> bool:
        links = Path("/proc/self/fd").iterdir()
        return any(link.exists() and link.resolve() == path for link in links)

    reading_it = await opened.open_range(0, opened.archive.size_bytes)
    async for piece in reading_it:
        if piece.startswith(LARGE[:20]):
            break
    assert is_open()
    await reading_it.aclose()
    assert not is_open()


@pytest.mark.req("DWN-2")
async def test_two_may_read_at_once(ana: Person, product: Product, chosen: dict[str, str]) -> None:
    ordered = await order(ana, *chosen.values())
    first, second = await asyncio.gather(fetch(product, ordered), fetch(product, ordered))
    assert first.content == second.content
    assert unpacked(first.content)["film.jpg"] == LARGE


@pytest.mark.req("DWN-2")
async def test_many_photos_of_one_name_are_ordered_and_told_apart(
    ana: Person, product: Product, as_owner: asyncpg.Connection
) -> None:
    photo_id = await sent(ana, taken(1), "image.jpg")
    owner_id = ana.account.id
    await as_owner.execute(
        """
        INSERT INTO afterglow.photos (id, owner_id, status, kind, mime, filename, taken_local, taken_at, taken_source,
                                      created_at, updated_at)
        SELECT gen_random_uuid(), $1, 'STORED', 'photo', 'image/jpeg', 'image.jpg', '2020-01-01', '2020-01-01', 'exif',
               $2, $2
        FROM generate_series(1, 3000)
        """,
        owner_id, LONG_AGO,
    )  # fmt: skip
    await as_owner.execute(
        """
        INSERT INTO afterglow.photo_files (id, photo_id, owner_id, role, size_bytes, mime, name, source, created_at)
        SELECT gen_random_uuid(), id, owner_id, 'primary', 1, mime, filename, 'upload', created_at
        FROM afterglow.photos WHERE taken_local = '2020-01-01'
        """
    )
    await insert(
        as_owner, "photo_files", id=new_id(), photo_id=UUID(photo_id), owner_id=owner_id, role="sidecar",
        size_bytes=1, mime="application/xml", name="image.xmp", source="upload", created_at=LONG_AGO,
    )  # fmt: skip
    answer = await ana.http.post("/api/downloads", json={"query": {}})
    assert (answer.json()["count"], len(answer.json()["missing"])) == (1, 3001)
    content = (await fetch(product, answer.json())).content
    assert len(manifest_of(content)["missing"]) == 3001
