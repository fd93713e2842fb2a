"""What the timeline refuses."""

from afterglow.kernel.errors import InvalidError


class BadMonthError(InvalidError):
    """A month is written as 2024-06."""

    code = "timeline.bad-month"
