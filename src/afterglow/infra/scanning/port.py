"""The scanner port: asks about a file before it is let in.

A scanner that can't be asked lets nothing in: it raises, and the file waits or comes again.
"""

from pathlib import Path
from typing import Protocol

from afterglow.kernel.errors import TooLargeError, UnavailableError


class ScannerAwayError(UnavailableError):
    """The malware scanner does not answer; nothing is let in without it."""

    code = "scanner.away"


class TooLargeToScanError(TooLargeError):
    """The file is larger than the malware scanner takes, and nothing is let in without it."""

    code = "scanner.too-large"


class Scanner(Protocol):
    """Finds malware in files. May be asked about several at the same time."""

    @property
    def is_on(self) -> bool:
        """Return whether anything is looked for at all."""

    async def find_malware(self, path: Path) -> str | None:
        """Return the name of what was found in a file; None if that is nothing.

        Nothing is kept of the file, and it may be asked about again.

        Args:
            path: The file, complete and no longer written to.

        Raises:
            ScannerAwayError: There is no verdict; it may be had later.
            TooLargeToScanError: There is none to be had.
            FileNotFoundError: There is no such file.
            OSError: It can't be read.
        """

    async def describe(self) -> str:
        """Return what scanner answers, and its version, for the person who runs it.

        Raises:
            ScannerAwayError: None does.
        """


class NoScanner:
    """Lets everything in: no scanner is set up."""

    @property
    def is_on(self) -> bool:
        """Return that it is not."""
        return False

    async def find_malware(self, path: Path) -> str | None:
        """Find nothing."""
        del path
        return None

    async def describe(self) -> str:
        """Return that there is none."""
        return "off"
