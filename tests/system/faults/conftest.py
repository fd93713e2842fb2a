"""A node without a supervisor, for faults at points of the code."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.node.bare import BareNode, HttpProcess
from factories.node.client import Acknowledged, PhotoFile, photo_files
from factories.node.data import copy_data, open_folder


@pytest.fixture(scope="module")
def bare_node(made_data: Path) -> Iterator[BareNode]:
    """A database that lasts for the module; the tests start http and worker processes on it."""
    with open_folder() as folder:
        copy_data(made_data, folder / "data")
        with BareNode(folder / "data") as node:
            yield node


@pytest.fixture(scope="module")
def sound_http(bare_node: BareNode) -> Iterator[HttpProcess]:
    """An http process without a fault, which serves beside those that die."""
    with bare_node.http() as http:
        bare_node.client(http.url).http.close()  # claims the server
        yield http


@pytest.fixture(scope="module")
def files() -> Iterator[PhotoFile]:
    """Files that nobody has uploaded yet."""
    return (photo_files(1, number)[0] for number in itertools.count())


@pytest.fixture
def file(files: Iterator[PhotoFile]) -> PhotoFile:
    """A file that nobody has uploaded yet."""
    return next(files)


@pytest.fixture(scope="module")
def acknowledged() -> list[Acknowledged]:
    """What the module's node has acknowledged so far."""
    return []
