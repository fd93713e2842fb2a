"""Run every benchmark, `bench/bench_*.py`, one after the other; each prints one JSON line per figure.

.venv/bin/python tools/bench.py [name …]      (`make bench` sets up first)
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the named benchmarks, all by default; return 1 if one failed."""
    scripts = sorted((ROOT / "bench").glob("bench_*.py"))
    wanted = set(sys.argv[1:]) or {script.stem.removeprefix("bench_") for script in scripts}
    chosen = [script for script in scripts if script.stem.removeprefix("bench_") in wanted]
    codes = [subprocess.run([sys.executable, script], cwd=ROOT, check=False).returncode for script in chosen]
    return 1 if any(codes) or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
