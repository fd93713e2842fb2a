"""The processes of a node: found among the descendants of what the test started, waited for, killed by number."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import psutil

PATIENCE_S = 90.0
POLL_S = 0.1


class Part(StrEnum):
    """A process of a node that may be killed."""

    SUPERVISOR = "supervisor"
    HTTP = "http"
    HTTP_WORKER = "http worker"
    WORKER = "worker"
    SANDBOX = "sandbox child"
    POSTGRES = "postgres"
    POSTGRES_SESSION = "postgres session"


MODULES = {Part.HTTP: "afterglow.entry.http", Part.WORKER: "afterglow.entry.worker"}
SANDBOX_MODULE = "afterglow.infra.imaging.child"


def until(condition: Callable[[], object], what: str | Callable[[], str], patience_s: float = PATIENCE_S) -> None:
    """Return when the condition holds; fail when it never does, and tell what was waited for."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what if isinstance(what, str) else what()}")
        time.sleep(POLL_S)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_gone(pid: int) -> bool:
    """Return whether a process has ended (a zombie has)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def kill(pid: int) -> None:
    """End a process that the test started, at once; it may have ended already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[psutil.Process]:
    """Return the living processes below one; empty when it has ended."""
    try:
        return [child for child in psutil.Process(pid).children(recursive=True) if not is_gone(child.pid)]
    except psutil.NoSuchProcess:
        return []


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that the test started, with everything below it."""
    if process.poll() is None:
        process.send_signal(signal.SIGSTOP)  # it starts nothing more while its children are counted
        left = descendants(process.pid)
        process.kill()
        for child in left:
            kill(child.pid)
    process.wait()


def find_parts(supervisor: int, data_dir: Path) -> dict[Part, list[int]]:
    """Return the processes of a node by what they are; a part that is down at the moment has none."""
    found: dict[Part, list[int]] = {part: [] for part in Part}
    if not is_gone(supervisor):
        found[Part.SUPERVISOR].append(supervisor)
    for process in descendants(supervisor):
        with contextlib.suppress(psutil.NoSuchProcess):
            if part := _part_of(process, supervisor):
                found[part].append(process.pid)
    if server := find_postgres(data_dir):
        found[Part.POSTGRES] = [server]
        found[Part.POSTGRES_SESSION] = [child.pid for child in descendants(server) if _is_session(child)]
    return found


def find_postgres(data_dir: Path) -> int | None:
    """Return the server of a data folder; it may have outlived what started it."""
    cluster = data_dir / "postgres" / "data"
    try:
        pid = int((cluster / "postmaster.pid").read_text().split()[0])
        arguments = psutil.Process(pid).cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return pid if str(cluster) in arguments and not is_gone(pid) else None


def _part_of(process: psutil.Process, supervisor: int) -> Part | None:
    arguments = process.cmdline()
    if SANDBOX_MODULE in arguments:
        return Part.SANDBOX
    if process.ppid() == supervisor:
        return next((part for part, module in MODULES.items() if module in arguments), None)
    # Granian forks its worker, which keeps the command line.
    return Part.HTTP_WORKER if MODULES[Part.HTTP] in arguments else None


def _is_session(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return "afterglow_app" in " ".join(process.cmdline())
    return False
