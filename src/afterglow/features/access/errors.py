"""What access refuses."""

from afterglow.kernel.errors import ForbiddenError


class ActionForbiddenError(ForbiddenError):
    """Your credential does not allow this."""

    code = "access.forbidden"
