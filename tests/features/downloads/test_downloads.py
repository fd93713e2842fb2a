"""Originals and smaller versions leave: whole, in ranges, under their names, by signed URL."""

import io
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import pytest
from PIL import Image

from afterglow.features.access.errors import ActionForbiddenError
from afterglow.features.derivatives.service import DerivativeCache
from afterglow.features.downloads import service as downloads
from afterglow.features.downloads.rules.photos import DownloadSize, name_of
from afterglow.features.downloads.service import DownloadPorts, originals
from afterglow.infra.web.auth import Authentication
from afterglow.infra.web.files import SMALL_BYTES
from afterglow.infra.web.provide import provide
from afterglow.kernel.ids import PhotoId
from afterglow.kernel.principal import Principal, Role, Scope
from factories import pictures
from factories.product import Person, Product
from factories.sending import original_of, sent

SIZES = ["thumb", "medium", "original"]
CONTENT = pictures.jpeg(1, width=1200, height=800)


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
async def photo_id(ana: Person, product: Product) -> str:
    made = await sent(ana, CONTENT, "Strand.jpg")
    await product.work()
    return made


@pytest.mark.req("P-1", "DWN-1")
async def test_an_original_leaves_byte_for_byte(ana: Person, photo_id: str) -> None:
    answer = await ana.http.get(f"/api/photos/{photo_id}/original")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    photo = (await ana.http.get(f"/api/photos/{photo_id}")).json()
    assert answer.headers["etag"] == f'"{photo["checksum"]}"'
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-disposition"] == 'attachment; filename="Strand.jpg"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "sandbox" in answer.headers["content-security-policy"]
    head = await ana.http.head(f"/api/photos/{photo_id}/original")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(CONTENT))


@pytest.mark.req("DWN-1", "P-8")
@pytest.mark.parametrize("size", [1000, SMALL_BYTES + 1000])
async def test_ranges_are_exact(ana: Person, product: Product, size: int) -> None:
    content = pictures.as_if_large(size)
    photo_id = await sent(ana, content)
    url = f"/api/photos/{photo_id}/original"
    etag = (await ana.http.head(url)).headers["etag"]
    for asked, start, end in [("0-0", 0, 1), ("10-19", 10, 20), ("990-", 990, size), ("-5", size - 5, size)]:
        answer = await ana.http.get(url, headers={"Range": f"bytes={asked}"})
        assert (answer.status_code, answer.content) == (206, content[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert answer.headers["etag"] == etag
    resumed = await ana.http.get(url, headers={"Range": "bytes=500-", "If-Range": etag})
    assert (resumed.status_code, resumed.content) == (206, content[500:])
    changed = await ana.http.get(url, headers={"Range": "bytes=500-", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, content)
    beyond = await ana.http.get(url, headers={"Range": f"bytes={size}-"})
    assert problem(beyond) == (416, "range-not-satisfiable")
    assert beyond.headers["content-range"] == f"bytes */{size}"
    assert (await ana.http.get(url, headers={"If-None-Match": etag})).status_code == 304


@pytest.mark.req("DWN-1")
@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("Straße 1.jpg", "attachment; filename=\"Strae 1.jpg\"; filename*=UTF-8''Stra%C3%9Fe%201.jpg"),
        ("日本.jpg", "attachment; filename=\".jpg\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.jpg"),
        ('100% "sure".jpg', "attachment; filename=\"100_ _sure_.jpg\"; filename*=UTF-8''100%25%20%22sure%22.jpg"),
    ],
)
async def test_names_leave_as_they_came(ana: Person, name: str, disposition: str) -> None:
    photo_id = await sent(ana, pictures.png(2), name)
    answer = await ana.http.get(f"/api/photos/{photo_id}/original")
    assert answer.headers["content-disposition"] == disposition


@pytest.mark.req("P-5", "ING-5")
async def test_what_pretends_to_be_a_page_is_never_shown_as_one(ana: Person) -> None:
    photo_id = await sent(ana, pictures.gif(3), "page.html")
    answer = await ana.http.get(f"/api/photos/{photo_id}/original")
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.req("DWN-1")
@pytest.mark.parametrize("size", SIZES)
async def test_a_download_is_a_url_that_needs_no_credentials(
    ana: Person, product: Product, photo_id: str, size: str
) -> None:
    answer = await ana.http.get(f"/api/photos/{photo_id}/download", params={"size": size})
    assert answer.status_code == 302
    assert answer.headers["cache-control"] == "no-store"
    url = answer.headers["location"]
    async with product.client() as nobody:
        got = await nobody.get(url)
        assert got.status_code == 200
        direct = await ana.http.get(f"/api/photos/{photo_id}/download", params={"size": size, "redirect": "0"})
        assert (direct.status_code, direct.content) == (200, got.content)
        assert (await nobody.head(url)).headers["content-length"] == str(len(got.content))
        part = await nobody.get(url, headers={"Range": "bytes=0-9"})
        assert (part.status_code, part.content) == (206, got.content[:10])
        for method in ("POST", "DELETE", "PUT"):
            assert (await nobody.request(method, url)).status_code in {401, 405}
    names = {"thumb": "Strand-thumb.jpg", "medium": "Strand-medium.jpg", "original": "Strand.jpg"}
    for byte_answer in (got, direct):
        assert byte_answer.headers["content-disposition"] == f'attachment; filename="{names[size]}"'
    if size == "original":
        assert got.content == CONTENT
    else:
        shown = {"thumb": (400, 267), "medium": (1200, 800)}[size]
        assert Image.open(io.BytesIO(got.content)).size == shown


@pytest.mark.req("DWN-1")
async def test_original_is_what_is_downloaded_unless_asked_otherwise(ana: Person, photo_id: str) -> None:
    answer = await ana.http.get(f"/api/photos/{photo_id}/download")
    assert urlsplit(answer.headers["location"]).path == f"/api/photos/{photo_id}/original"
    assert problem(await ana.http.get(f"/api/photos/{photo_id}/download?size=huge")) == (422, "request.invalid")


@pytest.mark.req("DWN-1", "P-5")
@pytest.mark.parametrize("size", SIZES)
async def test_a_signed_url_can_not_be_altered(
    ana: Person, ben: Person, product: Product, photo_id: str, size: str
) -> None:
    other_id = await sent(ana, pictures.jpeg(9))
    bens_id = await sent(ben, pictures.jpeg(10))
    await product.work()
    answer = await ana.http.get(f"/api/photos/{photo_id}/download", params={"size": size})
    parts = urlsplit(answer.headers["location"])
    query = dict(parse_qsl(parts.query))

    def url(path: str = parts.path, **changed: str | None) -> str:
        kept = {name: value for name, value in (query | changed).items() if value is not None}
        return f"{path}?{urlencode(kept)}"

    altered = [
        url(parts.path.replace(photo_id, other_id)),
        url(parts.path.replace(photo_id, bens_id)),
        url(parts.path.replace(photo_id, bens_id), owner=str(ben.account.id)),
        url(f"/api/photos/{photo_id}/metadata"),
        url(f"/api/photos/{photo_id}"),
        url("/api/photos"),
        url(owner=str(ben.account.id)),
        url(owner=None),
        url(expires=str(int(query["expires"]) + 60)),
        url(expires=None),
        url(signature=query["signature"][::-1]),
        url(signature=None),
        url(more="1"),
        url(redirect="1") if "redirect" in query else url(redirect="0"),
    ]
    if "size" in query:
        altered += [url(size="original"), url(size=None), url(f"/api/photos/{photo_id}/original")]
    async with product.client() as nobody:
        for target in altered:
            refused = await nobody.get(target)
            assert refused.status_code == 401, target
        assert (await nobody.get(url())).status_code == 200


@pytest.mark.req("DWN-1")
async def test_a_signed_url_expires(
    ana: Person, product: Product, photo_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(originals, "SIGNED_URL_LIFE", timedelta(seconds=-2))
    answer = await ana.http.get(f"/api/photos/{photo_id}/download")
    async with product.client() as nobody:
        assert problem(await nobody.get(answer.headers["location"])) == (401, "url.expired")


def test_a_signed_url_lives_for_minutes() -> None:
    assert timedelta(minutes=1) <= originals.SIGNED_URL_LIFE <= timedelta(hours=1)


@pytest.mark.req("DER-4", "P-5")
async def test_a_gallery_gets_no_original(ana: Person, product: Product, photo_id: str) -> None:
    gallery = Principal(ana.account.id, Role.MEMBER, frozenset({Scope.GALLERY}))

    class Gallery:
        async def authenticate(self, _: Any) -> Principal:
            return gallery

    provide(product.app, Authentication(Gallery()))
    async with product.client() as http:
        for path in ("original", "download", "download?size=original", "download?size=original&redirect=0"):
            for method in ("GET", "HEAD"):
                refused = await http.request(method, f"/api/photos/{photo_id}/{path}")
                assert refused.status_code == 403, path
            assert problem(await http.get(f"/api/photos/{photo_id}/{path}")) == (403, "access.forbidden")
        for path in ("", "/thumbnail", "/preview", "/metadata", "/download?size=thumb&redirect=0"):
            assert (await http.get(f"/api/photos/{photo_id}{path}")).status_code == 200, path
        refused = await http.post("/api/upload", files={"file": ("a.jpg", pictures.jpeg(11))})
        assert problem(refused) == (403, "access.forbidden")
        refused = await http.post("/api/upload-sessions", json={"filename": "a.jpg", "size": 1})
        assert problem(refused) == (403, "access.forbidden")
        refused = await http.post(f"/api/photos/{photo_id}/steps/derive/retry")
        assert problem(refused) == (403, "access.forbidden")


@pytest.mark.req("DER-4")
async def test_the_use_case_itself_refuses_what_its_route_does(ana: Person, product: Product, photo_id: str) -> None:
    node = product.node
    ports = DownloadPorts(node.store, DerivativeCache(node.cache.root), b"secret")
    gallery = Principal(ana.account.id, Role.MEMBER, frozenset({Scope.GALLERY}))
    with pytest.raises(ActionForbiddenError):
        await downloads.sign_download(node.database, ports, gallery, PhotoId(UUID(photo_id)), DownloadSize.ORIGINAL)


@pytest.mark.req("P-7", "DWN-1")
async def test_an_original_that_is_away_says_so(ana: Person, product: Product, photo_id: str) -> None:
    original = original_of(product, CONTENT)
    original.rename(original.with_name("elsewhere"))
    assert problem(await ana.http.get(f"/api/photos/{photo_id}/original")) == (503, "original.away")
    store = product.node.store.root
    store.rename(store.with_name("away"))
    answer = await ana.http.get(f"/api/photos/{photo_id}/original")
    assert problem(answer) == (503, "store.missing")
    assert answer.headers["retry-after"]
    # What is derived is there all the same.
    assert (await ana.http.get(f"/api/photos/{photo_id}/preview")).status_code == 200


async def test_a_smaller_version_that_is_not_there_says_why(ana: Person, product: Product) -> None:
    photo_id = await sent(ana, pictures.heic_like(1))
    for size in ("thumb", "medium"):
        answer = await ana.http.get(f"/api/photos/{photo_id}/download?size={size}&redirect=0")
        assert problem(answer) == (404, "derivative.none")


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("IMG_1.HEIC", "IMG_1-medium.jpg"),
        ("noextension", "noextension-medium.jpg"),
        (".hidden", ".hidden-medium.jpg"),
        ("a.b.c", "a.b-medium.jpg"),
    ],
)
def test_smaller_versions_have_names_of_their_own(filename: str, shown: str) -> None:
    assert name_of(filename, DownloadSize.MEDIUM, ".jpg") == shown
