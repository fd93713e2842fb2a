"""Small operations on pictures in memory: `(height, width, 3)`, sRGB, eight bits."""

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from afterglow.infra.imaging.derive.geometry import Size

Pixels = NDArray[np.uint8]


class Decoded(NamedTuple):
    """What a decoder gave.

    Attributes:
        pixels: The picture as stored, at working size, in sRGB.
        original: Its stored size.
        damaged: What was wrong with the file; None: nothing.
    """

    pixels: Pixels
    original: Size
    damaged: str | None


_FILLERS: Final = tuple([level] * 3 for level in (0, 127, 128, 255))
LINEAR_ABOVE: Final = 0.6
"""Down to this factor bilinear sampling sees every pixel; below, areas are averaged, which costs five times as much."""


def size_of(pixels: Pixels) -> Size:
    """Return the size of a picture."""
    height, width = pixels.shape[:2]
    return Size(width, height)


def shrink(pixels: Pixels, size: Size) -> Pixels:
    """Return the picture at a size that is not larger; the picture itself when it has that size."""
    own = size_of(pixels)
    if own == size:
        return pixels
    if own.width // 2 >= size.width and own.height // 2 >= size.height:
        # Exact averages of four pixels, as often as they fit: a fifth of the price of averaging areas at once.
        half = Size(own.width // 2, own.height // 2)
        halved = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return shrink(halved, size)
    factor = min(size.width / own.width, size.height / own.height)
    method = cv2.INTER_LINEAR if factor > LINEAR_ABOVE else cv2.INTER_AREA
    return np.asarray(cv2.resize(pixels, size, interpolation=method), dtype=np.uint8)


def halve(pixels: Pixels, at_least_px: int) -> Pixels:
    """Return the picture at half its size, the cheapest exact average, as long as its short edge stays large enough."""
    width, height = size_of(pixels)
    if min(width, height) // 2 < at_least_px:
        return pixels
    return shrink(pixels, Size(width // 2, height // 2))


def centre_square(pixels: Pixels) -> Pixels:
    """Return the largest square in the middle."""
    width, height = size_of(pixels)
    edge = min(width, height)
    top, left = (height - edge) // 2, (width - edge) // 2
    return pixels[top : top + edge, left : left + edge]


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return the picture as it is to be seen.

    References:
        TIFF 6.0, tag 274 (Orientation): where row 0 and column 0 lie.
    """
    match orientation:
        case 2:
            turned = cv2.flip(pixels, 1)
        case 3:
            turned = cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            turned = cv2.flip(pixels, 0)
        case 5:
            turned = cv2.transpose(pixels)
        case 6:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            turned = cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180)
        case 8:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
        case _:
            return pixels
    return np.asarray(turned, dtype=np.uint8)


def is_blank(pixels: Pixels) -> bool:
    """Whether all pixels are what decoders leave where they found none: black, middle grey or white."""
    first = pixels[0, 0].tolist()
    return first in _FILLERS and bool((pixels == pixels[0, 0]).all())


def luminance(pixels: Pixels, edge_px: int) -> Pixels:
    """Return the brightness of the whole picture, squeezed into a square."""
    squeezed = cv2.resize(pixels, (edge_px, edge_px), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(squeezed, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
