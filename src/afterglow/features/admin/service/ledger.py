"""What the runs of steps in this worker came to, until it is written down."""

import time
from collections.abc import Sequence

from afterglow.features.admin.models import Ended
from afterglow.infra.telemetry.counts import Counts
from afterglow.kernel.ids import RunId


class RunLedger:
    """Counts ends of runs: for metrics at once, for the database in bundles that `take` hands out."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._began: dict[RunId, float] = {}
        self._ended: dict[tuple[str, str, str], tuple[int, float]] = {}

    @property
    def running(self) -> int:
        """How many runs are under way."""
        return len(self._began)

    def begin(self, run_id: RunId) -> None:
        """Note that a run begins."""
        self._began[run_id] = time.perf_counter()

    def end(self, run_id: RunId, step: str, result: str, code: str = "") -> float:
        """Note how a run ended; return how long it took, in seconds.

        Args:
            run_id: The run; its beginning was noted.
            step: Name of its step.
            result: done, skipped, retried, failed or lost.
            code: Of the error, where there was one.
        """
        duration_s = time.perf_counter() - self._began.pop(run_id)
        self._counts.count_step(step, result, duration_s)
        self._add(Ended(step, result, code, 1, duration_s))
        return duration_s

    def take(self) -> list[Ended]:
        """Return what ended since the last call."""
        taken = [Ended(*key, *sums) for key, sums in self._ended.items()]
        self._ended.clear()
        return taken

    def give_back(self, taken: Sequence[Ended]) -> None:
        """Take back what could not be written down."""
        for ended in taken:
            self._add(ended)

    def _add(self, ended: Ended) -> None:
        key = (ended.step, ended.result, ended.code)
        runs, duration_s = self._ended.get(key, (0, 0.0))
        self._ended[key] = (runs + ended.runs, duration_s + ended.duration_s)
