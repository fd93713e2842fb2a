"""Bringing database and data folder to what this version needs."""

import asyncio

from afterglow.bootstrap.node import HOME_STORE, database_urls, open_node
from afterglow.config import NodeRole, Settings
from afterglow.features.accounts import service as accounts
from afterglow.features.admin import service as admin
from afterglow.features.changes import service as changes
from afterglow.kernel.errors import UnavailableError


class RoleNotSupportedError(UnavailableError):
    """This version runs as `home` only; AFTERGLOW_ROLE=edge follows in a later one."""

    code = "settings.role-not-supported"


def migrate(settings: Settings) -> None:
    """Bring database and data folder to what this version needs: schema, stores, keys, identity; idempotent, blocks.

    Raises:
        RoleNotSupportedError: The role is `edge`.
        UnavailableError: The database is away, or the originals' disk is not mounted.
    """
    if settings.role is not NodeRole.HOME:
        raise RoleNotSupportedError
    asyncio.run(_migrate(settings))


async def _migrate(settings: Settings) -> None:
    from afterglow.infra.db.migrate import migrate as migrate_database  # noqa: PLC0415 (Alembic: only here)

    urls = database_urls(settings)
    await migrate_database(urls.owner, urls.app)
    async with open_node(settings, "migrate", max_connections=2) as node:
        async with node.database.transaction([]) as tx:
            is_in_use = await tx.fetch_value("SELECT store_in_use($1)", HOME_STORE)
        # An absent disk looks just like a new folder: the store is only made while nothing was ever put into it.
        if is_in_use:
            await node.store.check()
        else:
            await node.store.initialise()
        await node.database.run([], admin.forget_processes)
        await changes.ensure_epoch(node.database)
        await node.spool.initialise()
        await node.database.run([], lambda tx: accounts.ensure_server(tx, settings.data_dir))
