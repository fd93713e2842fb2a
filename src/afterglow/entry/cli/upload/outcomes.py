"""What became of each file. Every file that was named or found has exactly one outcome."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Verdict(StrEnum):
    """How a file ended."""

    UPLOADED = "uploaded"
    DUPLICATE = "duplicate"
    """The server already has these very bytes of this account."""
    SKIPPED = "skipped"
    """Nothing for a photo server, or the server will not have it; the reason says why."""
    FAILED = "failed"
    """It should have been uploaded and was not; the next run tries it again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file, and why.

    Attributes:
        receipt: The server's signed receipt, to be kept; see docs/formats/receipt.md.
    """

    path: Path
    verdict: Verdict
    size_bytes: int = 0
    checksum: str | None = None
    photo_id: str | None = None
    reason: str | None = None
    receipt: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the members that are known, in the style of the HTTP interface."""
        members = {
            "path": str(self.path),
            "outcome": self.verdict.value,
            "size": self.size_bytes,
            "checksum": self.checksum,
            "photoId": self.photo_id,
            "reason": self.reason,
            "receipt": self.receipt,
        }
        return {name: value for name, value in members.items() if value is not None}


@dataclass(slots=True)
class Totals:
    """Counts over all files, in constant space."""

    counts: Counter[Verdict] = field(default_factory=Counter)
    uploaded_bytes: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one more file."""
        self.counts[outcome.verdict] += 1
        if outcome.verdict is Verdict.UPLOADED:
            self.uploaded_bytes += outcome.size_bytes

    @property
    def exit_code(self) -> int:
        """1 if a file failed, else 0."""
        return 1 if self.counts[Verdict.FAILED] else 0

    def as_json(self) -> Mapping[str, int]:
        """Return a count for every verdict, and the bytes that were uploaded."""
        return {verdict.value: self.counts[verdict] for verdict in Verdict} | {"uploadedBytes": self.uploaded_bytes}
