"""The server's configuration, written anew at every start."""

from collections.abc import Mapping

from afterglow.infra.db.embedded.binaries import Binaries
from afterglow.infra.db.embedded.endpoint import PORT
from afterglow.infra.db.embedded.layout import Layout

ACCESS_RULES = "local all all scram-sha-256\n"
"""Whoever connects proves a password; there is no other way in, and no network."""

SETTINGS: Mapping[str, str] = {
    # Sized for a Raspberry Pi 4 beside decoders and models; what is not used is not resident.
    "max_connections": "60",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    # Fewer checkpoints and compressed page images spare SD cards; replaying 1 GB takes a Pi under a minute.
    "checkpoint_timeout": "15min",
    "max_wal_size": "1GB",
    "min_wal_size": "80MB",
    "wal_compression": "on",
    "log_checkpoints": "off",
    # When a backend crashes, the server ends and its supervisor starts it: crashing for ever does not go unseen.
    "restart_after_crash": "off",
    # Flash storage: a random page costs hardly more than the next one.
    "random_page_cost": "1.1",
    # Our statements are short: compiling them costs more than it saves (and LLVM is not in the wheel).
    "jit": "off",
    # Memory of parallel workers comes out of the main block, then from files. POSIX shared memory has 64 MB in a
    # container, and systemd removes it when the user who started the node logs out (RemoveIPC).
    "dynamic_shared_memory_type": "mmap",
    "min_dynamic_shared_memory": "96MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "default_text_search_config": "pg_catalog.simple",
    # A file per weekday, begun anew each week.
    "logging_collector": "on",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_file_mode": "0600",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_lock_waits": "on",
}

NOT_DURABLE: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests: a power cut loses the cluster (kill -9 does not)."""


def render_config(
    layout: Layout, binaries: Binaries, socket_dir: str, *, durable: bool, overrides: Mapping[str, str]
) -> bytes:
    """Return the content of `postgresql.conf`; it differs whenever a running server would have to be restarted."""
    places = {
        "listen_addresses": "",
        "unix_socket_directories": socket_dir,
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "hba_file": str(layout.access_rules),
        "log_directory": str(layout.log),
    }
    settings = {**SETTINGS, **({} if durable else NOT_DURABLE), **overrides, **places}
    lines = [
        "# Written by Afterglow at every start; what is changed here is lost.",
        f"# {binaries.release}, {str(binaries.folder)!a}",
        *(f"{name} = {_quote(value)}" for name, value in settings.items()),
    ]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
    return f"'{escaped}'"
