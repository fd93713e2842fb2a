"""Counts of all processes and readings of the moment, in Prometheus' text format."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from afterglow.infra.telemetry.catalogue import CATALOGUE, Kind, Metric
from afterglow.infra.telemetry.counts import Labels, Snapshot, cell_size

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
_Cells = dict[Labels, list[float]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A gauge's value at this moment; its labels in the order of the metric's."""

    metric: Metric
    value: float
    labels: Labels = ()


def expose(snapshots: Iterable[Snapshot], readings: Iterable[Reading]) -> bytes:
    """Return what `/metrics` answers, format 0.0.4.

    Args:
        snapshots: One of each process; their counts are added up. What this version does not know is left out.
        readings: Of the moment.
    """
    cells = _added_up(snapshots)
    gauges: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        gauges[reading.metric.name].append(reading)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families([_family(metric, cells[metric.name], gauges[metric.name]) for metric in CATALOGUE]))
    return generate_latest(registry)


class _Families(Collector):
    """Families that are ready."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        return iter(self._families)


def _added_up(snapshots: Iterable[Snapshot]) -> dict[str, _Cells]:
    sizes = {metric.name: cell_size(metric) for metric in CATALOGUE}
    cells: dict[str, _Cells] = {metric.name: {} for metric in CATALOGUE}
    for snapshot in snapshots:
        for name, known in snapshot.items():
            for labels, numbers in known:
                if len(numbers) != sizes.get(name):
                    continue  # counted by another version, with other buckets
                sums = cells[name].setdefault(tuple(labels), [0.0] * len(numbers))
                sums[:] = [total + number for total, number in zip(sums, numbers, strict=True)]
    return cells


def _family(metric: Metric, cells: _Cells, readings: Iterable[Reading]) -> Family:
    match metric.kind:
        case Kind.GAUGE:
            gauge = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for reading in readings:
                gauge.add_metric(reading.labels, reading.value)
            return gauge
        case Kind.COUNTER:
            counter = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, (total,) in cells.items():
                counter.add_metric(labels, total)
            return counter
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            for labels, (*counts, total) in cells.items():
                histogram.add_metric(labels, _buckets(metric, counts), total)
            return histogram


def _buckets(metric: Metric, counts: Sequence[float]) -> list[tuple[str, float]]:
    """Return the cumulative counts that the format wants, by their upper bounds."""
    bounds = ["+Inf" if math.isinf(bound) else str(bound) for bound in (*metric.buckets, math.inf)]
    return list(zip(bounds, accumulate(counts), strict=True))
