"""What can go wrong with bytes at rest.

InvalidError        BadKeyError
NotFoundError       ObjectMissingError  SourceMissingError  PartMissingError
ConflictError       UploadBusyError  UploadSealedError  PartSizeError
StorageFullError    (the kernel's own)
UnavailableError    StoreMissingError  StoreIoError  NoHardLinksError  CopyMismatchError
CorruptError        AlreadyThereButDifferentError  ShortReadError  ReadBackMismatchError
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from afterglow.kernel.errors import (
    ConflictError,
    CorruptError,
    InvalidError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
)

NO_ROOM_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})


class BadKeyError(InvalidError):
    """This is not a key of an object."""

    code = "store.bad-key"


class ObjectMissingError(NotFoundError):
    """The store does not hold this object."""

    code = "store.object-missing"


class SourceMissingError(NotFoundError):
    """The file to be stored is gone."""

    code = "store.source-missing"


class StoreMissingError(UnavailableError):
    """The store's folder is not there or is not this store; is its disk mounted?"""

    code = "store.missing"


class StoreIoError(UnavailableError):
    """The disk reports an error."""

    code = "store.io"


class NoHardLinksError(UnavailableError):
    """The file system has no hard links, without which an original can't be put in place safely."""

    code = "store.no-hard-links"


class AlreadyThereButDifferentError(CorruptError):
    """The store holds other bytes under this key; nothing was overwritten."""

    code = "store.already-there-but-different"


class CopyMismatchError(UnavailableError):
    """The copy read back is not what was to be stored; it was not kept."""

    code = "store.copy-mismatch"


class ShortReadError(CorruptError):
    """The disk returned fewer bytes than the object has."""

    code = "store.short-read"


class PartMissingError(NotFoundError):
    """No bytes of this upload are held."""

    code = "spool.part-missing"


class UploadBusyError(ConflictError):
    """Another request is writing to this upload."""

    code = "upload.busy"


class UploadSealedError(ConflictError):
    """This upload is complete and takes no more bytes."""

    code = "upload.sealed"


class PartSizeError(ConflictError):
    """The spool holds another number of bytes than expected; `offset` tells how many."""

    code = "spool.part-size"


class ReadBackMismatchError(CorruptError):
    """The bytes read back from the disk are not the bytes that were received; they were thrown away."""

    code = "spool.read-back-mismatch"


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn what the operating system refuses into our errors.

    Args:
        doing: What is being done, for the log: "put ab/cd/…".

    Raises:
        StorageFullError: No space or quota left.
        StoreIoError: Anything else that the operating system reports.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM_ERRNOS:
            raise StorageFullError from error
        reason = errno.errorcode.get(error.errno or 0, "unknown error")
        raise StoreIoError(f"{doing}: the disk reports {reason}") from error
