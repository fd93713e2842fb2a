import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from afterglow.config import Settings, load_settings
from afterglow.entry.cli.doctor import State, examine, find_decoders, find_work, look
from afterglow.entry.cli.main import app
from afterglow.kernel.errors import UnavailableError
from afterglow.kernel.ids import new_id
from factories.rows import LONG_AGO, add_photo, add_step, add_user


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


def test_a_disk_with_little_room_says_what_becomes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERGLOW_DISK_RESERVE_BYTES", "1")
    monkeypatch.setenv("AFTERGLOW_DISK_RESERVE_PERCENT", "0")
    monkeypatch.setenv("AFTERGLOW_CACHE_RESERVE_BYTES", str(10**18))
    (finding,) = [finding for finding in examine() if finding.part == "space"]
    assert finding.state is State.FINE
    assert "derivatives are evicted" in finding.detail


def test_the_decoders_tell_what_confines_them_and_findings_alone_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    settings = load_settings()
    assert find_decoders(settings)[0] is State.FINE
    assert "confined by rlimits" in find_decoders(settings)[1]
    assert capsys.readouterr().out == ""
    assert list((tmp_path / "data").iterdir()) == []


class TestWork:
    """The queues, on a database that answers."""

    @pytest.fixture
    async def found(self, settings: Settings) -> Callable[[], Awaitable[tuple[State, str]]]:
        async def find() -> tuple[State, str]:
            return await asyncio.to_thread(find_work, settings)

        return find

    async def test_jobs_are_counted(self, found, as_owner) -> None:
        owner_id = await add_user(as_owner)
        await add_step(as_owner, owner_id, await add_photo(as_owner, owner_id), next_try_at=datetime.now(UTC))
        ended = {"state": "failed", "run_id": new_id(), "finished_at": LONG_AGO}
        await add_step(as_owner, owner_id, await add_photo(as_owner, owner_id), **ended)
        state, detail = await found()
        assert state is State.FINE
        assert "1 waiting, 0 running, 1 failed" in detail

    async def test_a_queue_that_nobody_works_off_is_wrong_unless_it_is_paused(self, found, as_owner) -> None:
        owner_id = await add_user(as_owner)
        await add_step(as_owner, owner_id, await add_photo(as_owner, owner_id), next_try_at=LONG_AGO)
        state, detail = await found()
        assert state is State.WRONG
        assert "derive" in detail
        await as_owner.execute("INSERT INTO paused_steps VALUES ('derive', now(), NULL)")
        assert await found() == (State.FINE, "1 waiting, 0 running; paused: derive")


def test_a_look_that_fails_is_a_finding_and_not_the_end() -> None:
    def away() -> tuple[State, str]:
        raise UnavailableError("it is away")

    def broken() -> tuple[State, str]:
        raise ZeroDivisionError

    assert look("part", away).detail == "it is away"
    assert look("part", broken).state is State.WRONG
