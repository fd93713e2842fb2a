"""Loading everything that a decode loads, before the files that it is loaded from are out of reach."""

import contextlib
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from afterglow.infra.imaging.derive.outputs import encode_jpeg
from afterglow.infra.imaging.derive.pipeline import Deriver
from afterglow.infra.imaging.port import DeriveRequest

_EDGE_PX: Final = 16
_QUALITY: Final = 80


def warm_deriver() -> Deriver:
    """Return a deriver that has made derivatives of a harmless picture.

    Python's libraries put off loading parts of themselves until these are used first. The picture is a JPEG, which
    libvips has no part in: that loads nothing later, but would start its threads. Where no temporary file can be
    written, the deriver stays cold: then its first picture loads what is missing, if it may.
    """
    deriver = Deriver()
    ramp = np.arange(_EDGE_PX**2 * 3, dtype=np.uint8).reshape(_EDGE_PX, _EDGE_PX, 3)
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(prefix="afterglow-decoder-") as folder:
        source = Path(folder) / "source"
        source.write_bytes(encode_jpeg(ramp, _QUALITY))
        deriver.derive(DeriveRequest(source, "image/jpeg", Path(folder), _EDGE_PX**2))
    return deriver
