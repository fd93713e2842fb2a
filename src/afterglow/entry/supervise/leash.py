"""The leash: runs a module in this process, and ends the process and its children when the supervisor is gone.

    AFTERGLOW_LEASH_FD=<n> python -m afterglow.entry.supervise.leash <module> [argument …]

The supervisor alone holds the writing end of a pipe whose reading end is descriptor n. Whatever kills the supervisor,
the kernel closes its end, and reading returns. This works on every Unix and reaches the whole process group, which
Linux's PR_SET_PDEATHSIG does not: that signal goes to the direct child only, and also when merely the thread that
forked it ends.
"""

import contextlib
import os
import runpy
import signal
import sys
import threading
import time
from typing import Final

LEASH_FD: Final = "AFTERGLOW_LEASH_FD"
GRACE_S: Final = 7.0


def main() -> None:
    """Put this process on the leash, then become the module that the arguments name."""
    module, *arguments = sys.argv[1:]
    descriptor = int(os.environ.pop(LEASH_FD))
    os.set_inheritable(descriptor, False)
    threading.Thread(target=_follow, args=(descriptor,), name="leash", daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _follow(descriptor: int) -> None:
    """End this process when the supervisor's end of the pipe closes: politely, then with everything it started."""
    while _read(descriptor):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _read(descriptor: int) -> bytes:
    with contextlib.suppress(OSError):
        return os.read(descriptor, 1)
    return b""


if __name__ == "__main__":
    main()
