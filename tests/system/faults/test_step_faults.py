"""A worker dies at a fault point of a step; the next one takes the work over."""

import signal

import pytest
from fault_points import STEPS

from factories.node.bare import BareNode, HttpProcess
from factories.node.client import Acknowledged, PhotoFile
from factories.node.invariants import check_invariants, query
from factories.node.processes import PATIENCE_S

# As if the metadata had been read by an older version: ingest reads them itself, so the step has nothing to do.
MAKE_STALE = "UPDATE steps SET version = 0 WHERE step = 'metadata' AND photo_id = '{}' RETURNING photo_id"


@pytest.mark.req("P-4", "P-5", "LIFE-5")
@pytest.mark.parametrize("point", STEPS)
def test_the_step_of_a_killed_worker_is_taken_over(
    bare_node: BareNode, sound_http: HttpProcess, file: PhotoFile, acknowledged: list[Acknowledged], point: str
) -> None:
    with bare_node.client(sound_http.url) as client:
        uploaded = client.upload_plain(file)
        acknowledged.append(uploaded)
        if point.startswith("step.metadata."):
            assert query(bare_node.data_dir, MAKE_STALE.format(uploaded.photo_id))
        with bare_node.worker(point) as dying:
            assert dying.wait(PATIENCE_S) == -signal.SIGKILL
        with bare_node.worker():
            check_invariants(client, bare_node.data_dir, acknowledged)
