"""Run the product for development: the server, restarted when a source file changes, beside Vite's dev server.

.venv/bin/python tools/dev.py      (`make dev` sets up first)
"""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
POLL_S = 1.0
STOP_S = 12.0  # the supervisor promises to end within 10 s


def main() -> None:
    """Serve until Ctrl-C."""
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"  # npm's scripts take Node from there
    server, seen = start_server(), sources()
    client = subprocess.Popen([BIN / "npm", "run", "--silent", "dev"], cwd=ROOT / "web")
    try:
        while True:
            time.sleep(POLL_S)
            if (now := sources()) != seen:
                print("dev: sources changed, restarting the server", file=sys.stderr, flush=True)
                stop(server)
                server, seen = start_server(), now
    except KeyboardInterrupt:
        pass
    finally:
        stop(client)
        stop(server)


def start_server() -> subprocess.Popen[bytes]:
    """Start the product as `make up` does."""
    return subprocess.Popen([BIN / "afterglow", "up"], cwd=ROOT)


def sources() -> dict[Path, int]:
    """Return the state of every file that the server is made of."""
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]
    return {file: file.stat().st_mtime_ns for file in files}


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
