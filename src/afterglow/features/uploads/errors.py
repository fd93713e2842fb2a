"""What uploads refuse."""

from afterglow.kernel.errors import (
    ConflictError,
    CorruptError,
    InvalidError,
    NotFoundError,
    StorageFullError,
    TooLargeError,
    TooManyRequestsError,
    UnavailableError,
    UnsupportedTypeError,
)


class UploadNotFoundError(NotFoundError):
    """No such upload session; it may have expired or been completed long ago."""

    code = "upload.not-found"


class OffsetMismatchError(ConflictError):
    """The upload goes on at another offset, given in `offset`."""

    code = "upload.offset-mismatch"


class UploadIncompleteError(ConflictError):
    """Bytes are missing; go on at `offset`."""

    code = "upload.incomplete"


class UploadStalledError(ConflictError):
    """Nothing came for too long; what came before is kept, go on at `offset`."""

    code = "upload.stalled"


class UploadWaitingError(ConflictError):
    """All bytes are here and safe; the file waits for a part of the server that is away. Ask again later."""

    code = "upload.waiting"


class FileTooLargeError(TooLargeError):
    """The file is larger than this server takes, see `limit`."""

    code = "upload.too-large"


class TooManyBytesError(TooLargeError):
    """These are more bytes than were announced, see `limit`; those beyond are not taken."""

    code = "upload.too-many-bytes"


class QuotaExceededError(StorageFullError):
    """This is more than your quota leaves, see `limit`, `used` and `needed` (bytes; unfinished uploads count)."""

    code = "upload.quota-exceeded"


class TooManySessionsError(TooManyRequestsError):
    """You have too many unfinished uploads, see `limit`; complete or abort some."""

    code = "upload.too-many-sessions"


class ChunkChecksumError(CorruptError):
    """The chunk that arrived is not the one that was sent; nothing of it is kept, send it again."""

    code = "upload.chunk-checksum"


class BadChecksumHeaderError(InvalidError):
    """The header of a checksum is malformed or names no algorithm that is known here."""

    code = "upload.bad-checksum-header"


class BytesLostError(UnavailableError):
    """The server's disk did not give back what was written to it; nothing was kept, send the file again."""

    code = "upload.bytes-lost"


class SecondFileError(InvalidError):
    """The form has more than one file; send each in a form of its own."""

    code = "upload.second-file"


class MissingFileError(InvalidError):
    """The form has no file in a field named `file`."""

    code = "upload.missing-file"


class FieldNotSupportedError(InvalidError):
    """The form has a field that this server does not take yet, named in `field`."""

    code = "upload.field-not-supported"


class TusHeaderError(InvalidError):
    """A header of the upload protocol is missing or malformed, named in `header`."""

    code = "tus.bad-header"


class TusVersionError(InvalidError):
    """This version of the tus protocol is not spoken here; see the header Tus-Version."""

    code = "tus.version"


class TusContentTypeError(UnsupportedTypeError):
    """The bytes of an upload are sent with the Content-Type given in `expected`."""

    code = "tus.content-type"
