"""Why somebody can't go on where they were."""

from afterglow.kernel.errors import ConflictError


class CursorExpiredError(ConflictError):
    """Changes after this cursor are no longer kept; start anew, without a cursor."""

    code = "feed.cursor-expired"


class ResyncError(ConflictError):
    """The database was restored since this cursor was made; start anew, without a cursor."""

    code = "feed.resync"
