"""What downloads refuse."""

from afterglow.kernel.errors import NotFoundError, UnavailableError


class OriginalAwayError(UnavailableError):
    """The original can't be reached now."""

    code = "original.away"


class NoOriginalError(NotFoundError):
    """The original of this photo is not held here."""

    code = "original.none"
