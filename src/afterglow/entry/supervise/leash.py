"""The leash: runs a module in this process, and ends the process and its children when the supervisor is gone.

    AFTERGLOW_LEASH=<n> AFTERGLOW_GATE=<m> AFTERGLOW_PRELOAD=<module>,… \
        python -m afterglow.entry.supervise.leash <module> [argument …]

The supervisor alone holds the writing end of a pipe whose reading end is descriptor n. Whatever kills the supervisor,
the kernel closes its end, and reading returns. This works on every Unix and reaches the whole process group, which
Linux's PR_SET_PDEATHSIG does not: that signal goes to the direct child only, and also when merely the thread that
forked it ends.

The gate is a pipe of the same kind: the supervisor closes its end once the database is ready. Until then the process
imports what it will need, which takes longer than the database does.
"""

import contextlib
import importlib
import os
import runpy
import signal
import sys
import threading
import time
from typing import Final

LEASH: Final = "AFTERGLOW_LEASH"
GATE: Final = "AFTERGLOW_GATE"
PRELOAD: Final = "AFTERGLOW_PRELOAD"
GRACE_S: Final = 7.0


def main() -> None:
    """Put this process on the leash, then become the module that the arguments name."""
    module, *arguments = sys.argv[1:]
    leash, gate = _take(LEASH), _take(GATE)
    threading.Thread(target=_follow, args=(leash,), name="leash", daemon=True).start()
    for needed in filter(None, os.environ.pop(PRELOAD).split(",")):
        importlib.import_module(needed)
    _wait(gate)
    os.close(gate)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _follow(descriptor: int) -> None:
    """End this process when the supervisor's end of the pipe closes: politely, then with everything it started."""
    _wait(descriptor)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _take(variable: str) -> int:
    """Return the descriptor that a variable names; neither is there for what this process starts."""
    descriptor = int(os.environ.pop(variable))
    os.set_inheritable(descriptor, False)
    return descriptor


def _wait(descriptor: int) -> None:
    """Return when the supervisor's end of a pipe is closed; nothing is ever written to it."""
    with contextlib.suppress(OSError):
        while os.read(descriptor, 1):
            pass


if __name__ == "__main__":
    main()
