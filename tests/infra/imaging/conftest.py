from pathlib import Path

import pytest

from afterglow.infra.imaging.derive.pipeline import Deriver
from afterglow.infra.imaging.port import DeriveRequest, DeriveResult
from afterglow.infra.imaging.sniff import SNIFF_BYTES, sniff

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"


@pytest.fixture(scope="session")
def corpus() -> Path:
    if not CORPUS.is_dir():
        pytest.skip("the corpus of test media is not beside this repository")
    return CORPUS


@pytest.fixture(scope="session")
def deriver() -> Deriver:
    return Deriver()


@pytest.fixture
def derive(deriver: Deriver, tmp_path: Path):
    """Derive generated, harmless bytes in this process; strangers' files go through the sandbox."""

    def run(content: bytes, *, max_pixels: int = 250_000_000) -> DeriveResult:
        source = tmp_path / "original"
        source.write_bytes(content)
        media_type = sniff(content[:SNIFF_BYTES])
        mime = media_type.mime if media_type else "image/jpeg"
        return deriver.derive(DeriveRequest(source, mime, tmp_path / "derivatives", max_pixels))

    return run
