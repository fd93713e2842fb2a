"""How an upload is told: a progress bar and a summary for people, JSON lines for programs."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.text import Text

from afterglow.entry.cli.upload.outcomes import Outcome, Totals, Verdict

QUIET = {Verdict.UPLOADED, Verdict.DUPLICATE}
"""Verdicts that are only counted; the others are told one by one."""


class Report:
    """Takes in what becomes of files, from several threads."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=False),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=as_json or not self._console.is_terminal,
        )
        self._hashed = self._progress.add_task("checking ", total=None)
        self._sent = self._progress.add_task("uploading", total=None)
        self._lock = Lock()
        self.totals = Totals()

    @contextmanager
    def shown(self, total_bytes: int) -> Iterator[None]:
        """Show progress while the block runs.

        Args:
            total_bytes: Bytes of all files.
        """
        self._progress.update(self._hashed, total=total_bytes)
        self._progress.update(self._sent, total=0)
        with self._progress:
            yield

    def hashed(self, size_bytes: int) -> None:
        """A file was read."""
        self._progress.advance(self._hashed, size_bytes)

    def queued(self, size_bytes: int) -> None:
        """A file is going to be uploaded."""
        with self._lock:
            total = self._progress.tasks[self._sent].total or 0
            self._progress.update(self._sent, total=total + size_bytes)

    def sent(self, size_bytes: int) -> None:
        """Bytes went out."""
        self._progress.advance(self._sent, size_bytes)

    def settle(self, outcome: Outcome) -> None:
        """Take in the outcome of a file."""
        with self._lock:
            self.totals.add(outcome)
            if self._as_json:
                _write(json.dumps(outcome.as_json()))
            elif outcome.verdict not in QUIET:
                self._console.print(Text(f"{outcome.verdict}: {outcome.path}: {outcome.reason}"))

    def close(self, *, interrupted: bool) -> None:
        """Tell the summary."""
        totals = self.totals
        if self._as_json:
            _write(json.dumps({"summary": {**totals.as_json(), "interrupted": interrupted}}))
            return
        counts = ", ".join(f"{totals.counts[verdict]} {verdict}" for verdict in Verdict)
        _write(f"{counts} ({totals.uploaded_bytes / 1e6:.1f} MB sent)")
        if interrupted:
            _write("Interrupted: run the same command again to go on.")


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
