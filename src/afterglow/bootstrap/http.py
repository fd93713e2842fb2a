"""What an HTTP process is made of: its parts, and the routes of all features."""

from datetime import timedelta

from fastapi import APIRouter

import afterglow
from afterglow.bootstrap.node import Node, database_urls
from afterglow.bootstrap.ports import admin_ports, upload_ports
from afterglow.features.accounts import routes as accounts_routes
from afterglow.features.accounts import service as accounts
from afterglow.features.accounts.service import AccountPorts, NodeFacts
from afterglow.features.admin import routes as admin_routes
from afterglow.features.admin.service import HealthPorts
from afterglow.features.derivatives import routes as derivatives_routes
from afterglow.features.details import routes as details_routes
from afterglow.features.downloads import routes as downloads_routes
from afterglow.features.downloads.service import DownloadPorts
from afterglow.features.timeline import routes as timeline_routes
from afterglow.features.uploads import routes as uploads_routes
from afterglow.infra.db.revisions import migration_state

SIGNED_URLS = "signed-urls"


async def http_parts(node: Node) -> list[object]:
    """Return what the routes work with, for `infra.web.provide`."""
    settings = node.settings
    async with node.database.transaction([], read_only=True) as tx:
        server = await accounts.get_server(tx)
    account_ports = AccountPorts.build(
        node=NodeFacts(role=settings.role.value, version=afterglow.__version__),
        server_id=server.id,
        keys=node.keys,
        access_token_life=timedelta(minutes=settings.access_token_minutes),
        session_life=timedelta(days=settings.session_days),
        data_dir=settings.data_dir,
    )

    async def is_migrated() -> bool:
        return (await migration_state(database_urls(settings).app)).up_to_date

    return [
        node.database,
        account_ports,
        upload_ports(node),
        node.cache,
        DownloadPorts(node.store, node.cache, node.keys.secret_for(SIGNED_URLS)),
        HealthPorts(node.database, node.store, node.spool, is_migrated),
        admin_ports(node, "http"),
        node.counts,
    ]


def routers() -> list[APIRouter]:
    """Return the routes of all features."""
    return [
        *accounts_routes.routers,
        *uploads_routes.routers,
        timeline_routes.router,
        # Before the composed photo, whose paths are more general.
        derivatives_routes.router,
        downloads_routes.router,
        details_routes.router,
        *admin_routes.routers,
    ]
