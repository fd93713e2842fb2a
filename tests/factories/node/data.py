"""Data folders of nodes: a migrated one is made once in a test process and copied for each node."""

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from afterglow import bootstrap
from afterglow.config import Settings, load_settings
from afterglow.infra.db.embedded import EmbeddedPostgres

T = TypeVar("T")


def settings_of(data_dir: Path, **changed: object) -> Settings:
    """Return the settings of the node in a data folder, whatever this process's environment says."""
    return load_settings(data_dir=data_dir, decoders=1, **changed)


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, run on an event loop of its own thread: pytest's own is not disturbed."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, work).result()


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Give a new folder that other users may pass: pytest's own are closed, which matters to a server run by root."""
    folder = Path(tempfile.mkdtemp(prefix="afterglow-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_data(data_dir: Path) -> None:
    """Make a data folder as the first start of a node does, and leave it at rest."""
    server = EmbeddedPostgres(data_dir, durable=False)
    server.start()
    try:
        with ThreadPoolExecutor(1) as apart:
            apart.submit(bootstrap.migrate, settings_of(data_dir)).result()
    finally:
        server.stop()


def copy_data(template: Path, data_dir: Path) -> None:
    """Copy a folder of a node at rest, with owners and modes: the database's files belong to another user than root."""
    subprocess.run(["cp", "--archive", "--no-target-directory", "--", template, data_dir], check=True)
