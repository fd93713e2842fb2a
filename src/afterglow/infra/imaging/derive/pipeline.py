"""From a file to its derivatives: check, decode once, turn upright, shrink step by step, write."""

import errno
import mmap
from pathlib import Path
from typing import Final

import cv2
import pyvips

from afterglow.infra.imaging.derive import outputs, vips
from afterglow.infra.imaging.derive.geometry import (
    PLACEHOLDER_PX,
    PREVIEW_PX,
    SQUARES_PX,
    Size,
    ratio_size,
    require_pixels_within,
)
from afterglow.infra.imaging.derive.jpeg import JpegDecoder
from afterglow.infra.imaging.derive.perceptual import EDGE_PX, perceptual_hash
from afterglow.infra.imaging.derive.pixels import (
    Decoded,
    Pixels,
    centre_square,
    halve,
    is_blank,
    luminance,
    shrink,
    size_of,
    upright,
)
from afterglow.infra.imaging.derive.thumbhash import thumbhash
from afterglow.infra.imaging.errors import (
    SourceUnreadableError,
    UndecodableError,
    UnsupportedFormatError,
)
from afterglow.infra.imaging.metadata import inspect_picture
from afterglow.infra.imaging.metadata.containers import Parts
from afterglow.infra.imaging.metadata.reader import FIRST_TRANSPOSED
from afterglow.infra.imaging.port import Derivative, DeriveRequest, DeriveResult
from afterglow.infra.imaging.sniff import DERIVABLE, SNIFF_BYTES, sniff

_DECODED_PIXEL_BYTES: Final = 4
LOSSLESS: Final = frozenset({"image/png", "image/gif"})


class Deriver:
    """Makes derivatives; one per process, not for use by several threads."""

    def __init__(self) -> None:
        vips.set_up()
        cv2.setNumThreads(1)
        self._jpeg = JpegDecoder()

    def derive(self, request: DeriveRequest) -> DeriveResult:
        """Make all derivatives of a picture; raises as `Imaging.derive` says.

        Raises:
            MemoryError: The limit does not allow it.
        """
        try:
            orientation, parts = _inspect(request)
            decoded = self._decode(request, parts)
        except OSError as error:
            if error.errno == errno.ENOMEM:
                raise MemoryError from error
            raise SourceUnreadableError(f"the original cannot be read: {error.strerror}") from error
        if decoded.damaged and is_blank(decoded.pixels):
            raise UndecodableError(decoded.damaged)
        return _make_all(request, orientation, decoded)

    def _decode(self, request: DeriveRequest, parts: Parts) -> Decoded:
        declared = _declared_size(parts, request)
        fast = self._jpeg.decode(request.source, parts, declared) if declared else None
        if fast:
            return fast
        try:
            return vips.decode(request.source, request.mime, declared, request.max_pixels)
        except pyvips.Error as error:
            if vips.is_out_of_memory(error) or (declared and not _fits_in_memory(declared)):
                raise MemoryError from error
            raise UndecodableError(vips.describe(error)) from error


def _inspect(request: DeriveRequest) -> tuple[int, Parts]:
    """Return orientation and parts, after making sure that the file is what the caller thinks."""
    if request.mime not in DERIVABLE:
        raise UnsupportedFormatError(mime=request.mime)
    with request.source.open("rb") as file:
        media_type = sniff(file.read(SNIFF_BYTES))
    if media_type is None or media_type.mime != request.mime:
        raise UndecodableError(f"the file is not {request.mime}")
    return inspect_picture(request.source)


def _declared_size(parts: Parts, request: DeriveRequest) -> Size | None:
    """Return the size that the file declares, checked before anything is decoded."""
    if parts.width and parts.height:
        size = Size(parts.width, parts.height)
        require_pixels_within(size, request.max_pixels)
        return size
    if request.mime == "image/tiff":
        return None  # BigTIFF: only libvips reads its directories
    raise UndecodableError("the file does not tell the size of its picture")


def _fits_in_memory(size: Size) -> bool:
    """Whether a whole picture can be held: some decoders report a failed allocation as a broken file."""
    try:
        mmap.mmap(-1, size.width * size.height * _DECODED_PIXEL_BYTES).close()
    except (OSError, OverflowError):
        return False
    return True


def _make_all(request: DeriveRequest, orientation: int, decoded: Decoded) -> DeriveResult:
    """Make everything from the upright picture at working size, each step from the one before."""
    folder = request.output_dir
    outputs.prepare(folder)
    base = upright(decoded.pixels, orientation)
    shown = decoded.original if orientation < FIRST_TRANSPOSED else Size(*reversed(decoded.original))
    unscaled = request.mime in LOSSLESS and size_of(base) == shown and shown.long_px <= PREVIEW_PX
    preview = outputs.write_preview(
        folder,
        shrink(base, size_of(base).within(PREVIEW_PX, PREVIEW_PX)),
        lossless_bytes=request.source.stat().st_size if unscaled else None,
    )
    half = halve(base, SQUARES_PX[0])
    ratio = shrink(half, ratio_size(size_of(base)))
    placeholder = shrink(ratio, size_of(ratio).within(PLACEHOLDER_PX, PLACEHOLDER_PX))
    return DeriveResult(
        width=shown.width,
        height=shown.height,
        derivatives=(preview, outputs.write_thumbnail(folder, "400", ratio), *_write_squares(folder, half)),
        placeholder=thumbhash(placeholder),
        perceptual_hash=perceptual_hash(luminance(ratio, EDGE_PX)),
        damaged=decoded.damaged,
    )


def _write_squares(folder: Path, half: Pixels) -> list[Derivative]:
    square = centre_square(half)
    written = []
    for edge_px in SQUARES_PX:
        square = shrink(square, size_of(square).within(edge_px, edge_px))
        written.append(outputs.write_thumbnail(folder, str(edge_px), square))
    return written
