import os
import stat
from pathlib import Path

import pytest
from fake_photo_server import EMAIL, PASSWORD, PhotoServer
from typer.testing import CliRunner

from afterglow.entry.cli.credentials import LoginStore
from afterglow.entry.cli.errors import NotLoggedInError, ServerRefusedError
from afterglow.entry.cli.login import ServerAddressError, clean_address, connect
from afterglow.entry.cli.main import app


def log_in(photos: PhotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERGLOW_PASSWORD", PASSWORD)
    result = CliRunner().invoke(app, ["login", "--server", photos.url, "--email", EMAIL], catch_exceptions=False)
    assert result.exit_code == 0


@pytest.mark.req("ECO-4")
def test_a_login_is_remembered_where_only_its_user_can_read_it(
    photos: PhotoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(photos, monkeypatch)
    file = tmp_path / "config" / "afterglow" / "logins.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text()
    with connect(None) as api:
        assert api.server == photos.url
        assert api.call("POST", "/api/receipts", json={"checksums": []}) == {"items": []}


def test_a_wrong_password_is_refused_in_the_words_of_the_server(
    photos: PhotoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERGLOW_PASSWORD", "a wrong one")
    result = CliRunner().invoke(app, ["login", "--server", photos.url, "--email", EMAIL])
    assert isinstance(result.exception, ServerRefusedError)
    assert result.exception.problem_code == "auth.wrong-password"
    assert LoginStore().find() is None


def test_a_token_that_ran_out_is_refreshed_and_kept(photos: PhotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(photos, monkeypatch)
    before = LoginStore().find()
    photos.access_tokens.clear()
    with connect(photos.url) as api:
        api.call("POST", "/api/receipts", json={"checksums": []})
    after = LoginStore().find()
    assert before is not None
    assert after is not None
    assert after.refresh_token != before.refresh_token
    assert photos.refresh_tokens == {after.refresh_token}


def test_two_commands_do_not_use_a_refresh_token_twice(photos: PhotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(photos, monkeypatch)
    with connect(None) as first, connect(None) as second:
        photos.access_tokens.clear()
        first.call("POST", "/api/receipts", json={"checksums": []})
        second.call("POST", "/api/receipts", json={"checksums": []})
    assert photos.count("/api/auth/refresh") == 1


def test_a_login_that_ended_says_what_to_do(photos: PhotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(photos, monkeypatch)
    photos.access_tokens.clear()
    photos.refresh_tokens.clear()
    with connect(None) as api, pytest.raises(NotLoggedInError, match="afterglow login"):
        api.call("POST", "/api/receipts", json={"checksums": []})


def test_a_refreshed_login_stays_the_one_that_is_used(photos: PhotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(photos, monkeypatch)
    store = LoginStore()
    latest = store.find()
    assert latest is not None
    other = type(latest)("http://other.example", EMAIL, "a", "b")
    store.keep(other, latest=False)
    store.keep(latest)
    store.keep(other, latest=False)
    assert store.find() == latest
    assert store.find("http://other.example") == other


def test_without_a_login_there_is_one_line_that_says_so() -> None:
    with pytest.raises(NotLoggedInError, match="afterglow login"):
        connect(None)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://photos.example.org/", "https://photos.example.org"),
        ("photos.example.org:2480", "http://photos.example.org:2480"),
        ("https://example.org/photos/", "https://example.org/photos"),
    ],
)
def test_an_address_is_cut_to_what_matters(given: str, address: str) -> None:
    assert clean_address(given) == address


@pytest.mark.parametrize("given", ["ftp://example.org", "https://", "file:///etc/passwd"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ServerAddressError):
        clean_address(given)


def test_no_environment_leaks_into_these_tests() -> None:
    assert "AFTERGLOW_PASSWORD" not in os.environ
