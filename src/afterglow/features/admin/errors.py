"""What administration refuses."""

from afterglow.kernel.errors import ConflictError, ForbiddenError, NotFoundError


class JobNotFoundError(NotFoundError):
    """There is no such job; the step may have run again since, under another id."""

    code = "job.not-found"


class JobNotRetryableError(ConflictError):
    """This job is running now, or is of a kind that no worker of this node does."""

    code = "job.not-retryable"


class JobNotCancellableError(ConflictError):
    """Only a job that is pending or running can be cancelled."""

    code = "job.not-cancellable"


class QueueNotFoundError(NotFoundError):
    """There is no such queue; queues have the names of the pipeline's steps."""

    code = "queue.not-found"


class MetricsForbiddenError(ForbiddenError):
    """Metrics are told on this machine only, or to who has the token of the setting metrics_token."""

    code = "metrics.forbidden"
