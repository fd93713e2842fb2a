"""The system user that the server runs as: PostgreSQL refuses root, so root gives its rights up in the child."""

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afterglow.infra.db.embedded.errors import BadAccountError, FolderClosedError
from afterglow.infra.storage.whole_files import PRIVATE_FOLDER

DEFAULT_ACCOUNTS = ("postgres", "nobody")
"""Users that root runs the server as: the first that exists."""

SHELL = "/bin/sh"
FIRST_CLOSED = 'for path in "$@"; do test -x "$path" || { printf %s "$path"; exit 0; }; done'
FIRST_UNREADABLE = 'for path in "$@"; do test -r "$path" || { printf %s "$path"; exit 0; }; done'


@dataclass(frozen=True, slots=True)
class Account:
    """A system user, and whether this process has to give up its own rights to act as that user."""

    name: str
    uid: int
    gid: int
    is_other: bool

    def process_arguments(self) -> dict[str, Any]:
        """Return the arguments for `subprocess` under which a child runs as this user.

        The environment is empty but for search paths: PG* variables of whoever starts the node would reach the server.
        """
        names = ("PATH", "LD_LIBRARY_PATH")
        environment = {name: os.environ[name] for name in names if name in os.environ} | {"LC_ALL": "C"}
        arguments: dict[str, Any] = {"env": environment, "umask": 0o077}
        if self.is_other:
            arguments |= {"user": self.uid, "group": self.gid, "extra_groups": ()}
        return arguments

    def own(self, path: Path) -> None:
        """Give a path to this user."""
        if self.is_other:
            os.chown(path, self.uid, self.gid)

    def ensure_folder(self, path: Path) -> None:
        """Make a folder that belongs to this user alone, unless it is there."""
        if not path.exists():
            path.mkdir(mode=PRIVATE_FOLDER)
        status = path.lstat()
        if status.st_uid != self.uid:
            self.own(path)
        if stat.S_IMODE(status.st_mode) != PRIVATE_FOLDER:
            path.chmod(PRIVATE_FOLDER)

    def find_closed(self, paths: Sequence[Path]) -> Path | None:
        """Return the first of the paths that this user may not pass or run; None when all are open."""
        return self._first(FIRST_CLOSED, paths)

    def find_unreadable(self, paths: Sequence[Path]) -> Path | None:
        """Return the first of the paths that this user may not read; None when all are readable."""
        return self._first(FIRST_UNREADABLE, paths)

    def _first(self, script: str, paths: Sequence[Path]) -> Path | None:
        # The kernel is asked, as that user: mode bits do not tell of access lists, mount options or security modules.
        run = subprocess.run(
            [SHELL, "-c", script, SHELL, *map(str, paths)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            cwd="/",
            **self.process_arguments(),
        )
        return Path(os.fsdecode(run.stdout)) if run.stdout else None


def choose_account(name: str | None, cluster: Path) -> Account:
    """Return the user that the server of this cluster runs as.

    That is ourselves, unless we are root; then the owner of an existing cluster (PostgreSQL insists on it, and the
    numbers of users differ from one container image to the next), else the named user, else the first of
    `DEFAULT_ACCOUNTS` that exists.

    Raises:
        BadAccountError: The named user does not exist, is root, or is not the owner of the cluster.
    """
    own_uid = os.geteuid()
    if own_uid != 0:
        own = Account(_name_of(own_uid), own_uid, os.getegid(), is_other=False)
        return _require_name(own, name)
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return _require_name(Account(_name_of(owner.st_uid), owner.st_uid, owner.st_gid, is_other=True), name)
    for candidate in (name,) if name else DEFAULT_ACCOUNTS:
        try:
            entry = pwd.getpwnam(candidate)
        except KeyError:
            continue
        if entry.pw_uid == 0:
            raise BadAccountError(f"the database can not run as {candidate}: PostgreSQL refuses root")
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, is_other=True)
    raise BadAccountError(f"no such system user: {name or ' or '.join(DEFAULT_ACCOUNTS)}")


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _require_name(account: Account, name: str | None) -> Account:
    if name and name != account.name:
        raise BadAccountError(f"the database of this data folder can only run as {account.name}, not as {name}")
    return account


def open_folders(account: Account, data_dir: Path, root: Path) -> None:
    """Let the server's user pass through the data folder to its own part of it.

    Only these two folders are changed, never one above them.

    Raises:
        FolderClosedError: A folder above is closed to that user; the message names it, and what to do.
    """
    if not account.is_other:
        return
    closed = account.find_closed(tuple(reversed(data_dir.parents)))
    if closed is not None:
        raise FolderClosedError(
            f"the database runs as the user {account.name}, who may not pass through {closed}: "
            f"allow it with `chmod o+x {closed}`, or choose another data folder (AFTERGLOW_DATA_DIR)",
            folder=str(closed),
            account=account.name,
        )
    for folder in (data_dir, root):
        if account.find_closed([folder]) is not None:
            _grant_passage(folder, account)


def _grant_passage(folder: Path, account: Account) -> None:
    """Allow the user through, and nobody else if the folder's group has no rights in it so far."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & stat.S_IRWXG:
        folder.chmod(mode | stat.S_IXOTH)
    else:
        os.chown(folder, -1, account.gid)
        folder.chmod(mode | stat.S_IXGRP)
