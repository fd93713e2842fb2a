"""Jobs of ingest: the metadata step, the sweep, and the end of purges."""

import asyncio

from afterglow.features.ingest import service
from afterglow.features.ingest.service import IngestPorts, PurgePorts
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


class FinishPurges:
    """Carries out the orders of purges: removes rows, originals, derivatives and sidecars of purged photos."""

    def __init__(self, ports: PurgePorts) -> None:
        self._ports = ports
        self._lock = asyncio.Lock()

    async def __call__(self) -> None:
        """Carry out what is due; a call while another is at it waits and finds nothing left."""
        async with self._lock:
            await service.finish_purges(self._ports)
