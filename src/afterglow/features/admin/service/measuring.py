"""Use cases of figures that cost a full count, taken now and then and told until the next time."""

from datetime import timedelta

from afterglow.features.admin.repository import node as repository
from afterglow.features.admin.repository import queues as queues_repository
from afterglow.features.derivatives.events import CacheLookedThrough
from afterglow.infra.db.database import Database, Tx

PHOTOS = "photos"
ORIGINALS = "originals"
DERIVATIVES = "derivatives"


async def needs_measuring(database: Database, age: timedelta) -> bool:
    """Return whether the figures are older than that, or not there at all."""
    async with database.transaction([], read_only=True) as tx:
        measures = await repository.list_measures(tx)
        return PHOTOS not in measures or measures[PHOTOS].measured_at < tx.now - age


async def measure(database: Database) -> None:
    """Count photos, originals and steps, and keep the figures: about a second for a million photos.

    Raises:
        UnavailableError: The database is away, or a count took longer than a transaction may.
    """
    async with database.transaction([], read_only=True) as tx:
        figures = {PHOTOS: await repository.count_photos(tx), ORIGINALS: await repository.count_originals(tx)}
    async with database.transaction([], read_only=True) as tx:
        figures |= await queues_repository.count_steps(tx)
    async with database.transaction([]) as tx:
        await repository.relax_durability(tx)
        for name in sorted(figures):
            await repository.upsert_measure(tx, name, figures[name])


async def keep_cache_figures(tx: Tx, event: CacheLookedThrough) -> None:
    """Keep what the derivatives take up."""
    await repository.upsert_measure(tx, DERIVATIVES, {"count": event.photos, "size_bytes": event.size_bytes})
