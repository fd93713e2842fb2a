"""What can keep the embedded database from running.

UnavailableError
├── DatabaseNotRunningError     nobody listens
├── BinariesMissingError        no server programs that run on this machine
├── ServerStartError            the server or its set-up gave up; carries the tail of its log
└── ServerStopError             it would not stop
ConflictError
├── ClusterOwnedError           another process runs this cluster
└── ClusterVersionError         the cluster belongs to another major version
InvalidError
├── BadAccountError             no such system user, or one that must not run the server
└── FolderClosedError           a folder on the way to the data that the server's user may not pass
"""

from afterglow.kernel.errors import ConflictError, InvalidError, UnavailableError


class DatabaseNotRunningError(UnavailableError):
    """The embedded database is not running; start the node with `afterglow up`."""

    code = "database.not-running"


class BinariesMissingError(UnavailableError):
    """The PostgreSQL programs are missing, or do not run on this machine."""

    code = "database.binaries-missing"


class ServerStartError(UnavailableError):
    """The embedded database did not start."""

    code = "database.start-failed"


class ServerStopError(UnavailableError):
    """The embedded database does not stop."""

    code = "database.stop-failed"


class ClusterOwnedError(ConflictError):
    """Another process runs the database of this data folder."""

    code = "database.owned"


class ClusterVersionError(ConflictError):
    """The database was made by another major version of PostgreSQL."""

    code = "database.version"


class BadAccountError(InvalidError):
    """There is no system user that the database could run as."""

    code = "database.account"


class FolderClosedError(InvalidError):
    """The database's system user may not pass through a folder above its data."""

    code = "database.folder-closed"
