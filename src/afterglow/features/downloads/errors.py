"""What downloads refuse."""

from afterglow.kernel.errors import (
    CorruptError,
    InvalidError,
    LimitReachedError,
    NotFoundError,
    TooManyRequestsError,
    UnavailableError,
)


class OriginalAwayError(UnavailableError):
    """The original can't be reached now."""

    code = "original.away"


class NoOriginalError(NotFoundError):
    """The original of this photo is not held here."""

    code = "original.none"


class OriginalDamagedError(CorruptError):
    """The original's bytes are not what they were; the download breaks off."""

    code = "original.damaged"


class DownloadNotFoundError(NotFoundError):
    """No such download; it may have expired."""

    code = "download.not-found"


class NothingChosenError(NotFoundError):
    """No photo matches this."""

    code = "download.nothing-chosen"


class TooManyPhotosError(LimitReachedError):
    """These are more photos than fit into one download, see `limit`."""

    code = "download.too-many-photos"


class TooManyDownloadsError(TooManyRequestsError):
    """Many photos wait to be downloaded already; order more when an earlier download has expired."""

    code = "download.too-many"


class AlbumsNotSupportedError(InvalidError):
    """This server has no albums yet; choose by `photoIds` or `query`."""

    code = "download.albums-not-supported"
