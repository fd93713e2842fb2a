"""Files to upload: which there are below the named paths, and their checksums."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from afterglow.entry.cli.upload.outcomes import Outcome, Verdict
from afterglow.kernel.units import MIB

PIECE_BYTES: Final = MIB
MEDIA_SUFFIXES: Final = frozenset(
    f".{suffix}"
    for group in (
        "jpg jpeg jpe jfif png webp gif heic heif hif avif tif tiff jxl bmp",
        "dng cr2 cr3 nef nrw arw srf sr2 raf orf rw2 pef srw 3fr iiq rwl",
        "mp4 m4v mov webm avi mkv mts m2ts 3gp mpg mpeg wmv insv lrv",
    )
    for suffix in group.split()
)
"""Names that a photo or video has. A file of another name is offered only if it is named itself: the server decides by
content, but would have to be sent every archive and document of a folder first."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file as it was found."""

    path: Path
    size_bytes: int
    modified_ns: int

    @property
    def modified_at(self) -> str:
        """Time of its last change, ISO 8601 in UTC."""
        return datetime.fromtimestamp(self.modified_ns / 1e9, UTC).isoformat()


def walk(paths: Iterable[Path]) -> Iterator[FoundFile | Outcome]:
    """Yield every file at and below paths, each once, in order of names; or why it is left out.

    Links to folders are not followed: they may lead in circles, and out of the folder that was named.
    """
    for path in paths:
        if path.is_dir():
            yield from _walk_folder(path)
        else:
            yield _look_at(path)


def _walk_folder(top: Path) -> Iterator[FoundFile | Outcome]:
    unreadable: list[OSError] = []
    for folder, names, files in os.walk(top, onerror=unreadable.append):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder, name)
            if name.startswith("."):
                yield Outcome(path, Verdict.SKIPPED, reason="a hidden file")
            elif path.suffix.lower() not in MEDIA_SUFFIXES:
                yield Outcome(path, Verdict.SKIPPED, reason="not a photo or video by its name")
            else:
                yield _look_at(path)
        while unreadable:
            error = unreadable.pop()
            yield Outcome(Path(error.filename or folder), Verdict.FAILED, reason=f"cannot be read: {error.strerror}")


def _look_at(path: Path) -> FoundFile | Outcome:
    try:
        status = path.stat()
    except OSError as error:
        return Outcome(path, Verdict.FAILED, reason=f"cannot be read: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return Outcome(path, Verdict.SKIPPED, reason="not a regular file")
    if status.st_size == 0:
        return Outcome(path, Verdict.SKIPPED, reason="empty")
    return FoundFile(path, status.st_size, status.st_mtime_ns)


def checksum_of(file: FoundFile, keep_going: Callable[[], None]) -> str:
    """Return the SHA-256 of a file, 64 hex digits.

    Args:
        file: File to read.
        keep_going: Called after each piece; may raise to stop.

    Raises:
        OSError: It cannot be read.
    """
    digest = hashlib.sha256()
    with file.path.open("rb", buffering=0) as content:
        while piece := content.read(PIECE_BYTES):
            digest.update(piece)
            keep_going()
    return digest.hexdigest()


def read_pieces(file: FoundFile, offset_bytes: int, size_bytes: int) -> Iterator[bytes]:
    """Yield a part of a file, in pieces of bounded size, and exactly as many bytes as were asked for.

    Raises:
        OSError: It cannot be read, or has become shorter.
    """
    with file.path.open("rb", buffering=0) as content:
        content.seek(offset_bytes)
        while size_bytes:
            piece = content.read(min(PIECE_BYTES, size_bytes))
            if not piece:
                raise OSError(None, "it became shorter while it was uploaded")
            size_bytes -= len(piece)
            yield piece
