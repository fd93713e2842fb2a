import io

import numpy as np
import pytest
from imaging_pictures import jpeg, scene
from PIL import Image, ImageEnhance

from afterglow.infra.imaging.derive.perceptual import EDGE_PX, HASH_BYTES, perceptual_hash
from afterglow.infra.imaging.derive.pixels import luminance

ALIKE = 8
DIFFERENT = 16


def hashed(picture: Image.Image) -> int:
    pixels = np.asarray(picture.convert("RGB"))
    return int.from_bytes(perceptual_hash(luminance(pixels, EDGE_PX)), "big")


def distance(one: Image.Image, other: Image.Image) -> int:
    return (hashed(one) ^ hashed(other)).bit_count()


PICTURE = scene(800, 600)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(PICTURE.resize((400, 300)), id="half size"),
        pytest.param(PICTURE.resize((90, 70)), id="tiny"),
        pytest.param(Image.open(io.BytesIO(jpeg(PICTURE, quality=20))), id="recompressed"),
        pytest.param(ImageEnhance.Brightness(PICTURE).enhance(1.2), id="brighter"),
        pytest.param(PICTURE.convert("L"), id="gray"),
    ],
)
def test_the_same_picture_stays_near(other: Image.Image) -> None:
    assert distance(PICTURE, other) <= ALIKE


@pytest.mark.parametrize("seed", range(2, 12))
def test_other_pictures_are_far(seed: int) -> None:
    assert distance(PICTURE, scene(800, 600, seed)) >= DIFFERENT


def test_a_mirrored_picture_is_another() -> None:
    assert distance(PICTURE, PICTURE.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) >= DIFFERENT


def test_eight_bytes_half_of_whose_bits_are_set() -> None:
    assert hashed(PICTURE).bit_count() == HASH_BYTES * 8 // 2


def test_a_picture_of_one_colour_hashes_to_zero() -> None:
    assert {hashed(Image.new("RGB", (50, 40), colour)) for colour in ("black", "white", "#1e28dc")} == {0}
