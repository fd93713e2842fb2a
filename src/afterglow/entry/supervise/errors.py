"""What can keep a node from starting.

ConflictError
├── AlreadyRunningError     another supervisor has this data folder
└── PortInUseError          another program has this port
InvalidError
├── DataDirError            the data folder cannot be used
└── AddressError            not an address that this process may listen on
UnavailableError
├── DatabaseStartError      the machine refused something that the database needs
└── MigrationError          the database could not be brought up to date
"""

from afterglow.kernel.errors import ConflictError, InvalidError, UnavailableError


class AlreadyRunningError(ConflictError):
    """Afterglow is already running on this data folder."""

    code = "supervisor.already-running"


class PortInUseError(ConflictError):
    """Another program listens on this port."""

    code = "supervisor.port-in-use"


class DataDirError(InvalidError):
    """The data folder cannot be used."""

    code = "supervisor.data-dir"


class AddressError(InvalidError):
    """This process cannot listen on that address."""

    code = "supervisor.address"


class DatabaseStartError(UnavailableError):
    """The database could not be started."""

    code = "supervisor.database"


class MigrationError(UnavailableError):
    """The database could not be brought up to date; the lines above say why."""

    code = "supervisor.migration"
