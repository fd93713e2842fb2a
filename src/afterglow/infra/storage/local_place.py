"""Putting one file in place in a local store, never over another. All functions block, on an open folder.

`rename` is not used anywhere: it replaces what is there. `link` fails instead, in one step, whoever comes second.
"""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from afterglow.infra.storage import files
from afterglow.infra.storage.errors import (
    AlreadyThereButDifferentError,
    CopyMismatchError,
    NoHardLinksError,
    ShortReadError,
    SourceMissingError,
)
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.faults import fault_point

# Another file system; a file that is not ours (fs.protected_hardlinks); no links here; too many of them.
_LINK_REFUSED = frozenset({errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK})
_NEW_FILE = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY_PREFIX = ".put-"


def is_temporary(name: str) -> bool:
    """Return whether a file is the half-made copy of a put."""
    return name.startswith(_TEMPORARY_PREFIX)


@contextmanager
def opened_source(source: Path) -> Iterator[int]:
    """Give a descriptor of the file to be stored.

    Raises:
        SourceMissingError: There is no such plain file.
        OSError: It can't be opened.
    """
    try:
        descriptor = os.open(source, files.OPEN_FILE)
    except FileNotFoundError as error:
        raise SourceMissingError from error
    with files.closing(descriptor):
        if not files.is_plain_file(descriptor):
            raise SourceMissingError(f"{source.name} is not a plain file")
        yield descriptor


def place(opened: int, source: Path, folder: int, name: str, checksum: Checksum) -> bool:
    """Make the source's bytes appear under a name, whole; returns False if the name is taken.

    A source with a second name is copied: who knows that name could write to the original through it.

    Raises:
        CopyMismatchError: The copy does not have the checksum.
        NoHardLinksError: The file system has none.
        OSError: A read, write or flush failed; nothing is under the name.
    """
    if _exists(folder, name):
        return False
    try:
        if os.fstat(opened).st_nlink > 1:
            _place_copy(opened, folder, name, checksum)
        else:
            _place_link(opened, source, folder, name, checksum)
    except FileExistsError:
        return False
    return True


def place_content(content: bytes, folder: int, name: str) -> bool:
    """Make a small new file appear under a name, whole and durable; returns False if the name is taken.

    Raises:
        NoHardLinksError: The file system has none.
        OSError: A write or flush failed; nothing is under the name.
    """
    with _temporary_name(folder) as temporary:
        with files.closing(os.open(temporary, _NEW_FILE, files.FILE_MODE, dir_fd=folder)) as written:
            files.write_all(written, content, 0)
            files.sync_file(written)
        try:
            _link_temporary(folder, temporary, name)
        except FileExistsError:
            return False
    files.sync_folder(folder)
    return True


def place_instead(opened: int, source: Path, folder: int, name: str, checksum: Checksum, aside: str) -> bool:
    """Make the source's bytes appear under a name whose file, if it has other bytes, gets another name first.

    The source's bytes are on this disk before anything is moved: no want of room can come in between.

    Returns:
        Whether a file was set aside.

    Raises:
        CopyMismatchError: The copy does not have the checksum.
        NoHardLinksError: The file system has none.
        OSError: A read, write or flush failed; see the port for what is left.
    """
    with _temporary_name(folder) as temporary:
        place(opened, source, folder, temporary, checksum)
        is_wrong = _exists(folder, name) and not _is_equal(folder, name, checksum)
        if is_wrong:
            _set_aside(folder, name, aside)
        # The name may be taken by the right file; whoever holds the checksum's lock is the only one to put.
        with suppress(FileExistsError):
            _link_temporary(folder, temporary, name)
    return is_wrong


def _set_aside(folder: int, name: str, aside: str) -> None:
    _link_temporary(folder, name, aside)
    files.sync_folder(folder)
    fault_point("store.after-aside")
    os.unlink(name, dir_fd=folder)
    fault_point("store.before-instead")


def _is_equal(folder: int, name: str, checksum: Checksum) -> bool:
    try:
        require_equal(folder, name, checksum)
    except AlreadyThereButDifferentError:
        return False
    return True


def require_equal(folder: int, name: str, checksum: Checksum) -> None:
    """Prove that the file under a name has the checksum, and flush it: who put it may have been killed before.

    Raises:
        AlreadyThereButDifferentError: It has not.
        OSError: It can't be read or flushed.
    """
    with files.closing(os.open(name, files.OPEN_FILE, dir_fd=folder)) as existing:
        files.sync_file(existing)
        try:
            found = files.read_back(existing)
        except ShortReadError as error:
            raise AlreadyThereButDifferentError(f"{name} ends before its size") from error
        if found != checksum:
            raise AlreadyThereButDifferentError(f"{name} does not hold the bytes of {checksum}")


def _exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _place_link(opened: int, source: Path, folder: int, name: str, checksum: Checksum) -> None:
    try:
        os.fchmod(opened, files.FILE_MODE)
        files.sync_file(opened)
        os.link(source, name, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _LINK_REFUSED:
            raise
        _place_copy(opened, folder, name, checksum)
    else:
        _require_there(folder, name, os.fstat(opened))


def _place_copy(opened: int, folder: int, name: str, checksum: Checksum) -> None:
    with _temporary_name(folder) as temporary:
        with files.closing(os.open(temporary, _NEW_FILE, files.FILE_MODE, dir_fd=folder)) as copy:
            files.copy_file(opened, copy)
            files.sync_file(copy)
        with files.closing(os.open(temporary, files.OPEN_FILE, dir_fd=folder)) as copy:
            if not files.reads_back_as(copy, checksum):
                raise CopyMismatchError(f"the copy for {name} does not have the checksum {checksum}")
        fault_point("store.after-copy")
        _link_temporary(folder, temporary, name)


def _link_temporary(folder: int, temporary: str, name: str) -> None:
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno in _LINK_REFUSED:
            raise NoHardLinksError from error
        raise
    _require_there(folder, name, os.stat(temporary, dir_fd=folder, follow_symlinks=False))


def _require_there(folder: int, name: str, proven: os.stat_result) -> None:
    """Prove that a new name leads to the file whose bytes were proven: a disk may acknowledge a link and lose it."""
    try:
        is_there = os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), proven)
    except FileNotFoundError:
        is_there = False
    if not is_there:
        raise OSError(errno.EIO, "the link was acknowledged and is not there")


@contextmanager
def _temporary_name(folder: int) -> Iterator[str]:
    name = f"{_TEMPORARY_PREFIX}{secrets.token_hex(8)}.tmp"
    try:
        yield name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
