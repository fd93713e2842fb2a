"""Perceptual hash: 64 bits that stay alike when a picture is scaled, recompressed or a little changed.

References:
    C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section 3.2.1 (DCT hash).
    Here the constant term is left out for the next one of its row, so that every bit tells something.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

EDGE_PX: Final = 32
HASH_BYTES: Final = 8
_TERMS: Final = 8

_COSINES: Final = np.cos(np.pi / EDGE_PX * np.outer(np.arange(_TERMS + 1), np.arange(EDGE_PX) + 0.5))


def perceptual_hash(gray: NDArray[np.uint8]) -> bytes:
    """Return the hash of a whole picture, squeezed to `EDGE_PX` by `EDGE_PX` pixels of luminance.

    Two hashes are compared by their Hamming distance: below about 10 of 64 bits they show the same.
    """
    # Rounded, so that a picture of one colour gives zeros and not the noise of the arithmetic.
    spectrum = np.round(_COSINES @ gray.astype(np.float64) @ _COSINES.T, 3)
    terms = np.concatenate([spectrum[0, 1:], spectrum[1:_TERMS, :_TERMS].ravel()])
    # Not np.median: it loads a module when it is first called, and by then a decoder can open no file but pictures.
    median = np.sort(terms)[len(terms) // 2 - 1 : len(terms) // 2 + 1].mean()
    return np.packbits(terms > median).tobytes()
