"""What a photo's sidecar says, and where it lies; pure."""

from datetime import UTC, datetime
from typing import Any, Final

from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import UserId

SIDECAR_FORMAT: Final = "afterglow.sidecar/1"


def sidecar_path(owner_id: UserId, checksum: Checksum) -> str:
    """Return the relative path of an owner's sidecar of an original; a sidecar never names another owner's things."""
    digits = str(checksum)
    return f"{owner_id}/{digits[:2]}/{digits[2:4]}/{digits}.json"


def iso(moment: datetime | None) -> str | None:
    """Return a moment as ISO 8601 in UTC, a naive one as it is."""
    if moment is None:
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).isoformat()


def without_nothing(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content without what is unknown or empty, so that a person can read it."""
    return {key: value for key, value in content.items() if value not in (None, "", [], {})}
