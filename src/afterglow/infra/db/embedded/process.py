"""Processes that may or may not be our server: identity, listening, stopping.

[Note: stale postmaster.pid]
After a crash or a container's restart the file names a process that is gone, or another one that got its number.
PostgreSQL then refuses to start if it may signal that process. Deleting the file, the usual remedy, also removes the
only trace of shared memory that orphaned backends may still write through. So the file stays. Who listens on the
socket, which lies in a folder of this cluster alone, is told by the kernel (SO_PEERCRED); a process that does not
listen counts only if its command line names this cluster. When there is no such process, the server is told to
disregard that number, by PG_GRANDPARENT_PID, which `pg_ctl` uses in the same way; its check of the shared memory stays
in force.
"""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from afterglow.infra.db.embedded.errors import ServerStopError

FAST_STOP_S = 300.0
"""A fast stop ends with a checkpoint, which may write all of shared_buffers and more to an SD card."""
IMMEDIATE_STOP_S = 60.0
"""An immediate stop kills what remains after 5 s by itself."""
SIGNAL_AGAIN_S = 5.0
CONNECT_S = 5.0
POLL_S = 0.02
PEER_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


@dataclass(frozen=True, slots=True)
class Process:
    """A running process, told apart from a later one of the same number by the clock tick of its start."""

    pid: int
    start_ticks: int

    @classmethod
    def find(cls, pid: int) -> Self | None:
        """Return the process of that number; None when it does not run (a zombie does not)."""
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = text.rpartition(")")[2].split()
        state, start_ticks = fields[0], int(fields[19])
        return None if state in "ZX" else cls(pid, start_ticks)

    def is_running(self) -> bool:
        """Return whether it still runs."""
        return Process.find(self.pid) == self


class Postmaster:
    """The server's first process: our child, or one that was adopted."""

    def __init__(self, process: Process, child: subprocess.Popen[bytes] | None = None) -> None:
        self._process = process
        self._child = child

    @classmethod
    def of_child(cls, child: subprocess.Popen[bytes]) -> Self:
        """Wrap a process that we have just started."""
        return cls(Process.find(child.pid) or Process(child.pid, 0), child)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def is_running(self) -> bool:
        """Return whether it still runs; a child of ours that ended is reaped."""
        return self._child.poll() is None if self._child else self._process.is_running()

    def shut_down(self) -> None:
        """Stop it: fast (sessions are ended, nothing to recover), immediately only when that takes minutes.

        Raises:
            ServerStopError: It runs on.
        """
        for stop_signal, timeout_s in ((signal.SIGINT, FAST_STOP_S), (signal.SIGQUIT, IMMEDIATE_STOP_S)):
            deadline = time.monotonic() + timeout_s
            while time.monotonic() < deadline:
                # More than once: while the server dealt with a crashed backend, one was seen to have no effect.
                if self.is_running():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self.pid, stop_signal)
                if self._ends_within(min(timeout_s, SIGNAL_AGAIN_S)):
                    return
        raise ServerStopError(f"the database (process {self.pid}) does not stop")

    def _ends_within(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True


def find_listener(socket_path: Path) -> int | None:
    """Return the process that listens on a socket: None for nobody, 0 for one outside of our PID namespace.

    References:
        unix(7), SO_PEERCRED: on the connecting side, the credentials of who called listen(2).
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(CONNECT_S)
        try:
            connection.connect(os.fsencode(socket_path))
        except OSError:
            return None
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER_CREDENTIALS.size)
    pid: int = PEER_CREDENTIALS.unpack(credentials)[0]
    return pid


def read_pid_file(cluster: Path) -> int | None:
    """Return the process that the cluster's `postmaster.pid` names; None for no file or an unusable one."""
    try:
        with (cluster / "postmaster.pid").open("rb") as file:
            pid = abs(int(file.readline(32)))  # negative: a single-user server
    except (OSError, ValueError):
        return None
    return pid or None


def find_server_process(cluster: Path) -> Process | None:
    """Return the live process that `postmaster.pid` names, if its command line is that of this cluster's server."""
    pid = read_pid_file(cluster)
    if pid is None:
        return None
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    serves = os.path.basename(arguments[0]) == b"postgres" and os.fsencode(cluster) in arguments  # noqa: PTH119 - bytes
    return Process.find(pid) if serves else None
