"""Small files that must be whole or absent."""

import os
import secrets
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def write_durably(path: Path, content: bytes, *, mode: int = PRIVATE_FILE, gid: int = -1) -> None:
    """Write a file so that a crash leaves either the old or the new content.

    Args:
        path: File to write; its folder exists.
        content: All of its bytes.
        mode: Permissions, independent of the umask.
        gid: Group that gets the file; -1 leaves it.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if gid != -1:
                os.fchown(file.fileno(), -1, gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make renames and new names in a folder durable (POSIX leaves that open for fsync of the file)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
