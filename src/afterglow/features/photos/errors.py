"""What photos refuse."""

from afterglow.kernel.errors import NotFoundError


class PhotoNotFoundError(NotFoundError):
    """No such photo, or none that you may see."""

    code = "photo.not-found"
