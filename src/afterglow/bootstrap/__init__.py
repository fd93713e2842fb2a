"""The only place that chooses adapters: what a node of this role is made of."""

from afterglow.bootstrap.http import PROBLEM_STATUSES, SIGNED_URLS, http_parts, routers
from afterglow.bootstrap.migrating import migrate
from afterglow.bootstrap.node import HOME_STORE, Node, database_urls, open_node, open_scanner
from afterglow.bootstrap.ports import WORKED_STEPS, admin_ports, eviction_ports, ingest_ports, purge_ports, upload_ports
from afterglow.bootstrap.worker import Scheduled, WorkerParts, open_worker

__all__ = [
    "HOME_STORE",
    "PROBLEM_STATUSES",
    "SIGNED_URLS",
    "WORKED_STEPS",
    "Node",
    "Scheduled",
    "WorkerParts",
    "admin_ports",
    "database_urls",
    "eviction_ports",
    "http_parts",
    "ingest_ports",
    "migrate",
    "open_node",
    "open_scanner",
    "open_worker",
    "purge_ports",
    "routers",
    "upload_ports",
]
