"""Unfinished uploads, remembered between two runs: one small file each, named by server and checksum."""

import contextlib
import hashlib
import time
from pathlib import Path
from typing import Final

from afterglow.entry.cli.paths import state_dir, write_private

KEEP_DAYS: Final = 30


class ResumeStore:
    """Upload sessions that were begun at one server. Losing them costs time, never a photo: errors are passed over."""

    def __init__(self, server: str, folder: Path | None = None) -> None:
        place = hashlib.sha256(server.encode()).hexdigest()[:16]
        self._folder = (folder or state_dir()) / "uploads" / place

    def find(self, checksum: str) -> str | None:
        """Return the id of the session in which a file's upload was begun."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return self._file(checksum).read_text(encoding="ascii").strip() or None
        return None

    def remember(self, checksum: str, session_id: str) -> None:
        """Keep the session of a file until `forget`."""
        with contextlib.suppress(OSError):
            write_private(self._file(checksum), f"{session_id}\n")

    def forget(self, checksum: str) -> None:
        """Drop the session of a file."""
        with contextlib.suppress(OSError):
            self._file(checksum).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Drop sessions that no server keeps any more."""
        oldest = time.time() - KEEP_DAYS * 86_400
        with contextlib.suppress(OSError):
            for file in self._folder.iterdir():
                if file.stat().st_mtime < oldest:
                    file.unlink(missing_ok=True)

    def _file(self, checksum: str) -> Path:
        return self._folder / checksum
