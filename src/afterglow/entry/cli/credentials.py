"""Logins that were remembered: which server, and the tokens for it."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from afterglow.entry.cli.paths import PRIVATE_FOLDER, config_dir, write_private


@dataclass(frozen=True, slots=True)
class Login:
    """Tokens of one account at one server."""

    server: str
    email: str
    access_token: str
    refresh_token: str


class LoginStore:
    """The file of remembered logins, readable by its user only."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or config_dir() / "logins.json"

    def find(self, server: str | None = None) -> Login | None:
        """Return the login at a server, the latest one if none is named."""
        logins = self._read()
        if server is None:
            return logins[-1] if logins else None
        return next((login for login in logins if login.server == server), None)

    def keep(self, login: Login, *, latest: bool = True) -> None:
        """Remember a login in place of an earlier one at the same server.

        Args:
            login: What to remember.
            latest: Whether it becomes the one that is used where no server is named.
        """
        logins = self._read()
        if latest or not any(other.server == login.server for other in logins):
            logins = [*(other for other in logins if other.server != login.server), login]
        else:
            logins = [login if other.server == login.server else other for other in logins]
        write_private(self._path, json.dumps({"logins": [asdict(one) for one in logins]}, indent=2) + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from refreshing the same login: a refresh token used twice ends the whole login."""
        self._path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _read(self) -> list[Login]:
        try:
            return [Login(**row) for row in json.loads(self._path.read_text(encoding="utf-8"))["logins"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []
