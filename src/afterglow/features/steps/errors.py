"""What steps refuse."""

from afterglow.kernel.errors import ConflictError, NotFoundError


class RunLostError(ConflictError):
    """This run's lease has passed to another; its result is dropped."""

    code = "step.run-lost"


class StepNotFoundError(NotFoundError):
    """The photo has no such step."""

    code = "step.not-found"


class StepNotRetryableError(ConflictError):
    """Only a failed step can be tried again by hand."""

    code = "step.not-retryable"
