import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.infra.imaging.derive.geometry import (
    PREVIEW_GOOD_PX,
    PREVIEW_PX,
    RATIO_WIDTH_PX,
    SQUARES_PX,
    Size,
    dct_divisor,
    ratio_size,
    require_pixels_within,
    working_size,
)
from afterglow.infra.imaging.errors import TooManyPixelsError

sizes = st.builds(Size, st.integers(1, 65_500), st.integers(1, 65_500))


@given(sizes)
def test_the_working_size_is_large_enough_for_everything_and_never_enlarged(size: Size) -> None:
    working = working_size(size)
    assert working.width <= size.width
    assert working.height <= size.height
    assert working.short_px >= min(size.short_px, SQUARES_PX[0])
    assert working.long_px >= min(size.long_px, PREVIEW_PX)
    assert working.long_px <= max(PREVIEW_PX, SQUARES_PX[0] * size.long_px / size.short_px + 1)


@given(sizes)
def test_a_scaled_decode_is_large_enough(size: Size) -> None:
    divisor = dct_divisor(size)
    assert size.short_px / divisor >= min(size.short_px, SQUARES_PX[0])
    assert size.long_px / divisor >= min(size.long_px, PREVIEW_GOOD_PX)


@given(sizes)
def test_the_thumbnail_that_keeps_the_ratio(size: Size) -> None:
    ratio = ratio_size(size)
    assert 1 <= ratio.width <= min(size.width, RATIO_WIDTH_PX)
    assert 1 <= ratio.height <= min(size.height, PREVIEW_PX)
    if size.width >= RATIO_WIDTH_PX and size.height <= 5 * size.width:
        assert ratio.width == RATIO_WIDTH_PX


@pytest.mark.parametrize(
    ("size", "divisor"),
    [((4000, 3000), 2), ((4032, 3024), 2), ((8064, 6048), 4), ((3000, 2000), 1), ((20_000, 600), 1)],
)
def test_scale_of_common_sizes(size: tuple[int, int], divisor: float) -> None:
    assert dct_divisor(Size(*size)) == divisor


@pytest.mark.req("ING-5")
def test_the_limit_itself_is_allowed() -> None:
    require_pixels_within(Size(100, 10), 1000)
    with pytest.raises(TooManyPixelsError) as refusal:
        require_pixels_within(Size(1001, 1), 1000)
    assert refusal.value.fields == {"pixels": 1001, "max_pixels": 1000}
