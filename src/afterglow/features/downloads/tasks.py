"""Jobs of downloads: the sweep of archives that have expired."""

from afterglow.features.downloads import service
from afterglow.infra.db.database import Database


class ForgetDownloads:
    """Forgets archives that nobody can ask for any more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self) -> None:
        """Forget all of them, some in each transaction."""
        await service.forget_expired(self._database)
