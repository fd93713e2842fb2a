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
from afterglow.features.changes.errors import CursorExpiredError, ResyncError
from afterglow.features.derivatives import routes as derivatives_routes
from afterglow.features.details import routes as details_routes
from afterglow.features.downloads import routes as downloads_routes
from afterglow.features.downloads.service import DownloadPorts
from afterglow.features.photos import routes as photos_routes
from afterglow.features.photos.service import TrashRules
from afterglow.features.sync import routes as sync_routes
from afterglow.features.sync.routes import FeedWriters
from afterglow.features.timeline import routes as timeline_routes
from afterglow.features.timeline.service import KeptMonths
from afterglow.features.uploads import routes as uploads_routes
from afterglow.infra.crypto.receipts import ReceiptSigner
from afterglow.infra.db.revisions import migration_state
from afterglow.infra.web.problems import Statuses
from afterglow.kernel.units import MIB

SIGNED_URLS = "signed-urls"
# Statuses of errors that differ from their ancestors'.
PROBLEM_STATUSES: Statuses = {
    **uploads_routes.STATUSES,
    CursorExpiredError: 410,
    ResyncError: 410,
}
# Months of the timeline as they were sent: some hundred of a usual library's.
_KEPT_MONTHS_BYTES = 16 * MIB


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

    administration = admin_ports(node, "http")

    async def is_migrated() -> bool:
        return (await migration_state(database_urls(settings).app)).up_to_date

    return [
        node.database,
        account_ports,
        upload_ports(node),
        ReceiptSigner(node.keys.signing_key, server.id),
        node.cache,
        DownloadPorts(
            node.store,
            node.cache,
            node.keys.secret_for(SIGNED_URLS),
            timedelta(hours=settings.download_ttl_hours),
        ),
        HealthPorts(node.database, node.store, node.spool, is_migrated, node.scanner, administration.reserves),
        administration,
        TrashRules(timedelta(days=settings.trash_days)),
        node.counts,
        KeptMonths(_KEPT_MONTHS_BYTES),
        FeedWriters(photo=details_routes.photo_json),
    ]


def routers() -> list[APIRouter]:
    """Return the routes of all features."""
    return [
        *accounts_routes.routers,
        *uploads_routes.routers,
        timeline_routes.router,
        # Before the composed photo, whose paths are more general.
        derivatives_routes.router,
        *downloads_routes.routers,
        *photos_routes.routers,
        details_routes.trash_router,
        details_routes.router,
        sync_routes.router,
        *admin_routes.routers,
    ]
