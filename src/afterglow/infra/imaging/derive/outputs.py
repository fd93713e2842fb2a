"""Writing derivatives: whole or not at all, and nothing left behind by a run that was killed."""

from pathlib import Path
from typing import Final

import numpy as np
import pyjpegli
import pyvips

from afterglow.infra.imaging.derive.pixels import Pixels, size_of
from afterglow.infra.imaging.errors import OutputUnwritableError
from afterglow.infra.imaging.leftovers import remove_leftovers, temporary_for
from afterglow.infra.imaging.port import Derivative

PREVIEW_QUALITY: Final = 85
THUMBNAIL_QUALITY: Final = 80

_PNG_EFFORT: Final = 9  # of zlib
_PNG_MAYBE_SMALLER: Final = 2
"""A lossless source up to this many times the size of the JPEG preview may be smaller as PNG: worth a try."""


def encode_jpeg(pixels: Pixels, quality: int) -> bytes:
    """Return a baseline JPEG without metadata."""
    width, height = size_of(pixels)
    return bytes(pyjpegli.encode(np.ascontiguousarray(pixels), width, height, quality))


def encode_png(pixels: Pixels) -> bytes:
    """Return a PNG without metadata."""
    image = pyvips.Image.new_from_array(pixels, interpretation="srgb")
    return bytes(image.pngsave_buffer(compression=_PNG_EFFORT, filter="none", keep="none"))


def write_thumbnail(folder: Path, name: str, pixels: Pixels) -> Derivative:
    """Write one thumbnail.

    Raises:
        OutputUnwritableError: The disk does not take it.
    """
    return _write(folder, name, "jpg", pixels, encode_jpeg(pixels, THUMBNAIL_QUALITY))


def write_preview(folder: Path, pixels: Pixels, *, lossless_bytes: int | None) -> Derivative:
    """Write the preview: JPEG, or PNG where that is smaller.

    Args:
        folder: Where to.
        pixels: The preview.
        lossless_bytes: Size of a lossless original shown pixel by pixel; None for any other.

    Raises:
        OutputUnwritableError: The disk does not take it.
    """
    jpeg = encode_jpeg(pixels, PREVIEW_QUALITY)
    if lossless_bytes is not None and lossless_bytes <= _PNG_MAYBE_SMALLER * len(jpeg):
        png = encode_png(pixels)
        if len(png) < len(jpeg):
            return _write(folder, "preview", "png", pixels, png)
    return _write(folder, "preview", "jpg", pixels, jpeg)


def prepare(folder: Path) -> None:
    """Make the folder, and remove what killed runs left in it.

    Raises:
        OutputUnwritableError: The disk does not take it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)
    except OSError as error:
        raise OutputUnwritableError(f"derivatives cannot be written: {error.strerror}") from error


def _write(folder: Path, name: str, extension: str, pixels: Pixels, encoded: bytes) -> Derivative:
    path = folder / f"{name}.{extension}"
    try:
        try:
            _replace(path, encoded)
        except FileNotFoundError:
            # Another run took our file for a leftover in the moment before it was locked, or removed the folder.
            folder.mkdir(parents=True, exist_ok=True)
            _replace(path, encoded)
        # An earlier version of the algorithm may have chosen the other format.
        for other in {"jpg", "png"} - {extension}:
            path.with_suffix(f".{other}").unlink(missing_ok=True)
    except OSError as error:
        raise OutputUnwritableError(f"derivatives cannot be written: {error.strerror}") from error
    width, height = size_of(pixels)
    return Derivative(name, path, "image/png" if extension == "png" else "image/jpeg", width, height, len(encoded))


def _replace(path: Path, encoded: bytes) -> None:
    """Put a file in place at once; not flushed to disk: derivatives are disposable."""
    with temporary_for(path) as (temporary, file):
        file.write(encoded)
        file.flush()
        temporary.replace(path)
