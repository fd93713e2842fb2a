from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_photo_server import PhotoServer, running_photo_server


@pytest.fixture
def photos() -> Iterator[PhotoServer]:
    """A server without photos."""
    with running_photo_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep logins and unfinished uploads of the person who runs the tests out of them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("AFTERGLOW_SERVER", "AFTERGLOW_TOKEN", "AFTERGLOW_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
