"""What derivatives refuse."""

from afterglow.kernel.errors import InvalidError, NotFoundError


class DerivativeNotReadyError(NotFoundError):
    """The picture is still being made; ask again in a moment."""

    code = "derivative.not-ready"


class DerivativeEvictedError(DerivativeNotReadyError):
    """The picture was cleared from the cache and is being made again; ask again in a moment."""


class NoDerivativeError(NotFoundError):
    """There is no picture of this photo; `reason` says why. Its original can be downloaded."""

    code = "derivative.none"


class UnknownSizeError(InvalidError):
    """Thumbnails come in the sizes named in `sizes`."""

    code = "derivative.unknown-size"
