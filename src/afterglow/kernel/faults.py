"""Numbered fault points: where the fault suite kills a process.

A point costs one dictionary look-up and does nothing unless `AFTERGLOW_FAULT_POINT` names it when the process starts
(`ingest.after-put`, or `ingest.after-put:3` for the third pass). Then the process dies there by SIGKILL: nothing is
flushed and no handler runs, which is as near to a power cut as a process can come by itself.
"""

import os
import signal
from collections import Counter

_ARMED, _, _COUNT = os.environ.get("AFTERGLOW_FAULT_POINT", "").partition(":")
_passes: Counter[str] = Counter()


def fault_point(name: str) -> None:
    """Die here if this point is armed; otherwise do nothing."""
    if name != _ARMED:
        return
    _passes[name] += 1
    if _passes[name] == int(_COUNT or 1):
        os.kill(os.getpid(), signal.SIGKILL)
