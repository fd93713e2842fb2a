"""`afterglow upload` as a whole: every file accounted for, in one run and over several."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fake_photo_server import EMAIL, PASSWORD, PhotoServer, Trouble
from typer.testing import CliRunner

from afterglow.entry.cli.main import app
from afterglow.entry.cli.upload import run as run_module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    place.mkdir()
    return place


def fill(folder: Path, count: int) -> dict[str, bytes]:
    contents = {f"{number:03}.jpg": os.urandom(1_000 + number) for number in range(count)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return contents


def upload(photos: PhotoServer, *arguments: str | Path) -> tuple[int, list[dict[str, Any]], dict[str, Any]]:
    """Return the exit code, the outcomes and the summary of a run."""
    command = ["upload", "--json", "--server", photos.url, "--token", "given-token", *map(str, arguments)]
    result = CliRunner().invoke(app, command)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    *outcomes, last = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, outcomes, last["summary"]


@pytest.mark.req("ECO-4")
def test_a_folder_is_uploaded_and_a_second_run_sends_nothing(photos: PhotoServer, folder: Path) -> None:
    contents = fill(folder, 30)
    code, outcomes, summary = upload(photos, folder)
    assert code == 0
    assert (summary["uploaded"], summary["duplicate"], summary["failed"]) == (30, 0, 0)
    assert {Path(one["path"]).name for one in outcomes} == set(contents)
    assert sorted(photos.photos.values()) == sorted(contents.values())

    sent = photos.received_bytes
    code, _, summary = upload(photos, folder)
    assert code == 0
    assert (summary["uploaded"], summary["duplicate"]) == (0, 30)
    assert photos.received_bytes == sent
    assert photos.requests.count("POST /api/upload-sessions") == photos.count("/complete") == 30


@pytest.mark.req("ECO-4", "ING-9")
def test_programs_get_the_signed_receipts(photos: PhotoServer, folder: Path) -> None:
    fill(folder, 3)
    _, outcomes, _ = upload(photos, folder)
    assert [one["receipt"] for one in outcomes] == [f"signed.{one['checksum']}.x" for one in outcomes]


@pytest.mark.req("ECO-4", "ING-9", "P-3")
def test_a_file_whose_original_the_server_lost_is_sent_again(photos: PhotoServer, folder: Path) -> None:
    fill(folder, 3)
    upload(photos, folder)
    photos.lost.add(next(iter(photos.photos)))
    before = photos.count("PUT")
    upload(photos, folder)
    assert photos.count("PUT") == before + 1


@pytest.mark.req("ECO-4")
def test_the_server_is_asked_in_batches(photos: PhotoServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "BATCH_FILES", 10)
    fill(folder, 25)
    upload(photos, folder)
    assert photos.count("POST /api/receipts") == 3


@pytest.mark.req("ECO-4")
def test_every_file_has_an_outcome_and_a_failure_changes_the_exit_code(photos: PhotoServer, folder: Path) -> None:
    fill(folder, 3)
    (folder / "notes.txt").write_text("no photo")
    (folder / "gone.jpg").symlink_to(folder / "nowhere")
    code, outcomes, summary = upload(photos, folder)
    assert code == 1
    assert len(outcomes) == 5
    assert {one["outcome"]: one.get("reason") for one in outcomes if "reason" in one} == {
        "skipped": "not a photo or video by its name",
        "failed": "cannot be read: No such file or directory",
    }
    assert (summary["uploaded"], summary["skipped"], summary["failed"]) == (3, 1, 1)


def test_files_of_the_same_bytes_become_one_photo(photos: PhotoServer, folder: Path) -> None:
    content = os.urandom(200_000)
    for name in "abcdef":
        (folder / f"{name}.jpg").write_bytes(content)
    code, outcomes, summary = upload(photos, folder)
    assert code == 0
    assert (summary["uploaded"], summary["duplicate"]) == (1, 5)
    assert len({one["photoId"] for one in outcomes}) == 1
    assert photos.received_bytes == len(content)


def test_a_server_that_refuses_to_say_what_it_has_leaves_no_file_without_an_outcome(
    photos: PhotoServer, folder: Path
) -> None:
    fill(folder, 5)
    photos.troubles.append(Trouble("/api/receipts", status=403))
    code, outcomes, summary = upload(photos, folder)
    assert code == 1
    assert len(outcomes) == summary["failed"] == 5


def test_troubles_on_the_way_do_not_lose_a_file(photos: PhotoServer, folder: Path) -> None:
    contents = fill(folder, 12)
    photos.troubles.extend(Trouble("PUT", cut_after_bytes=500) for _ in range(4))
    photos.troubles.append(Trouble("/complete", lose_answer=True))
    code, _, summary = upload(photos, folder)
    assert code == 0
    assert summary["uploaded"] == 12
    assert sorted(photos.photos.values()) == sorted(contents.values())


def test_people_see_a_summary_and_what_went_wrong(photos: PhotoServer, folder: Path) -> None:
    fill(folder, 2)
    (folder / "notes.txt").write_text("no photo")
    result = CliRunner().invoke(app, ["upload", "--server", photos.url, "--token", "given-token", str(folder)])
    assert result.exit_code == 0
    assert "2 uploaded, 0 duplicate, 1 skipped, 0 failed" in result.stdout
    assert "notes.txt: not a photo or video by its name" in result.stderr


def test_an_account_can_be_named_for_one_run(
    photos: PhotoServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder, 2)
    monkeypatch.setenv("AFTERGLOW_PASSWORD", PASSWORD)
    result = CliRunner().invoke(app, ["upload", "--server", photos.url, "--email", EMAIL, str(folder)])
    assert result.exit_code == 0
    assert len(photos.photos) == 2
