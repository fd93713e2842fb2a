"""Generated pages are current, and tests name only requirements that exist."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "generator",
    [
        "requirements_page",
        "reference_pages",
        pytest.param("openapi", marks=pytest.mark.req("ECO-1")),
    ],
)
def test_what_is_generated_is_what_was_committed(generator: str) -> None:
    command = [sys.executable, f"tools/{generator}.py", "--check"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
