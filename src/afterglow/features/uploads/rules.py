"""Times as clients send them; pure."""

from datetime import datetime
from typing import Final

# A year in which every zone's clock can still be turned to UTC. Whether the time is one that a file can have been
# changed at is for ingest to say.
_FIRST_YEAR: Final = 2
_LAST_YEAR: Final = 9998


def parse_modified_at(text: str | None) -> datetime | None:
    """Return the moment of a form field: ISO 8601 with a zone; None if it is missing or anything else."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return representable(moment) if moment.tzinfo else None


def representable(moment: datetime) -> datetime | None:
    """Return the moment, None where it can't be written in UTC."""
    return moment if _FIRST_YEAR <= moment.year <= _LAST_YEAR else None
