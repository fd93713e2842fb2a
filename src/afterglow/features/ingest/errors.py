"""What ingest refuses. Whatever it refuses, it leaves nothing behind."""

from afterglow.kernel.errors import CorruptError, InvalidError, UnavailableError, UnsupportedTypeError


class UnsupportedFileTypeError(UnsupportedTypeError):
    """This is not a photo or video of a kind that Afterglow takes."""

    code = "ingest.unsupported-type"


class EmptyFileError(InvalidError):
    """The file is empty."""

    code = "ingest.empty-file"


class InfectedFileError(InvalidError):
    """The malware scanner found something in this file, named in `signature`; nothing was kept."""

    code = "ingest.infected"


class ChecksumMismatchError(CorruptError):
    """The bytes that arrived are not the bytes that were announced; nothing was kept."""

    code = "upload.checksum-mismatch"


class OriginalUnreadableError(UnavailableError):
    """The original can't be read now."""

    code = "original.unreadable"


class StoreBusyError(UnavailableError):
    """The store of originals is still busy with other files; the file can be sent again later."""

    code = "ingest.store-busy"
