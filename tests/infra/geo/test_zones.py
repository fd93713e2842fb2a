"""Zones by position; the expected offsets are the tz database's, looked up by name."""

from datetime import datetime

import pytest

from afterglow.infra.geo.zones import offset_minutes_at


@pytest.mark.req("ING-7")
@pytest.mark.parametrize(
    ("latitude", "longitude", "local", "minutes"),
    [
        (48.86, 2.35, datetime(2024, 1, 15, 12), 60),  # Paris, winter
        (48.86, 2.35, datetime(2024, 7, 15, 12), 120),  # Paris, summer
        (40.71, -74.01, datetime(2024, 7, 4, 21), -240),  # New York
        (27.71, 85.32, datetime(2024, 3, 1, 8), 345),  # Kathmandu
        (-33.87, 151.21, datetime(2024, 1, 1, 0), 660),  # Sydney, its summer
        (48.86, 2.35, datetime(2024, 10, 27, 2, 30), 120),  # the hour that repeats: its first pass
    ],
)
def test_clocks_on_land(latitude: float, longitude: float, local: datetime, minutes: int) -> None:
    assert offset_minutes_at(latitude, longitude, local) == minutes


@pytest.mark.req("ING-7")
def test_no_clock_at_sea() -> None:
    assert offset_minutes_at(-40.0, -120.0, datetime(2024, 1, 1, 12)) is None
