"""Generated pages are current, and tests name only requirements that exist."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_requirements_page_is_current_and_knows_every_id() -> None:
    finished = subprocess.run(
        [sys.executable, "tools/requirements_page.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout


@pytest.mark.req("ADM-3")
def test_the_reference_pages_are_current_and_leave_nothing_out() -> None:
    check("tools/reference_pages.py")


@pytest.mark.req("ECO-1")
def test_the_committed_openapi_document_is_the_codes() -> None:
    check("tools/openapi.py")


def check(tool: str) -> None:
    finished = subprocess.run([sys.executable, tool, "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
