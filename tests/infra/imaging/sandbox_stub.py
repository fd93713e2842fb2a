"""A decoder that misbehaves: a child process for the sandbox's tests. First argument: how."""

import os
import signal
import sys
import time
from pathlib import Path

from afterglow.infra.imaging import limits, wire
from afterglow.infra.imaging.leftovers import temporary_for
from afterglow.infra.imaging.metadata import Metadata

ANSWERS = sys.stdout.buffer


def say(message: wire.Message) -> None:
    ANSWERS.write(wire.frame({"resident_bytes": 1} | message))
    ANSWERS.flush()


def hear() -> wire.Message:
    prefix = sys.stdin.buffer.read(wire.LENGTH.size)
    if len(prefix) < wire.LENGTH.size:
        sys.exit(0)
    return wire.parse(sys.stdin.buffer.read(wire.body_length(prefix)))


def tell(resident_bytes: int = 1, **tags: object) -> None:
    result = wire.metadata_to_wire(Metadata(tags={"pid": os.getpid()} | tags))
    say({"result": result, "resident_bytes": resident_bytes})


def die_while_writing(question: wire.Message) -> None:
    folder = Path(question["output_dir"])
    folder.mkdir(exist_ok=True)
    with temporary_for(folder / "preview.jpg") as (_, file):
        file.write(b"half")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def burn() -> None:
    limits.allow_cpu(0)
    while True:
        pass


def talk_outside_the_protocol(noise: bytes) -> None:
    ANSWERS.write(noise)
    ANSWERS.flush()
    time.sleep(600)


def hang(question: wire.Message) -> None:
    Path(question["source"]).write_text(str(os.getpid()))
    time.sleep(600)


def tell_surroundings() -> None:
    descriptors = sorted(path.name for path in Path("/proc/self/fd").iterdir())
    tell(environment=dict(os.environ), descriptors=descriptors, folder=str(Path.cwd()))


MANNERS = {
    "hang": hang,
    "crash": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "crash-oddly": lambda _: os.kill(os.getpid(), 45),  # a real-time signal, which has no name
    "crash-while-writing": die_while_writing,
    "exit": lambda _: sys.exit(3),
    "burn": lambda _: burn(),
    "print": lambda _: talk_outside_the_protocol(b"libfoo: warning: something is odd\n"),
    "boast": lambda _: talk_outside_the_protocol(wire.LENGTH.pack(0xFFFFFFFF)),
    "lie": lambda _: say({"result": {"width": "wide"}}),
    "confuse": lambda _: say({"error": ["a list"], "message": {}}),
    "grow": lambda _: tell(resident_bytes=10**15),
    "environment": lambda _: tell_surroundings(),
    "work": lambda _: tell(),
}


def main() -> None:
    how = sys.argv[1]
    if how == "never-start":
        sys.exit(1)
    say({"ready": True, "measures": ["seccomp", "not-one", 7]})
    while True:
        MANNERS[how](hear())


main()
