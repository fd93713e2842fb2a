"""The embedded server as its supervisor sees it."""

import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

from afterglow.infra.db.embedded.account import Account, choose_account, open_folders
from afterglow.infra.db.embedded.binaries import ready_binaries, remove_other_copies
from afterglow.infra.db.embedded.cluster import Cluster
from afterglow.infra.db.embedded.credentials import SUPERUSER, ensure_credentials
from afterglow.infra.db.embedded.endpoint import (
    PORT,
    Endpoint,
    ensure_socket_dir,
    find_endpoint,
    remove_socket_dir,
    remove_stale_socket,
    write_record,
)
from afterglow.infra.db.embedded.errors import ClusterOwnedError, FolderClosedError, ServerStartError
from afterglow.infra.db.embedded.layout import Layout
from afterglow.infra.db.embedded.lock import OwnerLock
from afterglow.infra.db.embedded.process import (
    Postmaster,
    Process,
    find_listener,
    find_server_process,
    read_pid_file,
)
from afterglow.infra.db.embedded.settings import render_config
from afterglow.infra.db.embedded.setup import Readiness, is_set_up, probe, set_up
from afterglow.infra.storage.whole_files import PRIVATE_FOLDER
from afterglow.kernel.faults import fault_point

LISTEN_S = 10.0
"""A server listens before it begins recovery; one that does not for so long has lost its socket."""
LEFTOVERS_S = 120.0
"""How long a killed server's last backends may hold its shared memory."""
LEFTOVERS = ("pre-existing shared memory block", "lock file")
"""A start refused with these words is tried again: what stands in its way is about to end."""
FIRST_POLL_S, LAST_POLL_S = 0.01, 0.25

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class EmbeddedPostgres:
    """The PostgreSQL server of one data folder. Blocking; for one thread of the supervising process.

    The process that starts it owns it until `stop`, or until its own end: then the server runs on, and the next owner
    adopts it. Owners exclude each other by a lock that the kernel keeps.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = True,
        settings: Mapping[str, str] = NO_SETTINGS,
        account: str | None = None,
    ) -> None:
        """Name the server; nothing happens yet.

        Args:
            data_dir: The node's data folder; the cluster lies in `postgres/data` below it.
            durable: False for tests only: no fsync, so a power cut loses the cluster.
            settings: Server settings over our own (`postgresql.conf`).
            account: System user that root runs the server as; None for `postgres`, else `nobody`.
        """
        self._layout = Layout(Path(os.path.realpath(data_dir)))
        self._durable = durable
        self._settings = dict(settings)
        self._account_name = account
        self._lock = OwnerLock(self._layout.lock)
        self._postmaster: Postmaster | None = None
        self._socket_dir: Path | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the server that this object runs; None when it runs none."""
        return self._postmaster.pid if self._postmaster else None

    def is_alive(self) -> bool:
        """Return whether the server that this object started or adopted still runs.

        It ends by itself when one of its sessions crashes; `start` brings it back.
        """
        return self._postmaster is not None and self._postmaster.is_running()

    def endpoint(self) -> Endpoint:
        """Return where the data folder's server listens, whichever process of the node runs it.

        Raises:
            DatabaseNotRunningError: Nobody listens there.
            CorruptError: The passwords' file is not what was written.
        """
        return find_endpoint(self._layout)

    def start(self) -> Endpoint:
        """Return once the server accepts connections, has its roles and database, and is ours; idempotent.

        A cluster is made if there is none, a live server of this cluster adopted, a dead one started. Crash recovery
        takes as long as it takes. If this fails, the server is stopped and the data folder free again.

        Raises:
            ClusterOwnedError: Another process runs it; `fields["pid"]` names that process.
            ClusterVersionError: The cluster belongs to another major version.
            BinariesMissingError: There are no programs that run here.
            BadAccountError: There is no system user to run it as.
            FolderClosedError: The server's user can not reach the data folder, or we may not write to it.
            ServerStartError: The server or its set-up gave up; the message ends with the tail of its log.
            CorruptError: The passwords' file is not what was written.
        """
        if self.is_alive() and self._lock.is_held:
            return self.endpoint()
        with ExitStack() as undo:
            self._take_folder()
            undo.callback(self.stop)
            endpoint = self._start()
            undo.pop_all()
        return endpoint

    def stop(self) -> None:
        """Stop the server that this object runs, wait for its end and give the data folder free; idempotent.

        Raises:
            ServerStopError: It runs on, and the data folder stays ours.
        """
        if self._postmaster is not None:
            self._postmaster.shut_down()
            self._postmaster = None
            self._layout.endpoint.unlink(missing_ok=True)
        if self._socket_dir is not None:
            remove_socket_dir(self._layout, self._socket_dir)
            self._socket_dir = None
        self._lock.release()

    def _take_folder(self) -> None:
        layout = self._layout
        try:
            layout.data_dir.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            layout.root.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            self._lock.acquire()
        except PermissionError as error:
            raise FolderClosedError(
                f"{error.filename} belongs to another user: run as that user, or choose another data folder "
                "(AFTERGLOW_DATA_DIR)",
                folder=str(error.filename),
            ) from error

    def _start(self) -> Endpoint:
        layout = self._layout
        account = choose_account(self._account_name, layout.cluster)
        open_folders(account, layout.data_dir, layout.root)
        binaries = ready_binaries(account, layout.server)
        cluster = Cluster(layout, account, binaries, self._durable)
        endpoint = self._prepare(cluster, account)
        self._bring_up(cluster, endpoint)
        remove_other_copies(layout.server, binaries.folder)
        if not is_set_up(endpoint, binaries.release, layout.setup):
            set_up(endpoint, binaries.release, layout.setup)
        return endpoint

    def _prepare(self, cluster: Cluster, account: Account) -> Endpoint:
        """Make all that the server needs; the record of its place is written before it can listen there."""
        passwords = ensure_credentials(self._layout.credentials)
        fault_point("postgres.after-credentials")
        cluster.ensure_made(passwords[SUPERUSER])
        account.ensure_folder(self._layout.log)
        self._socket_dir = ensure_socket_dir(self._layout, account)
        write_record(self._layout, self._socket_dir)
        return Endpoint(self._socket_dir, PORT, passwords)

    def _bring_up(self, cluster: Cluster, endpoint: Endpoint) -> None:
        """Have a server that accepts our password, whatever was found."""
        config = render_config(
            self._layout,
            cluster.binaries,
            str(endpoint.socket_dir),
            durable=self._durable,
            overrides=self._settings,
        )
        if self._adopt_or_spawn(cluster, endpoint, config) is Readiness.READY:
            return
        # The passwords' file was lost or replaced, for instance by restoring a backup without it.
        self._stop_server()
        cluster.reset_password(endpoint.passwords[SUPERUSER])
        if self._adopt_or_spawn(cluster, endpoint, config) is not Readiness.READY:
            raise ServerStartError(f"the database refuses the password in {self._layout.credentials}")

    def _adopt_or_spawn(self, cluster: Cluster, endpoint: Endpoint, config: bytes) -> Readiness:
        """Return what the server says once it is ready, or refuses us."""
        give_up = time.monotonic() + LEFTOVERS_S
        while True:
            is_adopted = self._adopt(endpoint, is_current=cluster.runs_with(config))
            if not is_adopted:
                self._spawn(cluster, endpoint, config)
            readiness = self._await_readiness(endpoint)
            if readiness is not Readiness.NOT_YET:
                return readiness
            self._postmaster = None
            if is_adopted:
                continue  # It was on its way out.
            tail = cluster.read_log_tail()
            if time.monotonic() > give_up or not any(words in tail for words in LEFTOVERS):
                raise ServerStartError(f"the database did not start; the end of its log:\n{tail}")
            time.sleep(LAST_POLL_S)

    def _adopt(self, endpoint: Endpoint, *, is_current: bool) -> bool:
        """Take over a live server of this cluster; one that runs with old settings or lost its socket is stopped."""
        process = _find_live(self._layout, endpoint)
        if process is None:
            return False
        self._postmaster = Postmaster(process)
        if is_current and self._listens(endpoint):
            return True
        self._stop_server()
        return False

    def _spawn(self, cluster: Cluster, endpoint: Endpoint, config: bytes) -> None:
        if read_pid_file(self._layout.cluster) is None:
            # An empty or cut one names nobody, and PostgreSQL would refuse to start over it.
            (self._layout.cluster / "postmaster.pid").unlink(missing_ok=True)
        remove_stale_socket(endpoint.socket_dir)
        cluster.write_config(config)
        self._postmaster = cluster.spawn()
        fault_point("postgres.after-spawn")

    def _listens(self, endpoint: Endpoint) -> bool:
        deadline = time.monotonic() + LISTEN_S
        while find_listener(endpoint.socket_path) is None:
            if not self.is_alive() or time.monotonic() > deadline:
                return False
            time.sleep(LAST_POLL_S)
        return True

    def _await_readiness(self, endpoint: Endpoint) -> Readiness:
        """Return what the server says in the end; NOT_YET if it ended. Recovery may take as long as it takes."""
        pause_s = FIRST_POLL_S
        while self.is_alive():
            if find_listener(endpoint.socket_path) is not None:
                readiness = probe(endpoint)
                if readiness is not Readiness.NOT_YET:
                    return readiness
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_POLL_S)
        return Readiness.NOT_YET

    def _stop_server(self) -> None:
        if self._postmaster is not None:
            self._postmaster.shut_down()
            self._postmaster = None


def _find_live(layout: Layout, endpoint: Endpoint) -> Process | None:
    """Return the live server of this cluster, if there is one.

    Raises:
        ClusterOwnedError: It lives in another container, out of our reach.
    """
    listener = find_listener(endpoint.socket_path)
    if listener == 0:
        raise ClusterOwnedError(f"a server outside of this container runs the database of {layout.data_dir}")
    return Process.find(listener) if listener is not None else find_server_process(layout.cluster)
