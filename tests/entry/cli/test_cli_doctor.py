import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afterglow.entry.cli.doctor import State, examine, look
from afterglow.entry.cli.main import app
from afterglow.kernel.errors import UnavailableError


@pytest.fixture(autouse=True)
def _fresh_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AFTERGLOW_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AFTERGLOW_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("AFTERGLOW_PORT", "9")


@pytest.mark.req("ECO-4")
def test_a_fresh_machine_is_fine_and_stays_untouched(tmp_path: Path) -> None:
    states = {finding.part: finding.state for finding in examine()}
    assert State.WRONG not in states.values()
    assert states["packages"] is State.FINE
    assert states["postgres"] is State.FINE
    assert states["database"] is State.IDLE
    assert not (tmp_path / "data").exists()


def test_a_wrong_setting_is_named_and_changes_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERGLOW_PORT", "70000")
    result = CliRunner().invoke(app, ["doctor", "--json"])
    findings = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert findings[-1]["part"] == "settings"
    assert "port" in findings[-1]["detail"]


def test_a_disk_without_room_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERGLOW_DISK_RESERVE_BYTES", str(10**18))
    assert {finding.part: finding.state for finding in examine()}["space"] is State.WRONG


def test_an_original_store_without_its_disk_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "data" / "spool").mkdir(parents=True)
    (tmp_path / "data" / "originals").mkdir()
    (finding,) = [finding for finding in examine() if finding.part == "originals"]
    assert finding.state is State.WRONG


def test_secrets_that_others_can_read_are_wrong(tmp_path: Path) -> None:
    secrets = tmp_path / "data" / "secrets"
    secrets.mkdir(parents=True)
    secrets.chmod(0o755)
    (secrets / "keys.json").touch(mode=0o644)
    (finding,) = [finding for finding in examine() if finding.part == "data folder"]
    assert finding.state is State.WRONG
    assert "keys.json" in finding.detail


def test_a_database_elsewhere_that_does_not_answer_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing")
    (finding,) = [finding for finding in examine() if finding.part == "database"]
    assert finding.state is State.WRONG


def test_a_look_that_fails_is_a_finding_and_not_the_end() -> None:
    def away() -> tuple[State, str]:
        raise UnavailableError("it is away")

    def broken() -> tuple[State, str]:
        raise ZeroDivisionError

    assert look("part", away).detail == "it is away"
    assert look("part", broken).state is State.WRONG
