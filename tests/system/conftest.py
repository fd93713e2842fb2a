"""Nodes for the tests of the whole product."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.register_assert_rewrite("factories.node")

from factories.node.data import copy_data, make_data, open_folder  # noqa: E402 (asserts in it explain themselves)
from factories.node.running import NOTHING, RunningNode  # noqa: E402

OpenNode = Callable[..., RunningNode]


@pytest.fixture(scope="session")
def made_data() -> Iterator[Path]:
    """A data folder at rest, as the first start leaves it; to be copied."""
    with open_folder() as folder:
        make_data(folder / "data")
        yield folder / "data"


@pytest.fixture
def new_folder() -> Iterator[Path]:
    """A folder that is removed after the nodes in it have ended."""
    with open_folder() as folder:
        yield folder


@pytest.fixture
def data_dir(made_data: Path, new_folder: Path) -> Path:
    """A data folder of a node that nobody has claimed yet."""
    copy_data(made_data, new_folder / "data")
    return new_folder / "data"


@pytest.fixture
def open_node(new_folder: Path) -> Iterator[OpenNode]:
    """Name nodes that are ended with the test."""
    with ExitStack() as nodes:

        def open_one(data_dir: Path, env: Mapping[str, str] = NOTHING) -> RunningNode:
            node = RunningNode(data_dir, env)
            nodes.callback(node.close)
            return node

        yield open_one


@pytest.fixture
def node(open_node: OpenNode, data_dir: Path) -> RunningNode:
    """A node that runs, its supervisor and all."""
    opened = open_node(data_dir)
    opened.start()
    return opened
