"""What the kernel takes away from a decoder before the first stranger's byte: files, network, other processes.

`limits` bounds what the process may use up; this package bounds what it may reach. Each measure is taken where the
kernel has it and left out where it has not; which of them hold is known by name.
"""

import os

from afterglow.infra.imaging.confinement import landlock, privileges, seccomp
from afterglow.infra.imaging.confinement.measures import Borders, Measure

__all__ = ["Borders", "Measure", "lock"]


def lock(borders: Borders) -> frozenset[Measure]:
    """Take from this process all that a decoder does not need; it cannot be taken back.

    To be called when everything is loaded, for nothing can be loaded later, and before a second thread runs.

    Returns:
        What holds from now on, in every thread.
    """
    is_whole = _is_single_threaded()  # to be asked while /proc can be read
    # Namespaces take a privilege that goes next; the filter would refuse the calls of all the others.
    taken = {Measure.NETWORK: privileges.leave_network(), Measure.FILES: landlock.restrict(borders)}
    taken[Measure.CAPABILITIES] = privileges.drop_capabilities()
    if not is_whole:
        # These are of the thread that took them; of the others nothing is known.
        taken = dict.fromkeys(taken, False)
    taken[Measure.SYSTEM_CALLS] = seccomp.install()
    return frozenset(measure for measure, holds in taken.items() if holds)


def _is_single_threaded() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - only counted
    except OSError:
        return False
