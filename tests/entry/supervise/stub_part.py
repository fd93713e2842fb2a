"""A part of a node as the tests need it: `python -m stub_part <folder> <name> <habit>`.

Appends `<name> started <pid>` and `<name> ended` to `<folder>/diary`. Habits: `obey` SIGTERM, `ignore` it, `parent`
(obeys, and has a child of its own that does not), `serve:<port>` (obeys, and answers the health check).
"""

import http.server
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    folder, name, habit = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

    def note(line: str) -> None:
        with (folder / "diary").open("a") as diary:
            diary.write(f"{name} {line}\n")

    def end(*_: object) -> None:
        note("ended")
        os._exit(0)

    signal.signal(signal.SIGTERM, signal.SIG_IGN if habit == "ignore" else end)
    if habit == "parent":
        child = [sys.executable, __file__, str(folder), f"{name}-child", "ignore"]
        subprocess.Popen(child)
    if habit.startswith("serve:"):
        server = http.server.HTTPServer(("127.0.0.1", int(habit.removeprefix("serve:"))), Health)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    note(f"started {os.getpid()}")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
