"""Write docs/reference/openapi.json from the code, and the web client's types from it.

    .venv/bin/python tools/openapi.py [--check]      (`make openapi`)

With `--check` nothing is written; the exit code is 1 if the committed document is not what the code says.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from afterglow.entry.http.app import build_app

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "reference" / "openapi.json"


def render() -> str:
    """Return the OpenAPI document of the code, as it is committed."""
    return json.dumps(build_app().openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the document; return the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/reference/openapi.json and the web client's types.")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    document = render()
    if parser.parse_args(arguments).check:
        is_current = DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == document
        print("docs/reference/openapi.json is", "current" if is_current else "stale: run `make openapi`")
        return 0 if is_current else 1
    DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
    DOCUMENT.write_text(document, encoding="utf-8")
    return subprocess.run([ROOT / ".venv" / "bin" / "npm", "run", "openapi"], cwd=ROOT / "web", check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
