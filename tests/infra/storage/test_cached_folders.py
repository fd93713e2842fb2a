"""A cache of folders: what it takes up by day of last use, and the removal of the oldest."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from afterglow.infra.storage.cached_folders import measure_folders, remove_folders, touch_folder
from afterglow.kernel.units import KIB

pytestmark = pytest.mark.req("DER-3", "STO-5")
NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)
TODAY = NOW.date()
DEPTH = 3


def make(root: Path, name: str, used_at: datetime, size_bytes: int = 8 * KIB) -> Path:
    """A folder of two files, last used at a moment."""
    folder = root / name
    folder.mkdir(parents=True)
    for file in ("a.jpg", "b.jpg"):
        (folder / file).write_bytes(os.urandom(size_bytes // 2))
    os.utime(folder, (used_at.timestamp(), used_at.timestamp()))
    return folder


def days_ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def test_what_a_cache_takes_up_is_added_up_by_day(tmp_path: Path) -> None:
    make(tmp_path, "a/b/1", days_ago(3))
    make(tmp_path, "a/c/2", days_ago(3))
    make(tmp_path, "d/e/3", days_ago(1), 80 * KIB)
    usage = measure_folders(tmp_path, DEPTH, NOW)
    assert usage.folders == 3
    assert set(usage.bytes_by_day) == {date(2026, 5, 7), date(2026, 5, 9)}
    assert usage.size_bytes == sum(usage.bytes_by_day.values()) >= 96 * KIB
    assert usage.bytes_by_day[date(2026, 5, 7)] >= 16 * KIB


def test_what_is_younger_than_an_hour_counts_and_is_not_to_go(tmp_path: Path) -> None:
    make(tmp_path, "a/b/1", NOW - timedelta(minutes=59))
    usage = measure_folders(tmp_path, DEPTH, NOW)
    assert (usage.folders, dict(usage.bytes_by_day)) == (1, {})
    assert remove_folders(tmp_path, DEPTH, NOW, TODAY + timedelta(days=9), 0).folders == 0


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert measure_folders(tmp_path / "none", DEPTH, NOW).folders == 0
    assert remove_folders(tmp_path / "none", DEPTH, NOW, TODAY, 0).folders == 0


def test_files_and_links_on_the_way_are_not_followed(tmp_path: Path) -> None:
    elsewhere = make(tmp_path / "elsewhere", "x/y", days_ago(9))
    root = tmp_path / "cache"
    make(root, "a/b/1", days_ago(9))
    (root / "stray.txt").write_text("x")
    (root / "a" / "stray.txt").write_text("x")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "b" / "link").symlink_to(elsewhere)
    assert measure_folders(root, DEPTH, NOW).folders == 1
    assert remove_folders(root, DEPTH, NOW, TODAY, 0).folders == 1
    assert (elsewhere / "a.jpg").exists()
    assert (root / "stray.txt").exists()


def test_folders_last_used_before_a_day_go_and_their_parent_if_it_is_empty(tmp_path: Path) -> None:
    old = make(tmp_path, "a/photo/v1", days_ago(5))
    kept = make(tmp_path, "a/other/v1", days_ago(4))
    mixed = make(tmp_path, "a/other/v0", days_ago(5))
    removed = remove_folders(tmp_path, DEPTH, NOW, days_ago(4).date(), 0)
    assert removed.folders == 2
    assert removed.size_bytes >= 16 * KIB
    assert not old.parent.exists()
    assert not mixed.exists()
    assert kept.exists()


def test_of_the_last_day_no_more_goes_than_the_share_wants(tmp_path: Path) -> None:
    for number in range(6):
        make(tmp_path, f"a/{number}/v1", days_ago(2))
    size_bytes = measure_folders(tmp_path, DEPTH, NOW).size_bytes // 6
    removed = remove_folders(tmp_path, DEPTH, NOW, days_ago(2).date(), 2 * size_bytes + 1)
    assert removed.folders == 3
    assert measure_folders(tmp_path, DEPTH, NOW).folders == 3


def test_use_is_remembered_once_a_day(tmp_path: Path) -> None:
    folder = make(tmp_path, "a/b/1", NOW - timedelta(hours=23))
    before = folder.stat().st_mtime
    touch_folder(folder, NOW)
    assert folder.stat().st_mtime == before
    os.utime(folder, (0, 0))
    touch_folder(folder, NOW)
    assert folder.stat().st_mtime > 0


def test_a_folder_that_is_gone_is_not_remembered_and_does_no_harm(tmp_path: Path) -> None:
    touch_folder(tmp_path / "none", NOW)
    assert not (tmp_path / "none").exists()
