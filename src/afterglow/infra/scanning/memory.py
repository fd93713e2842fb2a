"""A scanner in memory, for tests."""

import asyncio
from pathlib import Path

from afterglow.infra.scanning.port import ScannerAwayError


class MemoryScanner:
    """Finds what it is told to find; can be away."""

    def __init__(self, signatures: dict[bytes, str]) -> None:
        """Take what is to be found: the name of each sequence of bytes."""
        self.signatures = signatures
        self.is_away = False
        self.scanned = 0

    @property
    def is_on(self) -> bool:
        """Return that it is."""
        return True

    async def find_malware(self, path: Path) -> str | None:
        """Look through the file; see the port."""
        if self.is_away:
            raise ScannerAwayError
        content = await asyncio.to_thread(path.read_bytes)
        self.scanned += 1
        return next((name for pattern, name in self.signatures.items() if pattern in content), None)

    async def describe(self) -> str:
        """Return what it is; see the port."""
        if self.is_away:
            raise ScannerAwayError
        return "memory"
