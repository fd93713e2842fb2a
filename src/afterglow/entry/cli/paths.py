"""Where the command line keeps what belongs to the user who runs it.

References:
    XDG Base Directory Specification 0.8: configuration and state.
"""

import os
import secrets
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def config_dir() -> Path:
    """Return the folder of what the user chose, logins among it."""
    return _base("XDG_CONFIG_HOME", ".config") / "afterglow"


def state_dir() -> Path:
    """Return the folder of what can be lost without harm, unfinished uploads among it."""
    return _base("XDG_STATE_HOME", ".local", "state") / "afterglow"


def _base(variable: str, *default: str) -> Path:
    named = os.environ.get(variable, "")
    return Path(named) if named.startswith("/") else Path.home().joinpath(*default)


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step by one that only this user can read.

    Raises:
        OSError: It cannot be written.
    """
    path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
