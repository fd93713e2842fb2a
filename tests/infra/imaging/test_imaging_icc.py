import pytest
import pyvips
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageCms

from afterglow.infra.imaging.derive.icc import is_srgb

SRGB = bytes(pyvips.Image.profile_load("srgb"))
DISPLAY_P3 = bytes(pyvips.Image.profile_load("p3"))


def test_srgb_is_known_by_its_numbers() -> None:
    assert is_srgb(SRGB)
    assert is_srgb(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


@pytest.mark.parametrize("name", ["p3", "cmyk"])
def test_other_spaces_are_not(name: str) -> None:
    assert not is_srgb(bytes(pyvips.Image.profile_load(name)))


def test_a_name_does_not_make_it_srgb() -> None:
    assert not is_srgb(DISPLAY_P3.replace("Display P3".encode("utf-16-be"), "sRGB built".encode("utf-16-be")))


@given(st.integers(0, len(SRGB)), st.binary(max_size=40))
def test_broken_profiles_are_answered(cut: int, noise: bytes) -> None:
    assert is_srgb(SRGB[:cut] + noise) in (True, False)
    assert not is_srgb(noise)
