"""libvips, on a short lead: only the loaders of formats that are taken, nothing cached, one thread.

Each format is opened by its own loader, never by sniffing, and from a descriptor, never by a name: names can carry
options, and would be told in error messages. Pixels are read in order, so that even large files need only a few lines
of memory.
"""

from pathlib import Path
from typing import Final

import numpy as np
import pyvips

from afterglow.infra.imaging.derive.geometry import Size, require_pixels_within, working_size
from afterglow.infra.imaging.derive.icc import is_srgb
from afterglow.infra.imaging.derive.pixels import Decoded, Pixels

WEBP_SCALE_ABOVE_PIXELS: Final = 16_000_000
MAX_MESSAGE_CHARS: Final = 200
SRGB_BANDS: Final = 3

_LOADERS: Final = ("Jpeg", "Png", "Webp", "Nsgif", "Tiff")
_PROFILE: Final = "icc-profile-data"
_WHITE: Final = 255


def set_up() -> None:
    """Close everything in libvips that is not needed."""
    pyvips.cache_set_max(0)
    pyvips.block_untrusted_set(True)
    pyvips.operation_block_set("VipsForeignLoad", True)
    for loader in _LOADERS:
        pyvips.operation_block_set(f"VipsForeignLoad{loader}", False)


def decode(path: Path, mime: str, declared: Size | None, max_pixels: int) -> Decoded:
    """Return a picture at working size, in sRGB, without alpha.

    Args:
        path: The file.
        mime: One of `sniff.DERIVABLE`.
        declared: Stored size of the picture; None when only libvips can tell.
        max_pixels: Most pixels it may have by libvips' reading of the file, which may differ from ours.

    Raises:
        TooManyPixelsError: It has more than `max_pixels`.
        pyvips.Error: It cannot be decoded at all.
    """
    try:
        return _decode(path, mime, declared, max_pixels, fail_on="error")
    except pyvips.Error as error:
        if is_out_of_memory(error):
            raise
        damaged = describe(error)
    return _decode(path, mime, declared, max_pixels, fail_on="none")._replace(damaged=damaged)


def convert_to_srgb(pixels: Pixels, profile: bytes) -> Pixels:
    """Return pixels converted from a profile's space; unchanged when the profile is of no use."""
    image = pyvips.Image.new_from_array(pixels, interpretation="srgb").copy()
    image.set_type(pyvips.GValue.blob_type, _PROFILE, profile)
    return _in_srgb(image)


def describe(error: pyvips.Error) -> str:
    """Return what libvips says was wrong, on one short line."""
    lines = [line.strip() for line in str(error.detail).splitlines() if line.strip()]
    return (lines[0] if lines else "the pixels cannot be decoded")[:MAX_MESSAGE_CHARS]


def is_out_of_memory(error: pyvips.Error) -> bool:
    """Whether it is the limit that failed, not the file."""
    return "memory" in str(error.detail).replace("write to memory", "").lower()


def _decode(path: Path, mime: str, declared: Size | None, max_pixels: int, *, fail_on: str) -> Decoded:
    pyvips.vips_lib.vips_error_clear()  # what was ignored of the file before would be told of this one
    divisor = _LOAD_DIVISORS[mime](declared) if declared and mime in _LOAD_DIVISORS else 1.0
    with path.open("rb") as file:
        image = _open(file.fileno(), mime, divisor, fail_on)  # libvips keeps a duplicate
    original = declared if declared and divisor > 1 else Size(image.width, image.height)
    require_pixels_within(original, max_pixels)
    if image.interpretation == "multiband" and image.bands > SRGB_BANDS:
        image = image.extract_band(0, n=SRGB_BANDS).copy(interpretation="srgb")
    # The built-in profile is for CMYK without its own; RGB is converted below, when it is small.
    colour = {"input_profile": "cmyk"} if image.interpretation == "cmyk" else {}
    target = working_size(original)
    image = image.thumbnail_image(target.width, height=target.height, size="down", no_rotate=True, **colour)
    if image.hasalpha():
        image = image.flatten(background=_WHITE)
    return Decoded(_in_srgb(image.copy_memory()), original, damaged=None)


def _open(descriptor: int, mime: str, divisor: float, fail_on: str) -> pyvips.Image:
    """Open the first page of a file by the loader of its type, to be read in order."""
    source = pyvips.Source.new_from_descriptor(descriptor)
    options: dict[str, object] = {"fail_on": fail_on, "access": "sequential"}
    match mime:
        case "image/jpeg":
            return pyvips.Image.jpegload_source(source, shrink=int(divisor), **options)
        case "image/png":
            return pyvips.Image.pngload_source(source, **options)
        case "image/webp":
            return pyvips.Image.webpload_source(source, scale=1 / divisor, **options)
        case "image/gif":
            return pyvips.Image.gifload_source(source, **options)
        case _:
            return pyvips.Image.tiffload_source(source, **options)


def _jpeg_divisor(declared: Size) -> float:
    target = working_size(declared)
    most = min(declared.width // target.width, declared.height // target.height)
    return next((divisor for divisor in (8.0, 4.0, 2.0) if divisor <= most), 1.0)


def _webp_divisor(declared: Size) -> float:
    """Large ones are scaled by the decoder, which otherwise holds the whole picture."""
    if declared.width * declared.height <= WEBP_SCALE_ABOVE_PIXELS:
        return 1.0
    return declared.long_px / working_size(declared).long_px


_LOAD_DIVISORS: Final = {"image/jpeg": _jpeg_divisor, "image/webp": _webp_divisor}


def _in_srgb(image: pyvips.Image) -> Pixels:
    """Return the pixels of an image in memory, converted by its profile where it has one that fits."""
    if image.get_typeof(_PROFILE) and not is_srgb(image.get(_PROFILE)):
        try:
            return _to_pixels(image.icc_transform("srgb", embedded=True, intent="relative", depth=8))
        except pyvips.Error:
            pass  # a profile of another space, or a damaged one: the colours are shown as they are
    return _to_pixels(image)


def _to_pixels(image: pyvips.Image) -> Pixels:
    if image.interpretation != "srgb" or image.bands != SRGB_BANDS:
        image = image.colourspace("srgb")
    if image.bands > SRGB_BANDS:
        image = image.extract_band(0, n=SRGB_BANDS)
    return np.asarray(image.cast("uchar").numpy(), dtype=np.uint8)
