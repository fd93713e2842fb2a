"""Jobs of derivatives: the derive step, and eviction."""

from afterglow.features.derivatives import service
from afterglow.features.derivatives.service import DerivePorts, EvictionPorts
from afterglow.features.pipeline.service import Completion, RunPhotos
from afterglow.features.steps.models import Run


class Derive:
    """The `derive` step: preview, thumbnails, placeholder and perceptual hash from one decode."""

    def __init__(self, ports: DerivePorts) -> None:
        self._ports = ports
        self._photos = RunPhotos(ports.database)

    async def __call__(self, run: Run) -> Completion:
        """Run the step for one photo."""
        return await service.derive(self._ports, run, await self._photos.get(run))


class EvictDerivatives:
    """Keeps the cache within its bounds, and the disk out of need."""

    def __init__(self, ports: EvictionPorts) -> None:
        self._ports = ports

    async def __call__(self) -> None:
        """Look through the cache once, if there is reason to."""
        await service.evict(self._ports)
