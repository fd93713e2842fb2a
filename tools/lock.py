"""Compile requirements/*.in into the locks: every version pinned, every file by hash, no address of an index.

    .venv/bin/python tools/lock.py [--upgrade | --upgrade-package NAME …]      (`make lock ARGS=--upgrade`)

The largest set is solved first and constrains the smaller ones, so that run ⊂ up ⊂ dev hold the same versions.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv" / "bin" / "uv"
OLDEST_PYTHON = "3.11"


def main() -> None:
    """Compile all locks; further arguments are passed to uv for the sets that are solved freely."""
    compile_lock("bootstrap", *sys.argv[1:])
    compile_lock("dev", *sys.argv[1:])
    compile_lock("up", "--constraints", "requirements/dev.lock")
    compile_lock("run", "--constraints", "requirements/dev.lock")
    # An extra: what sends traces is no part of any other set.
    compile_lock("traces", "--constraints", "requirements/dev.lock")


def compile_lock(name: str, *arguments: str) -> None:
    """Write requirements/<name>.lock."""
    solve = ["--universal", "--python-version", OLDEST_PYTHON, "--generate-hashes"]
    output = ["--output-file", f"requirements/{name}.lock", "--no-header", "--no-annotate", "--quiet"]
    subprocess.run(
        [str(UV), "pip", "compile", *solve, *output, *arguments, f"requirements/{name}.in"],
        cwd=ROOT,
        env={**os.environ, "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"},
        check=True,
    )


if __name__ == "__main__":
    main()
