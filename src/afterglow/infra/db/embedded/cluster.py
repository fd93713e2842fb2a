"""The cluster and its server process: made, given a superuser's password, started."""

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afterglow.infra.db.embedded.account import Account
from afterglow.infra.db.embedded.binaries import Binaries
from afterglow.infra.db.embedded.credentials import SUPERUSER
from afterglow.infra.db.embedded.errors import ClusterVersionError, ServerStartError
from afterglow.infra.db.embedded.layout import Layout
from afterglow.infra.db.embedded.process import Postmaster, read_pid_file
from afterglow.infra.db.embedded.settings import ACCESS_RULES
from afterglow.infra.storage.whole_files import PRIVATE_FILE, fsync_folder, write_durably
from afterglow.kernel.faults import fault_point

LOCALE_ARGUMENTS = (
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    # The operating system's locale only classifies letters in text search; sorting never depends on it.
    "--locale=C",
    "--lc-ctype=C.UTF-8",
)
TAIL_LINES = 20
TAIL_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, the programs for it and the user they run as."""

    layout: Layout
    account: Account
    binaries: Binaries
    durable: bool

    def ensure_made(self, superuser_password: str) -> None:
        """Make the cluster unless it exists; it appears under its name only when it is whole and has its password.

        Raises:
            ClusterVersionError: It belongs to another major version of PostgreSQL.
            ServerStartError: Making it failed.
        """
        self._remove_unfinished()
        if self.layout.cluster.exists():
            self._require_version()
            return
        # A new name each time: an initdb that survived its killed parent may still write to the last one.
        made = self.layout.root / f"{self.layout.cluster.name}.new-{secrets.token_hex(4)}"
        self.account.ensure_folder(made)
        arguments = ["-D", str(made), "-U", SUPERUSER, "--auth=reject", "--no-instructions", *LOCALE_ARGUMENTS]
        self._run("initdb", [*arguments, *([] if self.durable else ["--no-sync"])])
        fault_point("postgres.after-initdb")
        self._set_password(made, superuser_password)
        made.rename(self.layout.cluster)
        fsync_folder(self.layout.root)
        fault_point("postgres.after-rename")

    def reset_password(self, superuser_password: str) -> None:
        """Give the superuser a password without knowing the old one; the server does not run.

        Raises:
            ServerStartError: It failed; the server's words are in the message.
        """
        self._set_password(self.layout.cluster, superuser_password)

    def write_config(self, config: bytes) -> None:
        """Write what the server reads at its start."""
        gid = self.account.gid if self.account.is_other else -1
        write_durably(self.layout.access_rules, ACCESS_RULES.encode(), mode=0o640, gid=gid)
        write_durably(self.layout.config, config, mode=0o640, gid=gid)

    def runs_with(self, config: bytes) -> bool:
        """Return whether the server was last started with this configuration."""
        try:
            return self.layout.config.read_bytes() == config
        except FileNotFoundError:
            return False

    def spawn(self) -> Postmaster:
        """Start the server in a session of its own, so that Ctrl-C in the terminal does not reach it before us.

        Raises:
            ServerStartError: The program could not be started at all.
        """
        arguments = ["-D", str(self.layout.cluster), "-c", f"config_file={self.layout.config}"]
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        descriptor = os.open(self.layout.startup_log, flags, PRIVATE_FILE)
        try:
            child = subprocess.Popen(
                [self.binaries.program("postgres"), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                **self._process_arguments(self.layout.cluster),
            )
        except OSError as error:
            raise ServerStartError(f"the database could not be started: {error}") from error
        finally:
            os.close(descriptor)
        return Postmaster.of_child(child)

    def read_log_tail(self) -> str:
        """Return the last lines that the server wrote at its last start, before and after its log file was open."""
        lines = _read_tail(self.layout.startup_log)
        # The log file takes over from the start-up log: one that was written before is of an earlier start.
        handover = self.layout.startup_log.stat().st_mtime_ns
        for path in self.layout.log.glob("*.log"):
            if path.lstat().st_mtime_ns >= handover:
                lines += _read_tail(path)
        return "\n".join(lines)

    def _remove_unfinished(self) -> None:
        for unfinished in self.layout.root.glob(f"{self.layout.cluster.name}.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)

    def _require_version(self) -> None:
        made_by = (self.layout.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        if made_by != self.binaries.major:
            raise ClusterVersionError(
                f"the database in {self.layout.cluster} was made by PostgreSQL {made_by}, these programs are "
                f"{self.binaries.version}: run the Afterglow that made it, or move the data by dump and restore",
                made_by=made_by,
                programs=self.binaries.version,
            )

    def _set_password(self, cluster: Path, password: str) -> None:
        """Set the superuser's password in single-user mode, which asks for none; crash recovery comes first if due."""
        arguments = ["--single", "-D", str(cluster), "-c", "exit_on_error=on", "-c", "log_min_error_statement=panic"]
        literal = password.replace("'", "''")
        statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{literal}'"
        self._run("postgres", [*arguments, "postgres"], statement=statement, cluster=cluster)

    def _run(self, program: str, arguments: list[str], *, statement: str = "", cluster: Path | None = None) -> None:
        try:
            run = subprocess.run(
                [self.binaries.program(program), *arguments],
                input=f"{statement}\n".encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                start_new_session=True,
                **self._process_arguments(cluster),
            )
        except OSError as error:
            raise ServerStartError(f"{program} could not be started: {error}") from error
        if run.returncode != 0:
            tail = run.stdout.decode(errors="replace").strip().splitlines()[-TAIL_LINES:]
            raise ServerStartError("\n".join([f"{program} failed ({run.returncode}):", *tail]))

    def _process_arguments(self, cluster: Path | None) -> dict[str, Any]:
        arguments = self.account.process_arguments()
        arguments["cwd"] = self.layout.root
        stale_pid = read_pid_file(cluster) if cluster else None
        if stale_pid is not None:  # Note: stale postmaster.pid
            arguments["env"] |= {"PG_GRANDPARENT_PID": str(stale_pid)}
        return arguments


def _read_tail(path: Path) -> list[str]:
    # The server's user owns the log folder: a link in it must not make us read a file that user could not.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        size_bytes = file.seek(0, os.SEEK_END)
        file.seek(max(0, size_bytes - TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()[-TAIL_LINES:]
