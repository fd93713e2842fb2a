"""Counts of a process, and what all of them say together."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from afterglow.infra.telemetry.catalogue import CATALOGUE, QUEUE_WAITING, REQUEST_DURATION, Kind
from afterglow.infra.telemetry.counts import Counts, cell_size
from afterglow.infra.telemetry.exposition import Reading, expose

pytestmark = pytest.mark.req("ADM-2")


def samples_of(text: bytes, family: str) -> dict[str, float]:
    """The samples of a family: by name, and for buckets by their bound."""
    (found,) = [known for known in text_string_to_metric_families(text.decode()) if known.name == family]
    return {sample.labels.get("le", sample.name): sample.value for sample in found.samples}


@given(st.lists(st.floats(0, 1000), max_size=50))
def test_a_histogram_counts_each_duration_once_and_its_buckets_are_cumulative(durations: list[float]) -> None:
    counts = Counts()
    for duration_s in durations:
        counts.count_step("derive", "done", duration_s)
    told = samples_of(expose([counts.snapshot()], []), "afterglow_step_duration_seconds")
    bounds = {float(bound): count for bound, count in told.items() if not bound.startswith("afterglow")}
    for bound, count in bounds.items():
        assert count == sum(duration_s <= bound for duration_s in durations)
    if durations:
        assert bounds[math.inf] == told["afterglow_step_duration_seconds_count"] == len(durations)
        assert told["afterglow_step_duration_seconds_sum"] == pytest.approx(sum(durations))


@given(st.lists(st.lists(st.integers(0, 10**6), max_size=5), max_size=4))
def test_counts_of_several_processes_are_added_up(processes: list[list[int]]) -> None:
    snapshots = []
    for sizes in processes:
        counts = Counts()
        for size_bytes in sizes:
            counts.count_evicted(size_bytes)
        # As they come back from the database.
        snapshots.append(json.loads(json.dumps(counts.snapshot())))
    told = samples_of(expose(snapshots, []), "afterglow_derivative_evicted_bytes")
    if any(processes):
        assert told["afterglow_derivative_evicted_bytes_total"] == sum(map(sum, processes))


def test_a_snapshot_does_not_change_any_more() -> None:
    counts = Counts()
    counts.count_lookup(is_hit=True)
    before = counts.snapshot()
    counts.count_lookup(is_hit=True)
    assert before != counts.snapshot()
    assert before["afterglow_derivative_lookups_total"] == [(["hit"], [1.0])]


def test_what_another_version_counted_otherwise_is_left_out() -> None:
    counts = Counts()
    counts.count_step("derive", "done", 1)
    strange = {
        "afterglow_step_duration_seconds": [(["derive", "done"], [1.0, 2.0])],
        "afterglow_of_the_future_total": [([], [1.0])],
    }
    text = expose([counts.snapshot(), strange], [])
    assert samples_of(text, "afterglow_step_duration_seconds")["+Inf"] == 1
    assert b"of_the_future" not in text


@pytest.mark.parametrize(
    ("status", "status_class"), [(200, "2xx"), (206, "2xx"), (304, "3xx"), (404, "4xx"), (499, "499"), (503, "5xx")]
)
def test_statuses_are_told_by_class_and_a_client_that_went_away_apart(status: int, status_class: str) -> None:
    counts = Counts()
    counts.count_request("GET", "/", status, 0.1, 0, 0)
    ((labels, _),) = counts.snapshot()[REQUEST_DURATION.name]
    assert labels == ["GET", "/", status_class]


def test_a_made_up_method_is_another() -> None:
    counts = Counts()
    for number in range(5):
        counts.count_request(f"BREW{number}", "/", 405, 0.1, 0, 0)
    assert [labels[0] for labels, _ in counts.snapshot()[REQUEST_DURATION.name]] == ["other"]


def test_readings_are_told_with_their_labels() -> None:
    text = expose([], [Reading(QUEUE_WAITING, 3, ("derive",)), Reading(QUEUE_WAITING, 0, ("sidecar",))])
    assert b'afterglow_queue_waiting{step="derive"} 3.0' in text
    assert b'afterglow_queue_waiting{step="sidecar"} 0.0' in text


def test_a_label_may_hold_anything() -> None:
    reading = Reading(QUEUE_WAITING, 1, ('a "quoted"\nname \\',))
    (family,) = [
        known
        for known in text_string_to_metric_families(expose([], [reading]).decode())
        if known.name == "afterglow_queue_waiting"
    ]
    assert family.samples[0].labels == {"step": 'a "quoted"\nname \\'}


def test_names_are_as_prometheus_wants_them() -> None:
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)
    for metric in CATALOGUE:
        assert metric.name.startswith("afterglow_")
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
        assert list(metric.buckets) == sorted(metric.buckets)
        assert cell_size(metric) == (len(metric.buckets) + 2 if metric.buckets else 1)
        assert "\n" not in metric.meaning
