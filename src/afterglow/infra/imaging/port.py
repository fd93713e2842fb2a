"""The port to everything that looks inside a stranger's picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from afterglow.infra.imaging.metadata import Metadata

DERIVATIVE_NAMES: Final = ("preview", "400", "512", "256", "128", "64")
"""The preview, the thumbnail that keeps the ratio, and the squares, by their width [px]."""


@dataclass(frozen=True, slots=True)
class DeriveRequest:
    """What to decode, and where to put what is made of it.

    Attributes:
        source: The original; only read.
        mime: Its type, as `sniff` found it.
        output_dir: Folder of this photo's derivatives alone; made when missing.
        max_pixels: Most pixels the picture may have.
    """

    source: Path
    mime: str
    output_dir: Path
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Derivative:
    """One picture made from an original: upright, sRGB, without any metadata.

    Attributes:
        name: One of `DERIVATIVE_NAMES`.
        path: `<output_dir>/<name>.jpg`; `.png` for the preview of a small graphic.
        mime: "image/jpeg" or "image/png".
        width: Width [px].
        height: Height [px].
        size_bytes: Size of the file.
    """

    name: str
    path: Path
    mime: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class DeriveResult:
    """What one decode gave.

    Attributes:
        width: Width of the original as shown [px].
        height: Height of the original as shown [px].
        derivatives: One for each of `DERIVATIVE_NAMES`, in that order.
        placeholder: ThumbHash, about 25 bytes.
        perceptual_hash: 8 bytes, compared by Hamming distance.
        damaged: What was wrong with a file that could be decoded only in part; None for a whole one.
    """

    width: int
    height: int
    derivatives: tuple[Derivative, ...]
    placeholder: bytes
    perceptual_hash: bytes
    damaged: str | None


class Imaging(Protocol):
    """Looks inside pictures.

    Idempotent: the same request gives the same files and the same result, also after a run that was cut short; each
    file appears whole or not at all. Requests beyond the number of decoders wait for a free one. The caller guarantees
    that no other process writes `source`.
    """

    async def derive(self, request: DeriveRequest) -> DeriveResult:
        """Make all derivatives of a picture from one decode.

        Raises:
            UnsupportedFormatError: This version does not decode the format.
            TooManyPixelsError: It has more than `max_pixels`.
            UndecodableError: It holds no picture.
            DecoderDiedError: The decoder crashed or ran out of memory.
            DecoderTimeoutError: The decoder hung.
            DecoderUnavailableError: No decoder can be started, or this port is closed.
            SourceUnreadableError: The original cannot be read.
            OutputUnwritableError: The derivatives cannot be written.
        """

    async def read_metadata(self, source: Path) -> Metadata:
        """Return what a file says about itself; of a format that is not read, nothing.

        Raises:
            DecoderDiedError: The reader crashed or ran out of memory.
            DecoderTimeoutError: The reader hung.
            DecoderUnavailableError: No reader can be started, or this port is closed.
            SourceUnreadableError: The file cannot be read.
        """

    async def close(self) -> None:
        """End all decoders at once; requests under way fail with `DecoderUnavailableError`."""
