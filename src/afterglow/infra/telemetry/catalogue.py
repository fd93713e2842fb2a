"""Every metric that `/metrics` tells, with its labels; the reference page is generated from here.

Labels have few values: routes are templates, results and steps are fixed words. Nothing of a photo or a person is one.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What a metric is, in Prometheus' words."""

    COUNTER = "counter"
    """Grows, and begins anew with each start of the node."""
    HISTOGRAM = "histogram"
    """Counts by size, their sum and their number; begins anew with each start of the node."""
    GAUGE = "gauge"
    """Read at the moment at which somebody asks."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        name: With its unit, as Prometheus' conventions want it.
        meaning: What it tells, in one line.
        labels: What its values are told apart by.
        buckets: Upper bounds of a histogram's counts, in its unit.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# From a thumbnail (2 ms) to an upload over a slow line (minutes).
_REQUEST_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0)
# From a sidecar (5 ms) to the time limit of a decoder (60 s by default).
_STEP_BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

REQUEST_DURATION: Final = Metric(
    "afterglow_http_request_duration_seconds",
    Kind.HISTOGRAM,
    "Time from a request's head to the end of its answer; `status` is a class such as 2xx, or 499 for a client that "
    "went away. Uploads are the routes /api/upload and /api/upload-sessions….",
    ("method", "route", "status"),
    _REQUEST_BUCKETS_S,
)
RECEIVED_BYTES: Final = Metric(
    "afterglow_http_received_bytes_total", Kind.COUNTER, "Bytes of request bodies: what was uploaded.", ("route",)
)
SENT_BYTES: Final = Metric(
    "afterglow_http_sent_bytes_total", Kind.COUNTER, "Bytes of answers' bodies, as announced.", ("route",)
)
STEP_DURATION: Final = Metric(
    "afterglow_step_duration_seconds",
    Kind.HISTOGRAM,
    "Time that a run of a step took; `result` is done, skipped, retried (it will be tried again), failed, or lost "
    "(taken over or cancelled).",
    ("step", "result"),
    _STEP_BUCKETS_S,
)
DERIVATIVE_LOOKUPS: Final = Metric(
    "afterglow_derivative_lookups_total",
    Kind.COUNTER,
    "Thumbnails and previews that were asked for; `result` is hit, or miss where the file was not there (yet).",
    ("result",),
)
EVICTED_BYTES: Final = Metric(
    "afterglow_derivative_evicted_bytes_total", Kind.COUNTER, "Bytes of derivatives that were evicted."
)

QUEUE_WAITING: Final = Metric(
    "afterglow_queue_waiting", Kind.GAUGE, "Steps that wait, also for a later try.", ("step",)
)
QUEUE_RUNNING: Final = Metric("afterglow_queue_running", Kind.GAUGE, "Steps that run.", ("step",))
QUEUE_FAILED: Final = Metric(
    "afterglow_queue_failed", Kind.GAUGE, "Steps that have failed for good and were not tried again.", ("step",)
)
QUEUE_AGE: Final = Metric(
    "afterglow_queue_oldest_due_seconds", Kind.GAUGE, "Time since which the step that waits longest is due.", ("step",)
)
QUEUE_PAUSED: Final = Metric("afterglow_queue_paused", Kind.GAUGE, "1 where an administrator paused it.", ("step",))
PHOTOS: Final = Metric(
    "afterglow_photos", Kind.GAUGE, "Photos by status, as last counted; those in the trash are TRASHED.", ("status",)
)
WORKERS: Final = Metric("afterglow_workers", Kind.GAUGE, "Workers that told of themselves in the last two minutes.")
SCHEDULE_FAILING: Final = Metric(
    "afterglow_schedule_failing", Kind.GAUGE, "1 where the last run of a recurring job failed.", ("schedule",)
)
SCHEDULE_LATE: Final = Metric(
    "afterglow_schedule_late_seconds", Kind.GAUGE, "Time since which a recurring job should have run.", ("schedule",)
)
DISK_FREE: Final = Metric("afterglow_disk_free_bytes", Kind.GAUGE, "Free bytes on the disk of the data folder.")
DISK_SIZE: Final = Metric("afterglow_disk_size_bytes", Kind.GAUGE, "Size of the disk of the data folder.")
DATABASE_UP: Final = Metric(
    "afterglow_database_up", Kind.GAUGE, "1 if the database answered; if it did not, what it knows is missing here."
)
DATABASE_SIZE: Final = Metric("afterglow_database_size_bytes", Kind.GAUGE, "Size of the database.")
BUILD_INFO: Final = Metric("afterglow_build_info", Kind.GAUGE, "Always 1; `version` is the program's.", ("version",))

CATALOGUE: Final = (
    REQUEST_DURATION,
    RECEIVED_BYTES,
    SENT_BYTES,
    STEP_DURATION,
    DERIVATIVE_LOOKUPS,
    EVICTED_BYTES,
    QUEUE_WAITING,
    QUEUE_RUNNING,
    QUEUE_FAILED,
    QUEUE_AGE,
    QUEUE_PAUSED,
    PHOTOS,
    WORKERS,
    SCHEDULE_FAILING,
    SCHEDULE_LATE,
    DISK_FREE,
    DISK_SIZE,
    DATABASE_UP,
    DATABASE_SIZE,
    BUILD_INFO,
)
