"""What uploads refuse."""

from afterglow.kernel.errors import ConflictError, InvalidError, NotFoundError, TooLargeError, UnavailableError


class UploadNotFoundError(NotFoundError):
    """No such upload session; it may have expired or been completed long ago."""

    code = "upload.not-found"


class OffsetMismatchError(ConflictError):
    """The upload goes on at another offset, given in `offset`."""

    code = "upload.offset-mismatch"


class UploadIncompleteError(ConflictError):
    """Bytes are missing; go on at `offset`."""

    code = "upload.incomplete"


class FileTooLargeError(TooLargeError):
    """The file is larger than this server takes, see `limit`."""

    code = "upload.too-large"


class TooManyBytesError(TooLargeError):
    """These are more bytes than were announced, see `limit`; those beyond are not taken."""

    code = "upload.too-many-bytes"


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
