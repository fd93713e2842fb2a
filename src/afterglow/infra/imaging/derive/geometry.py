"""How large things become: pure arithmetic of sizes."""

from typing import Final, NamedTuple

from afterglow.infra.imaging.errors import TooManyPixelsError

PREVIEW_PX: Final = 2000
PREVIEW_GOOD_PX: Final = 1900
"""A decode at a DCT scale that gives this much is not repeated at the next scale, which costs twice as much."""
SQUARES_PX: Final = (512, 256, 128, 64)
RATIO_WIDTH_PX: Final = 400
PLACEHOLDER_PX: Final = 100

DCT_SCALES: Final = (8.0, 4.0, 8 / 3, 2.0)
"""Divisors that a JPEG decoder applies for almost nothing, in the inverse DCT."""


class Size(NamedTuple):
    """Width and height [px]."""

    width: int
    height: int

    @property
    def long_px(self) -> int:
        """The long edge."""
        return max(self)

    @property
    def short_px(self) -> int:
        """The short edge."""
        return min(self)

    def scaled(self, factor: float) -> "Size":
        """Return this size times a factor, never below one pixel."""
        return Size(max(1, round(self.width * factor)), max(1, round(self.height * factor)))

    def within(self, width: int, height: int) -> "Size":
        """Return the largest size of the same ratio inside a box; never larger than it is."""
        return self.scaled(min(1.0, width / self.width, height / self.height))


def require_pixels_within(size: Size, max_pixels: int) -> None:
    """Do nothing if a picture of this size may be decoded.

    Raises:
        TooManyPixelsError: It is too large.
    """
    pixels = size.width * size.height
    if pixels > max_pixels:
        raise TooManyPixelsError(pixels=pixels, max_pixels=max_pixels)


def working_size(original: Size) -> Size:
    """Return the size that all derivatives are made from.

    Usually that of the preview; a panorama keeps enough height for its squares, which show only its middle.
    """
    enough = max(PREVIEW_PX / original.long_px, SQUARES_PX[0] / original.short_px)
    return original.scaled(min(1.0, enough))


def dct_divisor(original: Size) -> float:
    """Return the largest divisor at which a JPEG may be decoded and still is large enough for all derivatives."""
    for divisor in DCT_SCALES:
        if original.long_px / divisor >= PREVIEW_GOOD_PX and original.short_px / divisor >= SQUARES_PX[0]:
            return divisor
    return 1.0


def ratio_size(upright: Size) -> Size:
    """Return the size of the thumbnail that keeps the ratio: 400 px wide, and no taller than a preview may be."""
    return upright.within(RATIO_WIDTH_PX, PREVIEW_PX)
