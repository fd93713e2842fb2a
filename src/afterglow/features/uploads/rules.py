"""Times as clients send them; pure."""

from datetime import datetime


def parse_modified_at(text: str | None) -> datetime | None:
    """Return the moment of a form field: ISO 8601 with a zone; None if it is missing or anything else."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
