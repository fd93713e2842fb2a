"""The locks agree with each other, carry hashes, and name no place that packages come from."""

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).resolve().parents[2] / "requirements"
PINNED = re.compile(r"^(?P<name>[a-z0-9.-]+)(?:\[[^]]*\])?==(?P<version>[^ \\]+)(?P<marker>[^\\]*)\\$", re.MULTILINE)


def pins(name: str) -> set[tuple[str, str, str]]:
    """Return (package, version, marker) of everything that a lock pins."""
    return {match.groups() for match in PINNED.finditer((LOCKS / f"{name}.lock").read_text())}


def versions(name: str) -> set[tuple[str, str]]:
    return {(package, version) for package, version, _ in pins(name)}


@pytest.mark.parametrize(("smaller", "larger"), [("run", "up"), ("up", "dev"), ("run", "traces")])
def test_a_larger_set_holds_the_smaller_one_at_the_same_versions(smaller: str, larger: str) -> None:
    assert versions(smaller) <= versions(larger)


@pytest.mark.parametrize("lock", ["bootstrap", "run", "up", "dev", "traces"])
def test_a_lock_is_all_hashes_and_no_addresses(lock: str) -> None:
    text = (LOCKS / f"{lock}.lock").read_text()
    assert "://" not in text
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert requirements
    assert [one.splitlines()[0] for one in requirements if "--hash=sha256:" not in one] == []
