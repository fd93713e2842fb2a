"""Where the server listens: a Unix socket in a folder of its own, and the record by which other processes find it."""

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

from afterglow.infra.db.embedded.account import Account
from afterglow.infra.db.embedded.credentials import DATABASE, load_credentials
from afterglow.infra.db.embedded.errors import DatabaseNotRunningError, FolderClosedError
from afterglow.infra.db.embedded.layout import Layout
from afterglow.infra.db.embedded.process import find_listener
from afterglow.infra.storage.whole_files import write_durably

PORT = 5432
"""Only names the socket file; every cluster has a folder of its own."""
SOCKET_PATH_BYTES = 107
"""unix(7): `sun_path` has 108 bytes, the last one NUL."""
FOLDER_PREFIX = "afterglow-"
ROOT_RUN = Path("/run")
LAST_RESORT = Path("/tmp")  # noqa: S108 - TMPDIR may itself be too long; the folder gets a random name and mode 0700


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a running server listens, and the roles that may connect."""

    socket_dir: Path
    port: int
    passwords: Mapping[str, str] = field(repr=False, hash=False)

    @property
    def socket_path(self) -> Path:
        """The socket file."""
        return socket_path(self.socket_dir)

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """Return the address of a database for a role, as asyncpg and libpq read it; it contains the password.

        Raises:
            KeyError: There is no such role.
        """
        place = urlencode({"host": str(self.socket_dir), "port": self.port}, quote_via=quote)
        return f"postgresql://{quote(role)}:{quote(self.passwords[role], safe='')}@/{quote(database, safe='')}?{place}"


def socket_path(socket_dir: Path) -> Path:
    """Return the socket file that the server makes in a folder."""
    return socket_dir / f".s.PGSQL.{PORT}"


def write_record(layout: Layout, socket_dir: Path) -> None:
    """Record where the server listens, and for which cluster: a copied data folder must not find the other's."""
    record = {"cluster": str(layout.cluster), "socketDir": str(socket_dir), "port": PORT}
    write_durably(layout.endpoint, json.dumps(record).encode())


def _read_record(layout: Layout) -> Path | None:
    try:
        record = json.loads(layout.endpoint.read_bytes())
        cluster, socket_dir = record["cluster"], Path(record["socketDir"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return socket_dir if cluster == str(layout.cluster) else None


def find_endpoint(layout: Layout) -> Endpoint:
    """Return where this data folder's server listens, from the files that its supervisor wrote.

    Raises:
        DatabaseNotRunningError: Nobody listens there, or the files may not be read by this user.
        CorruptError: The passwords' file is not what was written.
    """
    try:
        socket_dir = _read_record(layout)
        passwords = load_credentials(layout.credentials)
    except PermissionError as error:
        raise DatabaseNotRunningError(f"{error.filename} belongs to another user, as whom the node runs") from error
    if socket_dir is None or find_listener(socket_path(socket_dir)) is None:
        raise DatabaseNotRunningError
    return Endpoint(socket_dir, PORT, passwords)


def ensure_socket_dir(layout: Layout, account: Account) -> Path:
    """Return a folder for the socket, owned by and open to the server's user alone.

    It lies in the data folder, unless a socket's path there would be too long; then it is a short one, the recorded
    one if that is still safe.

    Raises:
        FolderClosedError: No place has a path that is short enough.
    """
    if _can_hold_socket(layout.run):
        account.ensure_folder(layout.run)
        return layout.run
    recorded = _read_record(layout)
    if recorded is not None and _is_private(recorded, account):
        return recorded
    for base in _short_places(account):
        # A random name: one that can be guessed could be taken by another user before us.
        made = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=base))
        account.own(made)
        return made
    raise FolderClosedError("no folder is short enough for a socket; set TMPDIR to one", folder=str(layout.run))


def remove_socket_dir(layout: Layout, socket_dir: Path) -> None:
    """Remove the folder of a stopped server's socket if it lies outside of the data folder."""
    if socket_dir != layout.run and socket_dir.name.startswith(FOLDER_PREFIX):
        with contextlib.suppress(OSError):
            socket_dir.rmdir()


def remove_stale_socket(socket_dir: Path) -> None:
    """Remove what a killed server left in its socket folder; the caller knows that none runs."""
    path = socket_path(socket_dir)
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def _can_hold_socket(folder: Path) -> bool:
    """Return whether the socket's path fits, and is read as one path by the server and its clients."""
    text = str(folder)
    is_short = len(os.fsencode(socket_path(folder))) <= SOCKET_PATH_BYTES
    return is_short and text.isprintable() and not any(separator in text for separator in ',"')


def _short_places(account: Account) -> list[Path]:
    bases = [ROOT_RUN] if account.is_other else []
    bases += [Path(tempfile.gettempdir()), LAST_RESORT]
    # mkdtemp adds eight characters to the prefix.
    return [base for base in bases if _is_open(base, account) and _can_hold_socket(base / f"{FOLDER_PREFIX}12345678")]


def _is_open(base: Path, account: Account) -> bool:
    return os.access(base, os.W_OK | os.X_OK) and account.find_closed([*reversed(base.parents), base]) is None


def _is_private(folder: Path, account: Account) -> bool:
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == account.uid and not stat.S_IMODE(status.st_mode) & 0o077
