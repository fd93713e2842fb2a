"""Where the embedded database keeps what, inside the data folder.

    <data dir>/
    ├── secrets/postgres.json   passwords of the roles             ours, 0600
    └── postgres/               passable by the server's user      ours, 0710
        ├── lock                held by the supervising process
        ├── endpoint.json       where the server listens
        ├── setup.json          which set-up is complete
        ├── postgresql.conf     written at every start, as is pg_hba.conf
        ├── startup.log         what the last start said before its log file was open
        ├── data/               the cluster (PGDATA)               the server's user, 0700
        ├── data.new-*/         a cluster whose making did not finish
        ├── log/                seven days of server log           the server's user, 0700
        ├── run/                the socket                         the server's user, 0700
        └── server/<release>/   copy of the programs, only where their own place is closed to the server's user

"Ours" is the user that the node runs as. Nothing that we write or trust lies in a folder that the server's user could
change: a server that is taken over can not make a root process follow its links.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one node's embedded database."""

    data_dir: Path

    @property
    def credentials(self) -> Path:
        """Passwords of the roles."""
        return self.data_dir / "secrets" / "postgres.json"

    @property
    def root(self) -> Path:
        """Folder of everything but the passwords."""
        return self.data_dir / "postgres"

    @property
    def lock(self) -> Path:
        """File locked by the process that runs the server."""
        return self.root / "lock"

    @property
    def endpoint(self) -> Path:
        """Record of where the server listens."""
        return self.root / "endpoint.json"

    @property
    def setup(self) -> Path:
        """Record of the set-up that is complete."""
        return self.root / "setup.json"

    @property
    def config(self) -> Path:
        """The server's configuration."""
        return self.root / "postgresql.conf"

    @property
    def access_rules(self) -> Path:
        """The server's host-based access rules."""
        return self.root / "pg_hba.conf"

    @property
    def startup_log(self) -> Path:
        """Output of the last start, until the log file took over."""
        return self.root / "startup.log"

    @property
    def cluster(self) -> Path:
        """The cluster (PGDATA)."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """Folder of the server's log files."""
        return self.root / "log"

    @property
    def run(self) -> Path:
        """Folder of the socket, where its path is short enough."""
        return self.root / "run"

    @property
    def server(self) -> Path:
        """Folder of copied server programs."""
        return self.root / "server"
