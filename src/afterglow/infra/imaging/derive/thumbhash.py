"""Placeholders: a picture in about 25 bytes, shown while the thumbnail loads.

References:
    Evan Wallace, "ThumbHash: A very compact representation of a placeholder for an image" (2023),
    evanw.github.io/thumbhash; the opaque form only.
"""

from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_EDGE_PX: Final = 100
_LUMINANCE_TERMS: Final = 7
_CHROMA_TERMS: Final = 3


class _Channel(NamedTuple):
    """Average, spread and normalised DCT coefficients (0-1) of one channel."""

    average: float
    spread: float
    coefficients: list[float]


def thumbhash(pixels: NDArray[np.uint8]) -> bytes:
    """Return the placeholder of an opaque picture.

    Args:
        pixels: sRGB, `(height, width, 3)`, each edge at most `MAX_EDGE_PX`.
    """
    height, width = pixels.shape[:2]
    red, green, blue = np.moveaxis(pixels.astype(np.float64) / 255, 2, 0)
    terms_x = max(1, round(_LUMINANCE_TERMS * width / max(width, height)))
    terms_y = max(1, round(_LUMINANCE_TERMS * height / max(width, height)))
    channels = (
        _encode((red + green + blue) / 3, max(3, terms_x), max(3, terms_y)),
        _encode((red + green) / 2 - blue, _CHROMA_TERMS, _CHROMA_TERMS),
        _encode(red - green, _CHROMA_TERMS, _CHROMA_TERMS),
    )
    landscape = width > height
    header = _header(channels, terms_y if landscape else terms_x, landscape=landscape)
    return header + _pack([coefficient for channel in channels for coefficient in channel.coefficients])


def _encode(channel: NDArray[np.float64], terms_x: int, terms_y: int) -> _Channel:
    """Return the low frequencies of a channel: a triangle of `terms_x` by `terms_y` DCT coefficients."""
    height, width = channel.shape
    spectrum = _cosines(height, terms_y) @ channel @ _cosines(width, terms_x).T / (width * height)
    varying = [
        float(spectrum[y, x])
        for y in range(terms_y)
        for x in range(terms_x)
        if (x or y) and x * terms_y < terms_x * (terms_y - y)
    ]
    spread = max(map(abs, varying))
    normalised = [0.5 + 0.5 / spread * value for value in varying] if spread else varying
    return _Channel(float(spectrum[0, 0]), spread, normalised)


@cache  # of at most MAX_EDGE_PX lengths and a few terms
def _cosines(length: int, terms: int) -> NDArray[np.float64]:
    return np.cos(np.pi / length * np.outer(np.arange(terms), np.arange(length) + 0.5))


def _header(channels: tuple[_Channel, _Channel, _Channel], terms: int, *, landscape: bool) -> bytes:
    luminance, yellow_blue, red_green = channels
    first = (
        _level(63 * luminance.average)
        | _level(31.5 + 31.5 * yellow_blue.average) << 6
        | _level(31.5 + 31.5 * red_green.average) << 12
        | _level(31 * luminance.spread) << 18
    )
    second = terms | _level(63 * yellow_blue.spread) << 3 | _level(63 * red_green.spread) << 9 | landscape << 15
    return first.to_bytes(3, "little") + second.to_bytes(2, "little")


def _pack(coefficients: list[float]) -> bytes:
    """Four bits each, the low half of a byte first."""
    levels = [_level(15 * coefficient) for coefficient in coefficients]
    levels.append(0)
    return bytes(low | high << 4 for low, high in zip(levels[::2], levels[1::2], strict=False))


def _level(value: float) -> int:
    """Round half up, as the reference (JavaScript) does."""
    return int(value + 0.5)
