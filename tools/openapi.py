"""Write docs/reference/openapi.json from the routes, and the web client's types from that.

    .venv/bin/python tools/openapi.py [--check]      (`make openapi` sets up first)

With `--check` nothing is written; the exit code says whether the committed document is current.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from afterglow.entry.http.app import build_app

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
DOCUMENT = ROOT / "docs" / "reference" / "openapi.json"


def main() -> int:
    """Write or check the document; return the exit code."""
    text = json.dumps(build_app().openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    is_current = DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == text
    if "--check" in sys.argv[1:]:
        if not is_current:
            print(f"{DOCUMENT.relative_to(ROOT)} is not current: run `make openapi`")
        return 0 if is_current else 1
    DOCUMENT.write_text(text, encoding="utf-8")
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"  # npm's scripts take Node from there
    types: list[Path | str] = [BIN / "npm", "run", "--silent", "openapi"]
    return subprocess.run(types, cwd=ROOT / "web", env={**os.environ, "PATH": path}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
