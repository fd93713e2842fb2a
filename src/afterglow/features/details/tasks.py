"""Jobs of the composed photo: the sidecar step."""

from afterglow.features.details import service
from afterglow.features.details.service import SidecarPorts
from afterglow.features.pipeline.service import Completion, RunPhotos
from afterglow.features.steps.models import Run


class WriteSidecar:
    """The `sidecar` step; many changes before it runs cost one run."""

    def __init__(self, ports: SidecarPorts) -> None:
        self._ports = ports
        self._photos = RunPhotos(ports.database)

    async def __call__(self, run: Run) -> Completion:
        """Run the step for one photo."""
        return await service.write_sidecar(self._ports, await self._photos.get(run))
