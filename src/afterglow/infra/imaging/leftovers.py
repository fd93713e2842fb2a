"""Temporary files that name themselves: work in progress is locked, what a killed process left is not."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from io import BufferedWriter
from pathlib import Path
from typing import Final

SUFFIX: Final = ".part"


@contextlib.contextmanager
def temporary_for(path: Path) -> Iterator[tuple[Path, BufferedWriter]]:
    """Give a locked temporary file beside `path`; removed when the body fails, moved into place by the body."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{SUFFIX}")
    with temporary.open("wb") as file:
        try:
            # The lock lives exactly as long as this process, across containers and reused process ids.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield temporary, file
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that are no more; nothing happens where there are none."""
    for leftover in folder.glob(f".*{SUFFIX}"):
        with contextlib.suppress(FileNotFoundError, BlockingIOError), leftover.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()
