"""An `Imaging` for tests of other parts: decodes nothing, and always gives the same."""

import asyncio
from pathlib import Path
from typing import Final

from afterglow.infra.imaging.errors import SourceUnreadableError, UnsupportedFormatError
from afterglow.infra.imaging.metadata import Metadata
from afterglow.infra.imaging.port import Derivative, DeriveRequest, DeriveResult
from afterglow.infra.imaging.sniff import DERIVABLE
from afterglow.kernel.errors import AfterglowError

WIDTH: Final = 4000
HEIGHT: Final = 3000
SIZES: Final = {"preview": (2000, 1500), "400": (400, 300), **{str(edge): (edge, edge) for edge in (512, 256, 128, 64)}}
PLACEHOLDER: Final = bytes.fromhex("1fd7050d82b44788777f88877777777777")
PERCEPTUAL_HASH: Final = bytes.fromhex("0123456789abcdef")


class FakeImaging:
    """Gives every picture the same size, the same metadata and files that hold only their name.

    Attributes:
        metadata: What every file says about itself.
        error: What `derive` raises; None to succeed.
        requests: All requests so far.
    """

    def __init__(self, metadata: Metadata | None = None) -> None:
        self.metadata = metadata or Metadata(width=WIDTH, height=HEIGHT)
        self.error: AfterglowError | None = None
        self.requests: list[DeriveRequest] = []

    async def derive(self, request: DeriveRequest) -> DeriveResult:
        """Write stand-ins for all derivatives; see `Imaging.derive`."""
        self.requests.append(request)
        if self.error:
            raise self.error
        if request.mime not in DERIVABLE:
            raise UnsupportedFormatError(mime=request.mime)
        return DeriveResult(
            width=WIDTH,
            height=HEIGHT,
            derivatives=await asyncio.to_thread(_write_all, request),
            placeholder=PLACEHOLDER,
            perceptual_hash=PERCEPTUAL_HASH,
            damaged=None,
        )

    async def read_metadata(self, source: Path) -> Metadata:
        """Return the metadata that every file has; see `Imaging.read_metadata`."""
        if not await asyncio.to_thread(source.exists):
            raise SourceUnreadableError
        return self.metadata

    async def close(self) -> None:
        """Do nothing."""


def _write_all(request: DeriveRequest) -> tuple[Derivative, ...]:
    if not request.source.exists():
        raise SourceUnreadableError
    request.output_dir.mkdir(parents=True, exist_ok=True)
    written = []
    for name, (width, height) in SIZES.items():
        path = request.output_dir / f"{name}.jpg"
        size_bytes = path.write_bytes(name.encode())
        written.append(Derivative(name, path, "image/jpeg", width, height, size_bytes))
    return tuple(written)
