"""Real photos from many cameras, and broken ones, through the whole product."""

import hashlib
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFile

from afterglow.config import Settings
from afterglow.features.derivatives.rules import THUMBNAIL_SIZES
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.units import MIB
from factories.product import Person, Product, open_product
from factories.sending import originals, parts

pytestmark = pytest.mark.corpus

REAL = ("exif", "objects")
BROKEN = (
    "truncated",
    "bitflip",
    "zero",
    "wrong_ext",
    "dates",
    "gps",
    "exif_strings",
    "exif_struct",
    "polyglot",
    "bombs",
)
LARGEST = 64 * MIB
REFUSED = {413, 415, 422}


@dataclass(frozen=True)
class Outcome:
    """What became of a file."""

    file: Path
    status: int
    answer: dict[str, Any]

    @property
    def is_taken(self) -> bool:
        return self.status in {200, 201}


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size <= LARGEST)


@pytest.fixture
def bounded(settings: Settings) -> Settings:
    """Settings under which no picture costs much."""
    settings.data_dir.mkdir()
    bounds = {"upload_max_bytes": LARGEST, "max_pixels": 100_000_000, "decode_timeout_s": 30, "decoders": 2}
    return settings.model_copy(update=bounds)


def read(file: Path) -> bytes:
    return file.read_bytes()


async def upload(person: Person, file: Path) -> Outcome:
    answer = await person.http.post("/api/upload", files={"file": (file.name, read(file))})
    return Outcome(file, answer.status_code, answer.json())


async def get_json(person: Person, path: str) -> dict[str, Any]:
    answer = await person.http.get(path)
    assert answer.status_code == 200, (path, answer.text)
    # Strict: no NaN, no infinity, which JSON does not have.
    parsed: dict[str, Any] = json.loads(answer.content, parse_constant=lambda name: pytest.fail(f"{name} in {path}"))
    return parsed


def texts(value: Any) -> Iterator[str]:
    """All strings in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield key
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)


def require_clean(value: Any, file: Path) -> None:
    for text in texts(value):
        assert "\0" not in text, file
        text.encode()


async def require_displayable_or_explained(person: Person, photo: dict[str, Any], file: Path) -> bool:
    """Prove that a photo is shown in all sizes, or that its steps say why not; return whether it is."""
    (derive,) = [step for step in photo["steps"] if step["step"] == "derive"]
    assert photo["isProcessing"] is False, file
    assert photo["isStored"] is True, file
    if derive["state"] != "done":
        assert derive["reason"] or derive["errorCode"], file
        assert photo["status"] == ("STORED" if derive["state"] == "skipped" else "FAILED"), file
        answer = await person.http.get(f"/api/photos/{photo['id']}/preview")
        assert answer.status_code == 404, file
        assert answer.json()["reason"] == (derive["reason"] or derive["errorCode"]), file
        return False
    assert photo["status"] == "STORED", file
    assert photo["width"] > 0, file
    assert photo["height"] > 0, file
    for path in ("preview", *(f"thumbnail?size={size}" for size in THUMBNAIL_SIZES)):
        answer = await person.http.get(f"/api/photos/{photo['id']}/{path}")
        assert answer.status_code == 200, (file, path)
        with Image.open(io.BytesIO(answer.content)) as shown:
            shown.load()
            assert max(shown.size) <= 2000 or path.startswith("thumbnail"), (file, path)
            assert not shown.getexif(), (file, path)
    return True


async def require_kept_byte_for_byte(person: Person, photo: dict[str, Any], file: Path) -> None:
    content = await person.http.get(f"/api/photos/{photo['id']}/original")
    assert content.status_code == 200, file
    expected = hashlib.sha256(read(file)).hexdigest()
    assert hashlib.sha256(content.content).hexdigest() == photo["checksum"] == expected, file


async def upload_all(product: Product, person: Person, files: list[Path]) -> list[Outcome]:
    outcomes = [await upload(person, file) for file in files]
    for outcome in outcomes:
        assert outcome.status in {200, 201} | REFUSED, (outcome.file, outcome.answer)
        if not outcome.is_taken:
            assert outcome.answer["code"].startswith(("ingest.", "upload.")), (outcome.file, outcome.answer)
    await product.work()
    return outcomes


async def check_all(person: Person, outcomes: list[Outcome]) -> list[tuple[Path, dict[str, Any], bool]]:
    """Prove what has to hold of every file that was taken."""
    shown = []
    for outcome in outcomes:
        if not outcome.is_taken:
            continue
        photo = await get_json(person, f"/api/photos/{outcome.answer['photoId']}")
        metadata = await get_json(person, f"/api/photos/{photo['id']}/metadata")
        require_clean(photo, outcome.file)
        require_clean(metadata, outcome.file)
        await require_kept_byte_for_byte(person, photo, outcome.file)
        shown.append((outcome.file, photo, await require_displayable_or_explained(person, photo, outcome.file)))
    return shown


@pytest.mark.req("P-1", "ING-3", "ING-5", "ING-6", "DER-1", "LIFE-1")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("folder", REAL)
async def test_real_photos_are_kept_and_shown_or_say_why_not(corpus: Path, bounded: Settings, folder: str) -> None:
    files = files_below(corpus / folder)
    assert len(files) > 100
    async with open_product(bounded) as product:
        person = await product.person("ana")
        outcomes = await upload_all(product, person, files)
        taken = {outcome.answer["checksum"] for outcome in outcomes if outcome.is_taken}
        assert len(originals(product)) == len(taken)
        assert parts(product) == []
        shown = await check_all(person, outcomes)
        await person.http.aclose()
    for file in {outcome.file for outcome in outcomes if not outcome.is_taken}:
        assert not is_picture(file), f"{file} was refused and is a picture"
    # Far most of them can be shown; what can't be is of formats that come later, or has no picture in it.
    decodable = [(file, is_shown) for file, photo, is_shown in shown if photo["mime"] in DECODED]
    assert len(decodable) > 100
    assert [file for file, is_shown in decodable if not is_shown and is_picture(file)] == []


DECODED = {"image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff"}


def is_picture(file: Path) -> bool:
    """Whether Pillow, which we do not use to decode, finds a whole picture in a file."""
    try:
        with Image.open(file) as image:
            if image.format not in {"JPEG", "PNG", "WEBP", "GIF", "TIFF", "MPO"}:
                return False
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.req("P-1", "ING-5", "ING-7", "DER-5", "LIFE-1")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("folder", BROKEN)
async def test_broken_files_break_nothing(corpus: Path, bounded: Settings, folder: str) -> None:
    files = files_below(corpus / "malformed" / "generated" / folder)
    assert files
    async with open_product(bounded) as product:
        person = await product.person("ana")
        outcomes = await upload_all(product, person, files)
        for file, photo, _ in await check_all(person, outcomes):
            assert 1826 <= int(photo["takenLocal"][:4]) <= 2100, (file, photo["takenLocal"])
            if photo["place"]:
                place = photo["place"]
                assert abs(place["latitude"]) <= 90, file
                assert abs(place["longitude"]) <= 180, file
                assert (place["latitude"], place["longitude"]) != (0, 0), file
            assert photo["offsetMinutes"] is None or abs(photo["offsetMinutes"]) <= 14 * 60, file
            assert all(math.isfinite(value) for value in numbers(photo)), file
        # A broken file has not spoiled what comes after it.
        months = (await get_json(person, "/api/timeline"))["months"]
        assert sum(month["count"] for month in months) == len({o.answer["photoId"] for o in outcomes if o.is_taken})
        listed = await get_json(person, "/api/photos?limit=500")
        assert len(listed["items"]) == sum(month["count"] for month in months)
        await person.http.aclose()


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from numbers(entry)


@pytest.mark.req("ING-5")
async def test_strangers_files_that_are_no_photos_are_refused(corpus: Path, ana: Person, product: Product) -> None:
    folder = corpus / "malformed" / "generated"
    for file in [*(folder / "archives").glob("*.zip"), *(folder / "bombs").glob("*.svg")]:
        outcome = await upload(ana, file)
        assert (outcome.status, outcome.answer["code"]) == (415, "ingest.unsupported-type"), file
    assert (parts(product), originals(product)) == ([], [])


@pytest.mark.req("ING-1", "ING-8")
async def test_a_real_photo_sent_in_parts_is_the_photo_sent_as_a_form(corpus: Path, ana: Person) -> None:
    file = next(path for path in files_below(corpus / "objects") if path.suffix == ".jpg")
    content = file.read_bytes()
    first = await upload(ana, file)
    session = {"filename": file.name, "size": len(content), "checksum": str(Checksum.of(content))}
    opened = (await ana.http.post("/api/upload-sessions", json=session)).json()
    assert (opened["alreadyExists"], opened["photoId"]) == (True, first.answer["photoId"])
