"""The embedded PostgreSQL: a server of this node, started, adopted and stopped by its supervisor.

Everything lives in the data folder (the picture is in `layout`); nothing outside of it is touched, but for a short
folder for the socket where the data folder's own path is too long for one. The server never listens on the network
and never trusts: roles prove themselves by passwords (SCRAM) that only this node's processes can read.

For Linux: it asks `/proc` and the kernel's socket credentials who is running.
"""

from afterglow.infra.db.embedded.credentials import APP_ROLE, DATABASE, OWNER_ROLE, SUPERUSER
from afterglow.infra.db.embedded.endpoint import Endpoint
from afterglow.infra.db.embedded.errors import (
    BadAccountError,
    BinariesMissingError,
    ClusterOwnedError,
    ClusterVersionError,
    DatabaseNotRunningError,
    FolderClosedError,
    ServerStartError,
    ServerStopError,
)
from afterglow.infra.db.embedded.server import EmbeddedPostgres

__all__ = [
    "APP_ROLE",
    "DATABASE",
    "OWNER_ROLE",
    "SUPERUSER",
    "BadAccountError",
    "BinariesMissingError",
    "ClusterOwnedError",
    "ClusterVersionError",
    "DatabaseNotRunningError",
    "EmbeddedPostgres",
    "Endpoint",
    "FolderClosedError",
    "ServerStartError",
    "ServerStopError",
]
