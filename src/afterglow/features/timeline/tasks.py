"""Jobs of the timeline: the recount."""

from afterglow.features.timeline import service
from afterglow.infra.db.database import Database


class RecountTimeline:
    """Compares the counts of days with their photos, and corrects them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        """Recount once, of all owners."""
        await service.recount(self._database)
