import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_pictures import quadrants, scene
from numpy.typing import NDArray

from afterglow.infra.imaging.derive.thumbhash import MAX_EDGE_PX, thumbhash

pytestmark = pytest.mark.req("DER-1")


def decode(placeholder: bytes) -> NDArray[np.float64]:
    """The reference decoder (thumbHashToRGBA), opaque form, after its description; at most 32 pixels long."""
    first = int.from_bytes(placeholder[:3], "little")
    second = int.from_bytes(placeholder[3:5], "little")
    landscape, terms = second >> 15, second & 7
    terms_x, terms_y = (7, terms) if landscape else (terms, 7)
    nibbles = [half for byte in placeholder[5:] for half in (byte & 15, byte >> 4)]
    ratio = terms_x / terms_y
    width, height = (32, round(32 / ratio)) if ratio > 1 else (round(32 * ratio), 32)
    luminance = channel(
        nibbles, (first & 63) / 63, (first >> 18 & 31) / 31, max(3, terms_x), max(3, terms_y), width, height
    )
    yellow_blue = channel(nibbles, (first >> 6 & 63) / 31.5 - 1, (second >> 3 & 63) / 63 * 1.25, 3, 3, width, height)
    red_green = channel(nibbles, (first >> 12 & 63) / 31.5 - 1, (second >> 9 & 63) / 63 * 1.25, 3, 3, width, height)
    blue = luminance - 2 / 3 * yellow_blue
    red = (3 * luminance - blue + red_green) / 2
    return np.clip(np.stack([red, red - red_green, blue], axis=2), 0, 1) * 255


def channel(
    nibbles: list[int], average: float, spread: float, terms_x: int, terms_y: int, width: int, height: int
) -> NDArray[np.float64]:
    pixels = np.full((height, width), average)
    for cy in range(terms_y):
        for cx in range(0 if cy else 1, terms_x):
            if cx * terms_y >= terms_x * (terms_y - cy):
                break
            level = (nibbles.pop(0) / 7.5 - 1) * spread
            wave_x = np.cos(math.pi / width * (np.arange(width) + 0.5) * cx)
            wave_y = np.cos(math.pi / height * (np.arange(height) + 0.5) * cy)
            pixels += level * 2 * np.outer(wave_y, wave_x)
    return pixels


@pytest.mark.parametrize("size", [(100, 75), (75, 100), (100, 100), (100, 30)])
def test_the_decoded_placeholder_looks_like_the_picture(size: tuple[int, int]) -> None:
    picture = quadrants(*size)
    shown = decode(thumbhash(np.asarray(picture)))
    same_size = np.asarray(picture.resize((shown.shape[1], shown.shape[0])), dtype=float)
    assert np.abs(shown.mean(axis=(0, 1)) - np.asarray(picture).mean(axis=(0, 1))).max() < 10
    assert np.corrcoef(shown.ravel(), same_size.ravel())[0, 1] > 0.75


def test_the_bytes_are_those_of_the_reference() -> None:
    # From the Python port of the reference (PyPI: thumbhash-python 1.0.1), for the same pixels. A symmetric picture
    # would not do: its levels lie half-way between two, and the last bit of a sum decides.
    expected = bytes.fromhex("df07061d848498c76997997b94f9c7a864669f870a")
    assert thumbhash(np.asarray(scene(100, 75))) == expected


@pytest.mark.parametrize(("size", "ratio"), [((100, 75), 4 / 3), ((75, 100), 3 / 4), ((64, 64), 1), ((100, 50), 2)])
def test_the_ratio_can_be_read_from_the_placeholder(size: tuple[int, int], ratio: float) -> None:
    height, width = decode(thumbhash(np.asarray(scene(*size)))).shape[:2]
    assert width / height == pytest.approx(ratio, rel=0.15)


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (220, 30, 30), (10, 90, 200)])
def test_a_picture_of_one_colour(colour: tuple[int, int, int]) -> None:
    shown = decode(thumbhash(np.full((40, 60, 3), colour, dtype=np.uint8)))
    assert np.abs(shown - colour).max() < 12


@given(st.integers(1, MAX_EDGE_PX), st.integers(1, MAX_EDGE_PX), st.integers(0, 2**32 - 1))
def test_any_size_gives_a_short_placeholder(width: int, height: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    placeholder = thumbhash(pixels)
    assert 5 < len(placeholder) <= 25
    assert thumbhash(pixels) == placeholder
