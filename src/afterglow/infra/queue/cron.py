"""Cron expressions, as PgQueuer reads them."""

from datetime import UTC, datetime

from croniter import croniter


def next_time(cron: str, after: datetime) -> datetime:
    """Return the first time of a cron expression after a moment, in UTC, to the minute.

    Raises:
        ValueError: It is not a cron expression.
    """
    following: datetime = croniter(cron, after.astimezone(UTC)).get_next(datetime)
    return following.astimezone(UTC)
