"""Fifty photos are uploaded while one process of the node is killed, three times over."""

import pytest

from factories.node.client import NodeClient, photo_files
from factories.node.invariants import check_invariants
from factories.node.processes import Part
from factories.node.running import RunningNode
from factories.node.upload import upload_all

PHOTOS = 50
KILLED_AFTER = (5, 20, 35)


@pytest.mark.req("P-2", "P-4", "P-5", "LIFE-4", "LIFE-5")
@pytest.mark.parametrize("part", Part)
def test_no_acknowledged_photo_is_lost_and_all_are_stored_when_a_process_is_killed(
    node: RunningNode, part: Part
) -> None:
    killed: list[int] = []

    def kill() -> None:
        killed.append(node.kill(part))
        if part is Part.SUPERVISOR:
            node.spawn()

    node.client().http.close()
    acknowledged = upload_all(node.client, photo_files(PHOTOS), dict.fromkeys(KILLED_AFTER, kill))
    assert len(set(killed)) == len(KILLED_AFTER)
    assert len(acknowledged) == PHOTOS
    with NodeClient(node.url, node.token) as client:
        check_invariants(client, node.data_dir, acknowledged)
