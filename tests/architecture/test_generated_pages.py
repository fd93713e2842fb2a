"""Generated pages are current, and tests name only requirements that exist."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_requirements_page_is_current_and_knows_every_id() -> None:
    finished = subprocess.run(
        [sys.executable, "tools/requirements_page.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout
