"""Recurring jobs that are killed half-way, as processes of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]
SWEEP = "import pathlib, sys; from factories.node.invariants import sweep; sweep(pathlib.Path(sys.argv[1]))"
EVICT = "import pathlib, sys; from factories.node.invariants import evict_all; evict_all(pathlib.Path(sys.argv[1]))"


def run_until_killed(script: str, data_dir: Path, point: str) -> None:
    """Run a script on a node's data folder; fail unless it dies at the fault point."""
    ended = subprocess.run(
        [sys.executable, "-c", script, data_dir],
        env=os.environ | {"AFTERGLOW_FAULT_POINT": point, "PYTHONPATH": str(TESTS)},
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, point
