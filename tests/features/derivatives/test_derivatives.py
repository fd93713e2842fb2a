"""Thumbnails and previews: made once, served, evicted, made again."""

import io
import shutil
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from afterglow.features.derivatives.rules import THUMBNAIL_SIZES, folder_of, is_older
from afterglow.features.derivatives.tasks import Derive
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import DERIVE
from afterglow.features.steps.models import Run
from afterglow.kernel.ids import PhotoId, UserId, new_id
from factories import pictures
from factories.product import Person, Product
from factories.sending import sent


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def get_photo(person: Person, photo_id: str) -> dict[str, Any]:
    photo: dict[str, Any] = (await person.http.get(f"/api/photos/{photo_id}")).json()
    return photo


def step_of(photo: dict[str, Any], name: str = "derive") -> dict[str, Any]:
    (step,) = [step for step in photo["steps"] if step["step"] == name]
    return step


@pytest.fixture
async def photo_id(ana: Person, product: Product) -> str:
    made = await sent(ana, pictures.jpeg(1, width=2400, height=1600))
    await product.work()
    return made


@pytest.mark.req("DER-1", "DER-4")
async def test_all_sizes_are_served_upright_and_of_their_size(ana: Person, product: Product) -> None:
    content = pictures.jpeg(2, width=2400, height=1600, orientation=6)
    photo_id = await sent(ana, content)
    await product.work()
    photo = await get_photo(ana, photo_id)
    assert (photo["width"], photo["height"], photo["ratio"]) == (1600, 2400, 0.6667)
    sizes = {}
    for size in THUMBNAIL_SIZES:
        answer = await ana.http.get(f"/api/photos/{photo_id}/thumbnail", params={"size": size})
        assert answer.headers["content-type"] == "image/jpeg"
        sizes[size] = Image.open(io.BytesIO(answer.content)).size
    assert sizes == {64: (64, 64), 128: (128, 128), 256: (256, 256), 512: (512, 512), 400: (400, 600)}
    preview = await ana.http.get(f"/api/photos/{photo_id}/preview")
    assert Image.open(io.BytesIO(preview.content)).size == (1333, 2000)


@pytest.mark.req("DER-1")
async def test_derivatives_tell_nothing_of_place_camera_or_person(ana: Person, product: Product) -> None:
    content = pictures.located_jpeg(3)
    assert b"Ana Private" in content
    photo_id = await sent(ana, content)
    await product.work()
    for path in ("preview", "thumbnail?size=400", "thumbnail?size=512"):
        answer = await ana.http.get(f"/api/photos/{photo_id}/{path}")
        shown = Image.open(io.BytesIO(answer.content))
        assert dict(shown.getexif()) == {}
        assert not {"exif", "icc_profile", "xmp", "comment"} & set(shown.info)
        assert b"Exif" not in answer.content
        assert b"Private" not in answer.content


@pytest.mark.req("DER-1", "LIB-4")
async def test_a_url_with_the_version_is_kept_for_ever_and_one_without_is_asked_again(
    ana: Person, photo_id: str
) -> None:
    url = f"/api/photos/{photo_id}/thumbnail?size=256"
    current = (await get_photo(ana, photo_id))["v"]
    versioned = await ana.http.get(f"{url}&v={current}")
    assert versioned.headers["cache-control"] == "private, max-age=31536000, immutable"
    for other in (url, f"{url}&v={current + 1}", f"{url}&v=0"):
        answer = await ana.http.get(other)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-cache")
        etag = answer.headers["etag"]
        unchanged = await ana.http.get(other, headers={"If-None-Match": etag})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == etag
    assert versioned.headers["etag"] == etag
    preview = await ana.http.get(f"/api/photos/{photo_id}/preview", headers={"If-None-Match": etag})
    assert preview.status_code == 200
    assert (await ana.http.get(f"{url}&v=x")).status_code == 422


async def test_derivatives_have_ranges_and_heads(ana: Person, photo_id: str) -> None:
    url = f"/api/photos/{photo_id}/preview"
    whole = await ana.http.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    part = await ana.http.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    for target in (url, f"/api/photos/{photo_id}/thumbnail?size=64"):
        head = await ana.http.head(target)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len((await ana.http.get(target)).content))
    assert whole.headers["x-content-type-options"] == "nosniff"


async def test_other_sizes_are_refused(ana: Person, photo_id: str) -> None:
    for size in (0, -64, 65, 1024):
        answer = await ana.http.get(f"/api/photos/{photo_id}/thumbnail", params={"size": size})
        assert problem(answer) == (422, "derivative.unknown-size")
        assert answer.json()["sizes"] == [64, 128, 256, 400, 512]


@pytest.mark.req("DER-3", "LIFE-4")
async def test_what_is_not_made_yet_is_not_ready(ana: Person) -> None:
    photo_id = await sent(ana, pictures.jpeg(4))
    for path in ("thumbnail", "preview"):
        assert problem(await ana.http.get(f"/api/photos/{photo_id}/{path}")) == (404, "derivative.not-ready")


@pytest.mark.req("DER-3", "P-6")
async def test_evicted_derivatives_come_back(ana: Person, product: Product, photo_id: str) -> None:
    url = f"/api/photos/{photo_id}/thumbnail?size=256"
    before = (await ana.http.get(url)).content
    shutil.rmtree(product.node.cache.root)
    for _ in range(2):
        assert problem(await ana.http.get(url)) == (404, "derivative.not-ready")
    assert await product.work() > 0
    assert (await ana.http.get(url)).content == before
    assert (await get_photo(ana, photo_id))["status"] == "STORED"


@pytest.mark.req("DER-3", "P-4")
@pytest.mark.parametrize("name", ["256.jpg", "preview.jpg"])
@pytest.mark.parametrize("kept_share", [0, 0.5])
async def test_a_derivative_that_a_power_cut_tore_is_made_again(
    ana: Person, product: Product, photo_id: str, name: str, kept_share: float
) -> None:
    url = f"/api/photos/{photo_id}/" + ("preview" if name == "preview.jpg" else "thumbnail?size=256")
    before = (await ana.http.get(url)).content
    (path,) = product.node.cache.root.rglob(name)
    kept = before[: int(len(before) * kept_share)]
    path.write_bytes(kept + bytes(len(before) - len(kept)) if kept else b"")
    assert problem(await ana.http.get(url)) == (404, "derivative.not-ready")
    assert await product.work() > 0
    assert (await ana.http.get(url)).content == before


@pytest.mark.req("DER-3", "LIFE-1")
async def test_evicted_derivatives_that_can_not_be_made_again_say_so(
    ana: Person, product: Product, photo_id: str, as_owner: Any
) -> None:
    shutil.rmtree(product.node.cache.root)
    await as_owner.execute("UPDATE steps SET state = 'failed', error_code = 'decoder.died' WHERE step = 'derive'")
    answer = await ana.http.get(f"/api/photos/{photo_id}/preview")
    assert problem(answer) == (404, "derivative.none")
    assert answer.json()["reason"] == "decoder.died"


@pytest.mark.req("ING-5", "LIFE-1", "LIFE-2", "P-1")
@pytest.mark.parametrize("content", [pictures.heic_like(1), pictures.mp4_like(1)], ids=["heic", "mp4"])
async def test_a_format_that_is_not_decoded_yet_is_kept_and_says_so(
    ana: Person, product: Product, content: bytes
) -> None:
    photo_id = await sent(ana, content)
    await product.work()
    photo = await get_photo(ana, photo_id)
    assert (step_of(photo)["state"], step_of(photo)["reason"]) == ("skipped", "format.unsupported")
    assert (photo["status"], photo["isStored"], photo["isProcessing"], photo["v"]) == ("STORED", True, False, 0)
    answer = await ana.http.get(f"/api/photos/{photo_id}/thumbnail")
    assert problem(answer) == (404, "derivative.none")
    assert answer.json()["reason"] == "format.unsupported"
    assert (await ana.http.get(f"/api/photos/{photo_id}/original")).content == content
    assert [item["id"] for item in (await ana.http.get("/api/photos")).json()["items"]] == [photo_id]


@pytest.mark.req("LIFE-1", "LIFE-3", "DER-5", "P-1")
async def test_an_undecodable_file_fails_visibly_and_can_be_retried(ana: Person, product: Product) -> None:
    content = pictures.undecodable_jpeg(1)
    photo_id = await sent(ana, content)
    await product.work()
    photo = await get_photo(ana, photo_id)
    assert (photo["status"], photo["isStored"], photo["isProcessing"]) == ("FAILED", True, False)
    step = step_of(photo)
    assert (step["state"], step["errorCode"], step["attempts"]) == ("failed", "image.undecodable", 1)
    assert step["error"]
    assert problem(await ana.http.get(f"/api/photos/{photo_id}/preview")) == (404, "derivative.none")
    assert (await ana.http.get(f"/api/photos/{photo_id}/original")).content == content
    assert [item["id"] for item in (await ana.http.get("/api/photos?status=FAILED")).json()["items"]] == [photo_id]
    again = await ana.http.post(f"/api/photos/{photo_id}/steps/derive/retry")
    assert (again.status_code, step_of(again.json())["state"]) == (200, "waiting")
    assert again.json()["status"] in {"INGESTED", "PROCESSING"}
    await product.work()
    assert (await get_photo(ana, photo_id))["status"] == "FAILED"
    for step_name, code in [("derive", 200), ("metadata", 409), ("faces", 404)]:
        answer = await ana.http.post(f"/api/photos/{photo_id}/steps/{step_name}/retry")
        assert answer.status_code == code


@pytest.mark.req("LIFE-1")
async def test_a_damaged_file_is_shown_as_far_as_it_goes_and_marked(ana: Person, product: Product) -> None:
    content = pictures.damaged_jpeg(1)
    photo_id = await sent(ana, content)
    await product.work()
    photo = await get_photo(ana, photo_id)
    assert photo["status"] == "STORED"
    assert photo["damaged"]
    preview = await ana.http.get(f"/api/photos/{photo_id}/preview")
    assert Image.open(io.BytesIO(preview.content)).size == (800, 600)
    assert (await ana.http.get(f"/api/photos/{photo_id}/original")).content == content


@pytest.mark.req("LIFE-3", "P-7")
async def test_an_original_that_is_away_is_waited_for(ana: Person, product: Product, as_owner: Any) -> None:
    photo_id = await sent(ana, pictures.jpeg(5))
    store = product.node.store.root
    store.rename(store.with_name("away"))
    await product.work()
    step = step_of(await get_photo(ana, photo_id))
    assert (step["state"], step["attempts"], step["errorCode"]) == ("waiting", 0, "store.missing")
    assert step["nextTryAt"]
    store.with_name("away").rename(store)
    await as_owner.execute("UPDATE steps SET next_try_at = now()")
    await product.work()
    assert (await get_photo(ana, photo_id))["status"] == "STORED"


@pytest.mark.req("LIFE-2", "DER-3", "P-6")
async def test_a_newer_version_replaces_the_older_folder(
    ana: Person, product: Product, photo_id: str, as_owner: Any
) -> None:
    await as_owner.execute("UPDATE steps SET version = 7, state = 'waiting', next_try_at = now() WHERE step = 'derive'")
    run = await start(product, photo_id, as_owner)
    await finish(product, run)
    photo = await get_photo(ana, photo_id)
    assert photo["v"] == run.version > 1
    folder = product.node.cache.folder(UserId(ana.account.id), PhotoId(run.photo_id), run.version)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    answer = await ana.http.get(f"/api/photos/{photo_id}/thumbnail?v={run.version}")
    assert "immutable" in answer.headers["cache-control"]
    old = await ana.http.get(f"/api/photos/{photo_id}/thumbnail?v=1")
    assert old.headers["cache-control"] == "private, no-cache"


async def start(product: Product, photo_id: str, as_owner: Any) -> Any:
    """Start a run of the version that the step's row says."""
    run_id = new_id()
    row = await as_owner.fetchrow(
        "UPDATE steps SET state = 'running', run_id = $2, lease_until = now() + interval '1 minute', worker = 'test' "
        "WHERE step = 'derive' AND photo_id = $1 RETURNING *",
        UUID(photo_id),
        run_id,
    )
    fields = {name: row[name] for name in Run.__dataclass_fields__ if name in row.keys()}  # noqa: SIM118 - a record
    return Run(**fields)


async def finish(product: Product, run: Any) -> None:
    work = product.steps[DERIVE]
    assert isinstance(work, Derive)
    completion = await work(run)
    await product.node.database.run([run.owner_id], lambda tx: pipeline.complete_run(tx, run, completion))


@pytest.mark.req("LIFE-5", "LIFE-4")
async def test_a_run_that_was_overtaken_does_not_remove_what_the_later_one_made(
    ana: Person, product: Product, photo_id: str, as_owner: Any
) -> None:
    stale = await start(product, photo_id, as_owner)
    await as_owner.execute("UPDATE steps SET version = 7 WHERE step = 'derive'")
    later = await start(product, photo_id, as_owner)
    await finish(product, later)
    work = product.steps[DERIVE]
    await work(stale)
    answer = await ana.http.get(f"/api/photos/{photo_id}/preview")
    assert answer.status_code == 200
    assert (await get_photo(ana, photo_id))["v"] == later.version


@pytest.mark.req("DER-3", "P-9")
def test_a_folder_is_deterministic_and_spread() -> None:
    owner, photo = UserId(new_id()), PhotoId(new_id())
    folder = folder_of(owner, photo, 3)
    assert folder == folder_of(owner, photo, 3)
    assert folder.split("/")[0] == str(owner)
    assert folder.endswith(f"/{photo}/v3")
    many = {tuple(folder_of(owner, PhotoId(new_id()), 1).split("/")[1:3]) for _ in range(200)}
    assert len(many) > 150


@pytest.mark.parametrize(
    ("name", "is_it"), [("v1", True), ("v2", False), ("v3", False), ("v", False), ("w1", False), ("v1.part", False)]
)
def test_only_earlier_versions_are_older(name: str, is_it: bool) -> None:
    assert is_older(name, 2) is is_it
