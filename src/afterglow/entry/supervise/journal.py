"""What the supervisor says: sentences to a person at a terminal, JSON lines to everything else."""

import contextlib
import json
import sys

from afterglow.kernel.clock import utc_now


def tell(event: str, *, level: str = "info", **fields: object) -> None:
    """Say what happened, on standard error.

    Args:
        event: A sentence without its full stop.
        level: `info`, `warning` or `error`.
        fields: What belongs to it, JSON-serialisable.
    """
    if sys.stderr.isatty():
        details = ", ".join(f"{name} {value}" for name, value in fields.items())
        line = f"afterglow: {event}{f' ({details})' if details else ''}"
    else:
        record = {"timestamp": utc_now().isoformat(), "level": level, "process": "supervisor", "event": event}
        line = json.dumps(record | fields, default=str)
    with contextlib.suppress(OSError):  # a terminal that was closed is no reason to leave a stop half done
        print(line, file=sys.stderr, flush=True)  # noqa: T201 (the supervisor's log is its output)
