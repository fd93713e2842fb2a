"""`afterglow doctor`: looks at everything that the node on this machine needs, and changes nothing."""

import asyncio
import contextlib
import importlib
import json
import os
import platform
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from afterglow.bootstrap import HOME_STORE, database_urls, open_scanner
from afterglow.config import Settings, SettingsError, load_settings
from afterglow.entry.supervise.greeting import Address, is_live
from afterglow.features.admin import service as admin
from afterglow.features.admin.models import Queue
from afterglow.infra.db.database import Database
from afterglow.infra.db.embedded import DatabaseNotRunningError
from afterglow.infra.db.embedded.binaries import locate_wheel_folder
from afterglow.infra.db.revisions import migration_state
from afterglow.infra.imaging.confinement import Measure
from afterglow.infra.imaging.sandbox import Sandbox
from afterglow.infra.queue.pgqueuer import enqueue
from afterglow.infra.scanning.port import ScannerAwayError
from afterglow.infra.storage.local import LocalStore
from afterglow.infra.storage.room import disk_usage, require_room
from afterglow.kernel.clock import utc_now
from afterglow.kernel.errors import AfterglowError
from afterglow.kernel.units import GIB

OLDEST_PYTHON: Final = (3, 11)
PACKAGES: Final = (
    "argon2",
    "asyncpg",
    "cv2",
    "granian",
    "numpy",
    "pgqueuer",
    "pyjpegli",
    "pyvips",
    "simplejpeg",
    "tzfpy",
)
"""What has compiled code, or needs a library beside it: what a machine may refuse to load."""
DATABASE_TIMEOUT_S: Final = 10
LATE_AFTER: Final = timedelta(minutes=10)
OTHERS_BITS: Final = stat.S_IRWXG | stat.S_IRWXO


class State(StrEnum):
    """What an examination found."""

    FINE = "fine"
    IDLE = "idle"
    """Nothing is wrong, but it does not run, or is not made yet."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one part, and what to do about it."""

    part: str
    state: State
    detail: str

    @property
    def is_failure(self) -> bool:
        """Whether a person has to do something."""
        return self.state is State.WRONG


Found = tuple[State, str]


def examine() -> list[Finding]:
    """Return what was found of every part, in the order in which the parts need each other."""
    findings = [look("python", find_python), look("packages", find_packages)]
    try:
        settings = load_settings()
    except SettingsError as error:
        return [*findings, Finding("settings", State.WRONG, error.message)]
    findings.append(Finding("settings", State.FINE, "valid"))
    return findings + [look(part, partial(find, settings)) for part, find in PARTS.items()]


def look(part: str, find: Callable[[], Found]) -> Finding:
    """Return what a look at one part found; a look that fails is a finding too."""
    try:
        state, detail = find()
    except AfterglowError as error:
        return Finding(part, State.WRONG, error.message)
    except Exception as error:  # noqa: BLE001 (an examination goes on past whatever is wrong with one part)
        return Finding(part, State.WRONG, f"{type(error).__name__}: {error}")
    return Finding(part, state, detail)


def find_python() -> Found:
    """Look at the interpreter."""
    version = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < OLDEST_PYTHON:
        return State.WRONG, f"{version}; 3.11 or newer is needed"
    return State.FINE, version


def find_packages() -> Found:
    """Load every package that a machine may refuse."""
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:
            return State.WRONG, f"{name} cannot be loaded: {error}"
    return State.FINE, f"{len(PACKAGES)} compiled packages load"


def find_data_dir(settings: Settings) -> Found:
    """Look at who may do what to the data folder."""
    folder = settings.data_dir
    if not folder.exists():
        return State.IDLE, f"{folder} is made at the first start"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return State.WRONG, f"{folder} belongs to another user; run as that user"
    if open_to_others := _open_secrets(folder):
        return State.WRONG, f"other users may read {open_to_others}: chmod go-rwx it"
    return State.FINE, str(folder)


def _open_secrets(folder: Path) -> Path | None:
    """Return a secret that other users could read."""
    secrets = folder / "secrets"
    if not secrets.is_dir() or not stat.S_IMODE(secrets.stat().st_mode) & OTHERS_BITS:
        return None  # nobody else gets into the folder
    return next((file for file in secrets.iterdir() if stat.S_IMODE(file.stat().st_mode) & OTHERS_BITS), None)


def find_space(settings: Settings) -> Found:
    """Look at the room on the disk of the data folder, against the reserve that uploads leave alone."""
    place = next(folder for folder in (settings.data_dir, *settings.data_dir.absolute().parents) if folder.exists())
    usage = disk_usage(place)
    require_room(usage, 0, settings.disk_reserve_bytes, settings.disk_reserve_percent)
    detail = f"{usage.free_bytes / GIB:.1f} of {usage.total_bytes / GIB:.1f} GiB free"
    low_below_bytes = max(settings.cache_reserve_bytes, usage.total_bytes * settings.cache_reserve_percent / 100)
    if usage.free_bytes < low_below_bytes:
        detail += f"; below {low_below_bytes / GIB:.1f} GiB derivatives are evicted"
    return State.FINE, detail


def find_decoders(settings: Settings) -> Found:
    """Look at what confines the processes that decode strangers' files; starts one for that."""
    if not settings.data_dir.exists():
        return State.IDLE, "tried once there is a data folder"
    with contextlib.redirect_stdout(sys.stderr):  # what the sandbox logs is no finding
        there = asyncio.run(_find_measures(settings))
    missing = ", ".join(measure.value for measure in Measure if measure not in there)
    detail = "confined by " + ", ".join(measure.value for measure in Measure if measure in there)
    return State.FINE, detail + (f"; this system does not offer {missing}" if missing else "")


async def _find_measures(settings: Settings) -> frozenset[Measure]:
    with tempfile.TemporaryDirectory(prefix="afterglow-doctor-") as folder:
        sandbox = Sandbox(
            children=1,
            timeout_s=settings.decode_timeout_s,
            memory_bytes=settings.decode_memory_bytes,
            readable=[settings.data_dir],
            writable=[Path(folder)],
        )
        try:
            return await sandbox.measures()
        finally:
            await sandbox.close()


def find_originals(settings: Settings) -> Found:
    """Look whether the disk of the originals is mounted: an empty folder in its place must not be filled."""
    folder = settings.data_dir / "originals"
    if not settings.data_dir.exists() or not (settings.data_dir / "spool").exists():
        return State.IDLE, "made at the first start"
    asyncio.run(LocalStore(HOME_STORE, folder).check())
    return State.FINE, str(folder)


def find_postgres(settings: Settings) -> Found:
    """Look whether the embedded server's programs run on this machine."""
    if not settings.embedded_database:
        return State.IDLE, "not used: DATABASE_URL names a server"
    program = locate_wheel_folder() / "bin" / "postgres"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    return State.FINE, said.strip()


def find_database(settings: Settings) -> Found:
    """Look whether the database answers, and has the schema of this version."""
    try:
        url = database_urls(settings).app
    except DatabaseNotRunningError:
        return State.IDLE, "does not run: afterglow up"
    schema = asyncio.run(asyncio.wait_for(migration_state(url), DATABASE_TIMEOUT_S))
    if not schema.up_to_date:
        return State.WRONG, f"has schema {schema.current or 'none'}, this version needs {schema.head}: afterglow up"
    return State.FINE, f"answers, schema {schema.head}"


def find_work(settings: Settings) -> Found:
    """Look whether the queues are worked off, and how many jobs have failed."""
    try:
        url = database_urls(settings).app
    except DatabaseNotRunningError:
        return State.IDLE, "no database, no work"
    queues = asyncio.run(asyncio.wait_for(_read_queues(url), DATABASE_TIMEOUT_S))
    latest = utc_now() - LATE_AFTER
    if late := [queue.name for queue in queues if not queue.pause and queue.due_since and queue.due_since < latest]:
        return State.WRONG, f"{', '.join(late)} waits for more than {LATE_AFTER}: does a worker run?"
    detail = f"{sum(queue.waiting for queue in queues)} waiting, {sum(queue.running for queue in queues)} running"
    if failed := sum(queue.failed for queue in queues):
        detail += f", {failed} failed (GET /api/admin/jobs?status=failed)"
    if paused := [queue.name for queue in queues if queue.pause]:
        detail += f"; paused: {', '.join(paused)}"
    return State.FINE, detail


async def _read_queues(url: str) -> list[Queue]:
    database = await Database.connect(
        url, enqueue=enqueue, subscribers={}, max_connections=1, application_name="afterglow-doctor"
    )
    try:
        async with database.transaction([], read_only=True) as tx:
            return await admin.read_queues(tx)
    finally:
        await database.close()


def find_scanner(settings: Settings) -> Found:
    """Look whether the malware scanner answers, without which nothing is let in."""
    scanner = open_scanner(settings)
    if not scanner.is_on:
        return State.IDLE, "not used: AFTERGLOW_CLAMAV_ADDRESS names none"
    try:
        return State.FINE, asyncio.run(scanner.describe())
    except ScannerAwayError as error:
        return State.WRONG, f"{settings.clamav_address}: {error.message}"


def find_http(settings: Settings) -> Found:
    """Look whether the web server answers."""
    address = Address(settings.host, settings.port, settings.public_url)
    if asyncio.run(is_live(address)):
        return State.FINE, f"answers at {address.url}"
    return State.IDLE, f"does not answer at {address.url}: afterglow up"


PARTS: Final[Mapping[str, Callable[[Settings], Found]]] = {
    "data folder": find_data_dir,
    "space": find_space,
    "originals": find_originals,
    "postgres": find_postgres,
    "database": find_database,
    "work": find_work,
    "decoders": find_decoders,
    "scanner": find_scanner,
    "http": find_http,
}


def show(findings: list[Finding], *, as_json: bool) -> None:
    """Print findings: a table for people, JSON lines for programs."""
    if as_json:
        for finding in findings:
            sys.stdout.write(
                json.dumps({"part": finding.part, "state": finding.state, "detail": finding.detail}) + "\n"
            )
        return
    table = Table(box=None, show_header=False)
    colours = {State.FINE: "green", State.IDLE: "yellow", State.WRONG: "bold red"}
    for finding in findings:
        table.add_row(finding.part, f"[{colours[finding.state]}]{finding.state}[/]", finding.detail, style="default")
    Console(soft_wrap=True).print(table)
