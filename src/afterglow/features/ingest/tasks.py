"""Jobs of ingest: the metadata step, and the sweep."""

from afterglow.features.ingest import service
from afterglow.features.ingest.service import IngestPorts
from afterglow.features.pipeline.service import Completion
from afterglow.features.steps.models import Run


class ReadMetadata:
    """The `metadata` step, when ingest's own reading is overtaken by a newer version."""

    def __init__(self, ports: IngestPorts) -> None:
        self._ports = ports

    async def __call__(self, run: Run) -> Completion:
        """Run the step for one photo."""
        return await service.refresh_metadata(self._ports, run)


class SweepOriginals:
    """Removes originals without a row: what a crash between `put` and commit leaves."""

    def __init__(self, ports: IngestPorts) -> None:
        self._ports = ports

    async def __call__(self) -> None:
        """Sweep once; walks the whole store."""
        await service.sweep_originals(self._ports)
