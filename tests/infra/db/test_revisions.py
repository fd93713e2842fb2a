from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from afterglow.infra.db.revisions import MIGRATIONS_DIR, find_head
from afterglow.kernel.errors import UnavailableError


def write_revision(folder: Path, name: str, follows: str | None) -> None:
    (folder / "versions").mkdir(exist_ok=True)
    (folder / "versions" / f"{name}.py").write_text(f"revision = {name!r}\ndown_revision = {follows!r}\n")


def test_the_head_is_the_one_that_alembic_finds() -> None:
    assert find_head(MIGRATIONS_DIR) == ScriptDirectory(str(MIGRATIONS_DIR)).get_current_head()


def test_the_head_is_the_revision_that_none_follows(tmp_path: Path) -> None:
    for name, follows in (("b", "a"), ("a", None), ("c", "b")):
        write_revision(tmp_path, name, follows)
    assert find_head(tmp_path) == "c"


def test_two_heads_and_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        find_head(tmp_path)
    write_revision(tmp_path, "a", None)
    write_revision(tmp_path, "b", None)
    with pytest.raises(UnavailableError):
        find_head(tmp_path)
