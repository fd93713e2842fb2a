"""Jobs of photos: the end of their time in the trash."""

from datetime import timedelta

from afterglow.features.photos import service
from afterglow.infra.db.database import Database


class PurgeTrash:
    """Begins to purge what has been in the trash for longer than it is kept."""

    def __init__(self, database: Database, retention: timedelta) -> None:
        self._database = database
        self._retention = retention

    async def __call__(self) -> None:
        """Do it for all owners; what begins here is finished as any other purge is."""
        await service.purge_expired(self._database, self._retention)
