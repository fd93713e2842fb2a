"""Jobs of uploads: the sweep of what nobody completed."""

from afterglow.features.uploads import service
from afterglow.features.uploads.service import UploadPorts


class SweepUploads:
    """Forgets expired upload sessions and removes parts that nobody owns."""

    def __init__(self, ports: UploadPorts) -> None:
        self._ports = ports

    async def __call__(self) -> None:
        """Sweep once."""
        await service.sweep(self._ports)
