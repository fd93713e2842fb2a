"""Real media and real attacks, through the sandbox: displayable, or a reason of ours why not."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from afterglow.infra.imaging.errors import (
    DecoderDiedError,
    DecoderTimeoutError,
    TooManyPixelsError,
    UndecodableError,
    UnsupportedFormatError,
)
from afterglow.infra.imaging.port import DeriveRequest, DeriveResult
from afterglow.infra.imaging.sandbox import Sandbox
from afterglow.infra.imaging.sniff import SNIFF_BYTES, MediaKind, sniff
from afterglow.kernel.units import GIB

pytestmark = [pytest.mark.corpus, pytest.mark.req("DER-1", "DER-5", "ING-5")]

REASONS = (UndecodableError, TooManyPixelsError, UnsupportedFormatError, DecoderDiedError, DecoderTimeoutError)
MALFORMED = (
    "AFL", "Pillow", "sharp", "go-fuzz-gif", "go-fuzz-jpeg", "go-fuzz-png", "go-fuzz-tiff", "go-fuzz-webp",
    "metadata-extractor-images", "generated/bitflip", "generated/bombs", "generated/exif_struct", "generated/polyglot",
    "generated/truncated",
)  # fmt: skip
TOO_LARGE = (
    "gif_65535x65535.gif",
    "jpeg_header_65500x65500.jpg",
    "png_1bit_30000x30000.png",
    "png_header_2e9x2e9.png",
    "tiff_100000x100000.tif",
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(children=2, timeout_s=30, memory_bytes=GIB)
    yield sandbox
    await sandbox.close()


def photos_in(folder: Path) -> list[tuple[Path, str]]:
    """Files that are taken as photos, and their types."""
    with_types = [(path, sniff(head(path))) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(path, kind.mime) for path, kind in with_types if kind and kind.kind is MediaKind.PHOTO]


async def outcomes(sandbox: Sandbox, folder: Path, output_dir: Path) -> dict[str, DeriveResult | Exception]:
    """What became of each file that is taken as a photo; no error but ours gets through."""

    async def outcome(number: int, path: Path, mime: str) -> DeriveResult | Exception:
        request = DeriveRequest(path, mime, output_dir / str(number), 250_000_000)
        try:
            return await sandbox.derive(request)
        except REASONS as reason:
            return reason

    photos = photos_in(folder)
    found = await asyncio.gather(*(outcome(number, *photo) for number, photo in enumerate(photos)))
    return {path.name: result for (path, _), result in zip(photos, found, strict=True)}


def head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SNIFF_BYTES)


def hidden_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith(".")]


def assert_displayable(result: DeriveResult) -> None:
    for item in result.derivatives:
        with Image.open(item.path) as picture:
            picture.load()
            assert picture.size == (item.width, item.height)
    assert max(result.derivatives[0].width, result.derivatives[0].height) <= 2000


@pytest.mark.parametrize(("folder", "at_least"), [("exif", 180), ("objects", 120)])
async def test_real_photos_are_displayable_or_say_why_not(
    corpus: Path, sandbox: Sandbox, tmp_path: Path, folder: str, at_least: int
) -> None:
    found = await outcomes(sandbox, corpus / folder, tmp_path)
    shown = [result for result in found.values() if isinstance(result, DeriveResult)]
    for result in shown:
        assert_displayable(result)
    assert len(shown) >= at_least
    codes = Counter(type(result) for result in found.values() if not isinstance(result, DeriveResult))
    assert codes.keys() <= {UndecodableError, UnsupportedFormatError}


@pytest.mark.parametrize("folder", MALFORMED)
async def test_malformed_files_are_shown_or_refused(
    corpus: Path, sandbox: Sandbox, tmp_path: Path, folder: str
) -> None:
    found = await outcomes(sandbox, corpus / "malformed" / folder, tmp_path)
    assert found
    for result in found.values():
        if isinstance(result, DeriveResult):
            assert_displayable(result)
    assert not hidden_files(tmp_path)


async def test_bombs_are_refused_by_their_size(corpus: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    found = await outcomes(sandbox, corpus / "malformed" / "generated" / "bombs", tmp_path)
    assert {name: type(found[name]) for name in TOO_LARGE} == dict.fromkeys(TOO_LARGE, TooManyPixelsError)
