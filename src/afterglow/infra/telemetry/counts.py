"""What a process counts while it works: in memory, shared by `snapshot`, told by `exposition`."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

from afterglow.infra.telemetry.catalogue import (
    DERIVATIVE_LOOKUPS,
    EVICTED_BYTES,
    RECEIVED_BYTES,
    REQUEST_DURATION,
    SENT_BYTES,
    STEP_DURATION,
    Kind,
    Metric,
)

Labels = tuple[str, ...]
Snapshot = Mapping[str, Sequence[tuple[Sequence[str], Sequence[float]]]]
"""Cells by metric: labels, and one number for a counter; for a histogram its counts (not cumulative) and its sum."""

_CLIENT_GONE: Final = 499
# Anybody may invent a method; labels must not grow with that.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_COUNTED: Final = (REQUEST_DURATION, RECEIVED_BYTES, SENT_BYTES, STEP_DURATION, DERIVATIVE_LOOKUPS, EVICTED_BYTES)


class Counts:
    """Counters and histograms of this process since its start.

    Not locked: only the event loop's thread may count.
    """

    def __init__(self) -> None:
        self._cells: dict[Metric, dict[Labels, list[float]]] = {metric: {} for metric in _COUNTED}

    def count_request(
        self, method: str, route: str, status: int, duration_s: float, received_bytes: int, sent_bytes: int
    ) -> None:
        """Count a request that is over.

        Args:
            method: HTTP method.
            route: Template of the path, never the path: labels are few.
            status: Of the answer; 499 where the client went away before it.
            duration_s: From the head of the request to the end of the answer.
            received_bytes: Of the request's body.
            sent_bytes: Of the answer's body.
        """
        status_class = f"{status // 100}xx" if status != _CLIENT_GONE else str(status)
        known_method = method if method in _METHODS else "other"
        self._observe(REQUEST_DURATION, (known_method, route, status_class), duration_s)
        if received_bytes:
            self._add(RECEIVED_BYTES, (route,), received_bytes)
        if sent_bytes:
            self._add(SENT_BYTES, (route,), sent_bytes)

    def count_step(self, step: str, result: str, duration_s: float) -> None:
        """Count a run of a step that is over."""
        self._observe(STEP_DURATION, (step, result), duration_s)

    def count_lookup(self, *, is_hit: bool) -> None:
        """Count a derivative that somebody asked for."""
        self._add(DERIVATIVE_LOOKUPS, ("hit" if is_hit else "miss",), 1)

    def count_evicted(self, size_bytes: int) -> None:
        """Count derivatives that were evicted."""
        self._add(EVICTED_BYTES, (), size_bytes)

    def snapshot(self) -> Snapshot:
        """Return all counts so far, as JSON takes them; no number of it ever shrinks."""
        return {
            metric.name: [(list(labels), list(numbers)) for labels, numbers in cells.items()]
            for metric, cells in self._cells.items()
            if cells
        }

    def _add(self, metric: Metric, labels: Labels, amount: float) -> None:
        self._cell(metric, labels)[0] += amount

    def _observe(self, metric: Metric, labels: Labels, value: float) -> None:
        cell = self._cell(metric, labels)
        cell[bisect_left(metric.buckets, value)] += 1
        cell[-1] += value

    def _cell(self, metric: Metric, labels: Labels) -> list[float]:
        cells = self._cells[metric]
        if (cell := cells.get(labels)) is None:
            cell = cells[labels] = [0.0] * cell_size(metric)
        return cell


def cell_size(metric: Metric) -> int:
    """Return how many numbers a cell of a metric has: a histogram's buckets, the one above them, and the sum."""
    return len(metric.buckets) + 2 if metric.kind is Kind.HISTOGRAM else 1
