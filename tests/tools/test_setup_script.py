"""The set-up of a working copy: what it says where it cannot go on, and what makes it do something again."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`tools/setup.py`, loaded as a module that works in a folder of its own."""
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "tools" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    places = {"ROOT": tmp_path, "VENV": tmp_path / ".venv", "WEB": tmp_path / "web", "CACHE": tmp_path / ".cache"}
    for name, place in places.items():
        place.mkdir(exist_ok=True)
        monkeypatch.setattr(module, name, place)
    (tmp_path / ".venv" / "bin").mkdir()
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "stamp.json")
    monkeypatch.setattr(module, "LOG", tmp_path / ".cache" / "setup.log")
    return module


@pytest.mark.req("RUN-1")
def test_an_old_python_is_told_so_in_one_line(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit):
        script.check_python()
    (line,) = capsys.readouterr().err.splitlines()
    assert "3.11 or newer is needed, this is 3.9.2" in line


@pytest.mark.req("RUN-1")
def test_a_python_without_venv_is_told_which_package_to_install(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name))
    with pytest.raises(SystemExit):
        script.check_python()
    (line,) = capsys.readouterr().err.splitlines()
    assert "apt-get install python3-venv" in line


def test_a_command_that_fails_shows_what_it_said_and_what_to_do(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        script.run(["sh", "-c", "echo no route to host; exit 3"], hint="is the network there?")
    said = capsys.readouterr().err
    assert "no route to host" in said
    assert "is the network there?" in said


def test_the_web_client_is_stale_when_a_source_is_changed_renamed_or_added(script: ModuleType) -> None:
    source = script.WEB / "src" / "app.ts"
    source.parent.mkdir()
    source.write_text("one")
    states = [script.digest_of(script.web_sources())]
    source.write_text("two")
    states.append(script.digest_of(script.web_sources()))
    source.rename(source.with_name("main.ts"))
    states.append(script.digest_of(script.web_sources()))
    (script.WEB / "index.html").touch()
    states.append(script.digest_of(script.web_sources()))
    assert len(set(states)) == len(states)


def test_what_is_built_or_installed_is_no_source(script: ModuleType) -> None:
    before = script.digest_of(script.web_sources())
    for folder in ("dist", "node_modules"):
        (script.WEB / folder).mkdir()
        (script.WEB / folder / "made.js").touch()
    assert script.digest_of(script.web_sources()) == before


def test_an_unfinished_stamp_counts_for_nothing(script: ModuleType) -> None:
    script.STAMP.write_text('{"root": ')
    assert script.read_stamp() == {}
    script.write_stamp({"lock": "dev"})
    assert script.read_stamp() == {"lock": "dev"}


@pytest.mark.parametrize(("ci", "is_failure"), [("true", True), ("", False)])
def test_a_missing_browser_is_a_failure_in_ci_and_a_loud_warning_elsewhere(
    script: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ci: str,
    is_failure: bool,
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(script.shutil, "which", lambda _: None)
    if is_failure:
        with pytest.raises(SystemExit):
            script.ensure_chromium()
    else:
        script.ensure_chromium()
    assert "apt-get install chromium" in capsys.readouterr().err
