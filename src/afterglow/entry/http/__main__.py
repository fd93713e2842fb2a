"""`python -m afterglow.entry.http`: serves until it is told to stop."""

import sys

from granian.constants import HTTPModes, Interfaces, Loops
from granian.server import Server

from afterglow.config import load_settings
from afterglow.infra.telemetry.logs import configure_logs

# Open event streams would hold the stop up for half a minute.
_KILL_AFTER_S = 5


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    settings = load_settings()
    configure_logs("http", settings.log_level)
    server = Server(
        "afterglow.entry.http.served:app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.http_workers,
        http=HTTPModes.http1,
        loop=Loops.uvloop,
        log_enabled=False,
        respawn_failed_workers=False,
        workers_kill_timeout=_KILL_AFTER_S,
        backpressure=1024,
    )
    server.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
