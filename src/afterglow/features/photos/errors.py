"""What photos refuse."""

from afterglow.kernel.errors import NotFoundError


class PhotoNotFoundError(NotFoundError):
    """No such photo, or none that you may see."""

    code = "photo.not-found"


class TombstoneNotFoundError(NotFoundError):
    """You have not purged these bytes, or they were taken again since."""

    code = "tombstone.not-found"
