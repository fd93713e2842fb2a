"""A supervisor over stub parts: `python stub_node.py <data dir> <port> <part:habit> …`, with a database of files.

The database is alive while `<data dir>/database` exists; what happens to it is in the diary too.
"""

import asyncio
import sys
from pathlib import Path

from afterglow.entry.supervise.greeting import Address
from afterglow.entry.supervise.parts import Part
from afterglow.entry.supervise.run import Node, only_supervisor, run
from afterglow.kernel.errors import AfterglowError


class FileDatabase:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self) -> None:
        (self._folder / "database").touch()
        self._note("started")

    def stop(self) -> None:
        (self._folder / "database").unlink()
        self._note("ended")

    def is_alive(self) -> bool:
        return (self._folder / "database").exists()

    def _note(self, line: str) -> None:
        with (self._folder / "diary").open("a") as diary:
            diary.write(f"database {line}\n")


def main() -> int:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    parts = [stub(folder, *argument.split(":", 1)) for argument in sys.argv[3:]]
    migration = next((part for part in parts if part.name == "migration"), Part("migration", "keyword"))
    others = [part for part in parts if part is not migration]
    node = Node(folder, Address("127.0.0.1", port), others, FileDatabase(folder), migration)
    try:
        with only_supervisor(folder):
            asyncio.run(run(node))
    except AfterglowError as error:
        sys.stdout.write(f"{error.code} {error.message}\n")
        return 1
    return 0


def stub(folder: Path, name: str, habit: str) -> Part:
    if habit == "fail":
        return Part(name, "no_such_module")
    return Part(name, "stub_part", (str(folder), name, habit), stops_first=name == "http")


if __name__ == "__main__":
    sys.exit(main())
