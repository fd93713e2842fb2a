"""Format everything, mend what the linters can mend, and write the generated pages anew.

.venv/bin/python tools/fix.py      (`make fix` sets up first)
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"


def main() -> int:
    """Run every mending tool; return 1 if one of them found something that a person has to mend."""
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"  # npm's scripts take Node from there
    commands = [
        (ROOT, ["ruff", "check", "--fix", "."]),
        (ROOT, ["ruff", "format", "."]),
        (ROOT, ["python", "tools/requirements_page.py"]),
        (ROOT, ["python", "tools/reference_pages.py"]),
        (ROOT, ["python", "tools/reference_pages.py"]),
        (ROOT, ["python", "tools/openapi.py"]),
        (ROOT / "web", ["npm", "run", "--silent", "fix"]),
    ]
    codes = [
        subprocess.run([BIN / tool, *rest], cwd=folder, check=False).returncode for folder, (tool, *rest) in commands
    ]
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
