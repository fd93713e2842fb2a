"""Settings: environment over file over default, and errors that name the setting."""

from pathlib import Path

import pytest

from afterglow.config import SettingsError, load_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings file of this process."""
    path = tmp_path / "afterglow.toml"
    monkeypatch.setenv("AFTERGLOW_CONFIG", str(path))
    path.write_text("")
    return path


@pytest.mark.req("ADM-3")
def test_the_environment_wins_over_the_file_and_an_option_over_both(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().port == 2480
    file.write_text('port = 3000\nlog_level = "DEBUG"')
    assert (load_settings().port, load_settings().log_level) == (3000, "debug")
    monkeypatch.setenv("AFTERGLOW_PORT", "4000")
    assert load_settings().port == 4000
    assert load_settings(port=5000).port == 5000


@pytest.mark.req("ADM-3")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AFTERGLOW_PORT", "0"),
        ("AFTERGLOW_PORT", "many"),
        ("AFTERGLOW_LOG_LEVEL", "loud"),
        ("AFTERGLOW_ROLE", "moon"),
        ("AFTERGLOW_UPLOAD_MAX_BYTES", "-1"),
        ("AFTERGLOW_DISK_RESERVE_PERCENT", "51"),
    ],
)
def test_a_value_that_is_wrong_is_named(file: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name.removeprefix("AFTERGLOW_").lower()):
        load_settings()


@pytest.mark.req("ADM-3")
@pytest.mark.parametrize("content", ['colour = "red"', "port = 70000", "not toml"])
def test_a_file_that_is_wrong_is_refused(file: Path, content: str) -> None:
    file.write_text(content)
    with pytest.raises(SettingsError):
        load_settings()


@pytest.mark.req("ADM-3")
def test_a_file_that_is_named_has_to_be_there(file: Path) -> None:
    file.unlink()
    with pytest.raises(SettingsError, match=str(file)):
        load_settings()


@pytest.mark.req("ADM-3", "ACC-3")
def test_no_error_tells_a_secret(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hunter2"
    file.write_text(f'database_url = ["postgresql://app:{secret}@db/afterglow"]\nport = "{secret}"')
    with pytest.raises(SettingsError) as raised:
        load_settings()
    told: BaseException | None = raised.value
    while told:
        assert secret not in str(told)
        told = told.__cause__
    monkeypatch.setenv("DATABASE_URL", f"postgresql://app:{secret}@db/afterglow")
    file.write_text("")
    assert secret not in repr(load_settings())
    assert secret in load_settings().database_url.get_secret_value()
