"""The fast way: plain JPEG, decoded once, at the smallest DCT scale that is large enough."""

import math
import mmap
import os
from pathlib import Path
from typing import Final

import numpy as np
import simplejpeg

from afterglow.infra.imaging.derive import vips
from afterglow.infra.imaging.derive.geometry import Size, dct_divisor, working_size
from afterglow.infra.imaging.derive.icc import is_srgb
from afterglow.infra.imaging.derive.pixels import Decoded, Pixels, shrink
from afterglow.infra.imaging.metadata.containers import Parts
from afterglow.kernel.units import GIB, MIB

MAX_ENCODED_BYTES: Final = GIB // 2
"""Longest beginning of a file that is mapped: what follows a picture (a motion photo's film) is not needed."""

_READ_BYTES: Final = 16 * MIB
"""Shorter ones are read: faster than a page fault for every few pages, and no size to speak of."""

_HUFFMAN_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive: T.81, table B.1
_PLAIN_COMPONENTS: Final = 3
_PLAIN_BITS: Final = 8
_REUSED_BYTES: Final = 2304 * 2304 * 3
_BLOCK_MARGIN_PX: Final = 8

# Old cameras pad with bytes that decoders skip; the picture is whole.
_HARMLESS: Final = "extraneous bytes before marker"


class JpegDecoder:
    """Decodes plain JPEG into memory that it uses again: fresh pages for every photo cost more than resizing it."""

    def __init__(self) -> None:
        self._reused = bytearray(_REUSED_BYTES)

    def decode(self, path: Path, parts: Parts, original: Size) -> Decoded | None:
        """Return a picture in sRGB, or None when it is not plain and has to go the general way.

        The pixels are valid until the next call.

        Raises:
            MemoryError: The limit does not allow it.
        """
        frame = parts.frame
        if frame is None or (frame.precision_bits, frame.components) != (_PLAIN_BITS, _PLAIN_COMPONENTS):
            return None
        if frame.marker not in _HUFFMAN_FRAMES:
            return None
        with path.open("rb") as file:
            length = min(os.fstat(file.fileno()).st_size, MAX_ENCODED_BYTES)
            if length <= _READ_BYTES:
                decoded = self._decode(file.read(length), original)
            else:
                with mmap.mmap(file.fileno(), length, prot=mmap.PROT_READ) as encoded:
                    decoded = self._decode(encoded, original)
        if decoded is None:
            return None
        pixels = shrink(decoded.pixels, working_size(original))
        if parts.profile and not is_srgb(parts.profile):
            pixels = vips.convert_to_srgb(pixels, parts.profile)
        return decoded._replace(pixels=pixels)

    def _decode(self, encoded: bytes | mmap.mmap, original: Size) -> Decoded | None:
        try:
            height, width, colourspace, _ = simplejpeg.decode_jpeg_header(encoded, strict=False)
        except (ValueError, KeyError):  # KeyError: a colour space or subsampling that it has no name for
            return None
        if colourspace != "YCbCr" or Size(width, height) != original:
            return None
        try:
            try:
                return Decoded(self._pixels(encoded, original, strict=True), original, damaged=None)
            except ValueError as error:
                damaged = str(error)[: vips.MAX_MESSAGE_CHARS]
            pixels = self._pixels(encoded, original, strict=False)
        except ValueError as error:
            _raise_if_out_of_memory(error)
            return None
        return Decoded(pixels, original, None if _HARMLESS in damaged else damaged)

    def _pixels(self, encoded: bytes | mmap.mmap, original: Size, *, strict: bool) -> Pixels:
        divisor = dct_divisor(original)
        height, width = math.ceil(original.height / divisor), math.ceil(original.width / divisor)
        fits = (height + _BLOCK_MARGIN_PX) * (width + _BLOCK_MARGIN_PX) * _PLAIN_COMPONENTS <= _REUSED_BYTES
        pixels = simplejpeg.decode_jpeg(
            encoded,
            "RGB",
            min_factor=divisor,
            # Both are needed: without them the decoder takes its smallest scale whatever the factor.
            min_height=height,
            min_width=width,
            buffer=self._reused if fits else None,
            strict=strict,
        )
        return np.asarray(pixels, dtype=np.uint8)


def _raise_if_out_of_memory(error: ValueError) -> None:
    if "memory" in str(error).lower():
        raise MemoryError(str(error)) from error
