"""The reserve that uploads leave alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.infra.storage.room import DiskUsage, disk_usage, require_room
from afterglow.kernel.errors import StorageFullError

pytestmark = pytest.mark.req("STO-5")


def fits(usage: DiskUsage, size_bytes: int, reserve_bytes: int, reserve_percent: float) -> bool:
    try:
        require_room(usage, size_bytes, reserve_bytes, reserve_percent)
    except StorageFullError:
        return False
    return True


def test_the_larger_reserve_counts() -> None:
    usage = DiskUsage(total_bytes=1000, free_bytes=100)
    assert fits(usage, 50, 50, 1)
    assert not fits(usage, 51, 50, 1)
    assert not fits(usage, 50, 0, 6)


def test_below_the_reserve_even_nothing_is_refused() -> None:
    assert not fits(DiskUsage(1000, 9), 0, 10, 0)


def test_the_refusal_says_how_much_would_fit() -> None:
    with pytest.raises(StorageFullError) as refused:
        require_room(DiskUsage(1000, 100), 200, 40, 0)
    assert refused.value.fields == {"needed": 200, "available": 60}


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 50))
def test_what_is_let_in_leaves_the_reserve(free: int, size: int, reserve: int, percent: float) -> None:
    usage = DiskUsage(10**6, free)
    if fits(usage, size, reserve, percent):
        assert free - size >= max(reserve, int(10**6 * percent / 100))


def test_a_disk_has_a_size(tmp_path) -> None:
    usage = disk_usage(tmp_path)
    assert 0 <= usage.free_bytes <= usage.total_bytes
