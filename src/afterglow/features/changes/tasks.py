"""Jobs of changes: forgetting old ones, and noticing that the database is another one."""

from datetime import timedelta

from afterglow.features.changes import service
from afterglow.infra.db.database import Database


class PruneChanges:
    """Forgets changes that are older than they are kept."""

    def __init__(self, database: Database, retention: timedelta) -> None:
        self._database = database
        self._retention = retention

    async def __call__(self) -> None:
        """Prune once, of all owners."""
        await service.prune(self._database, self._retention)


class EnsureEpoch:
    """Notices that a standby was promoted while this node went on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        """Look once."""
        await service.ensure_epoch(self._database)
