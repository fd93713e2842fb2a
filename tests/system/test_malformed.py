"""Every file that was made to break a photo server, from the upload to its picture.

The table of what became of them is docs/reference/malformed.md; `AFTERGLOW_TEST_WRITE_PAGES=1` writes it anew.
"""

import os
import resource
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import psutil
import pytest

from afterglow.config import Settings
from afterglow.features.pipeline.rules import DERIVE
from afterglow.kernel.units import MIB
from factories.product import Person, Product, open_product
from factories.sending import originals, parts, send

pytestmark = [pytest.mark.corpus, pytest.mark.req("DER-5", "ING-5"), pytest.mark.timeout(600)]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "malformed.md"
HEAD = """# Malformed files

<!-- written by tests/system/test_malformed.py with AFTERGLOW_TEST_WRITE_PAGES=1 -->

What becomes of the files of the corpus of test media that were made, or found, to break programs. Each is uploaded, and
decoded with the default limits. It is refused with a problem ([errors](errors.md)) and leaves nothing, or it is kept as
it is: shown whole, shown as far as it decodes, undecoded until a version knows its format, or FAILED with the reason.

"""
SHOWN = "shown"
IN_PART = "shown in part"
UNDECODED = "kept undecoded"
LARGEST_PROCESS_BYTES = 1200 * MIB
KEPT = {200, 201}

Outcomes = Mapping[str, Counter[str]]


@pytest.fixture(scope="session")
def malformed(corpus: Path) -> Path:
    return corpus / "malformed"


async def test_no_malformed_file_breaks_anything(
    malformed: Path, settings: Settings, as_owner: asyncpg.Connection
) -> None:
    settings.data_dir.mkdir()
    before = children()
    async with open_product(settings) as product:
        ana = await product.person("ana")
        kept, outcomes = await upload_all(ana, malformed)
        assert parts(product) == []
        await run_all_steps(product, as_owner)
        for folder, photo_id in kept:
            outcomes.setdefault(folder, Counter())[await outcome_of(ana, photo_id)] += 1
        assert len(originals(product)) == len({photo_id for _, photo_id in kept})
        assert len(children() - before) <= settings.decoders
        await ana.http.aclose()
    assert children() - before == set()
    assert peak_bytes() <= LARGEST_PROCESS_BYTES
    assert await slowest_run_s(as_owner) <= settings.decode_timeout_s
    assert sum(counts.total() for counts in outcomes.values()) == len(files_in(malformed))
    if os.environ.get("AFTERGLOW_TEST_WRITE_PAGES"):
        PAGE.write_text(page_of(outcomes))
    assert PAGE.read_text() == page_of(outcomes), "AFTERGLOW_TEST_WRITE_PAGES=1 writes the page anew"


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


async def upload_all(person: Person, malformed: Path) -> tuple[list[tuple[str, str]], dict[str, Counter[str]]]:
    """Upload all files; return folder and photo of those that were kept, and the refusals of each folder."""
    kept: list[tuple[str, str]] = []
    refused: dict[str, Counter[str]] = {}
    for path in files_in(malformed):
        folder = class_of(path.relative_to(malformed))
        answer = await send(person, path.read_bytes(), path.name.encode(errors="replace").decode())
        if answer.status_code in KEPT:
            kept.append((folder, answer.json()["photoId"]))
            continue
        assert 400 <= answer.status_code < 500, f"{path}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json"
        refused.setdefault(folder, Counter())[f"refused: `{answer.json()['code']}`"] += 1
    return kept, refused


def class_of(path: Path) -> str:
    """The folder, without those that only part it."""
    return "/".join(path.parts[: 2 if path.parts[0] == "generated" else 1])


async def run_all_steps(product: Product, as_owner: asyncpg.Connection) -> None:
    """Run the steps to their good or bad end, without the pauses between attempts."""
    while await product.work():
        await as_owner.execute("UPDATE steps SET next_try_at = now() WHERE state = 'waiting'")
    unfinished = await as_owner.fetchval("SELECT count(*) FROM steps WHERE state IN ('waiting', 'running')")
    assert unfinished == 0


async def outcome_of(person: Person, photo_id: str) -> str:
    """What became of a photo; every one has a picture or a reason."""
    photo = (await person.http.get(f"/api/photos/{photo_id}")).json()
    step = next(step for step in photo["steps"] if step["step"] == DERIVE.name)
    preview = await person.http.get(f"/api/photos/{photo_id}/preview")
    match photo["status"], step["state"]:
        case "STORED", "done":
            assert preview.status_code == 200
            return IN_PART if photo["damaged"] else SHOWN
        case "STORED", "skipped":
            assert (step["reason"], preview.status_code) == ("format.unsupported", 404)
            return UNDECODED
        case "FAILED", "failed":
            assert preview.status_code == 404
            return f"kept FAILED: `{step['errorCode']}`"
        case state:
            pytest.fail(f"{photo['filename']}: {state}")


def children() -> set[int]:
    """The processes that this one has started, directly or not, zombies included; not the database's."""
    return {child.pid for child in psutil.Process().children(recursive=True) if child.name() != "postgres"}


def peak_bytes() -> int:
    """The most memory that this process, or one that it started and that has ended, has held."""
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return largest * (1 if sys.platform == "darwin" else 1024)


async def slowest_run_s(as_owner: asyncpg.Connection) -> float:
    slowest = await as_owner.fetchval("SELECT extract(epoch FROM max(finished_at - started_at)) FROM steps")
    return float(slowest)


def page_of(outcomes: Outcomes) -> str:
    """The reference page."""
    rows = [f"| {folder} | {counts.total()} | {in_words(counts)} |" for folder, counts in sorted(outcomes.items())]
    everything = sum(outcomes.values(), Counter[str]())
    head = ["| class | files | what becomes of them |", "| --- | ---: | --- |"]
    return HEAD + "\n".join([*head, *rows, f"| all | {everything.total()} | {in_words(everything)} |"]) + "\n"


def in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items(), key=order))


def order(counted: tuple[str, int]) -> tuple[bool, bool, bool, str]:
    """From good to bad: shown, in part, not yet decoded, failed, refused."""
    outcome, _ = counted
    return outcome.startswith("refused"), "FAILED" in outcome, outcome == UNDECODED, outcome
