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


def tell(**tags: object) -> None:
    say({"result": wire.metadata_to_wire(Metadata(tags={"pid": os.getpid()} | tags))})


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


def misbehave(how: str, question: wire.Message) -> None:
    match how:
        case "hang":
            Path(question["source"]).write_text(str(os.getpid()))
            time.sleep(600)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "crash-while-writing":
            die_while_writing(question)
        case "exit":
            sys.exit(3)
        case "burn":
            burn()
        case "print":
            ANSWERS.write(b"libfoo: warning: something is odd\n")
            ANSWERS.flush()
            time.sleep(600)
        case "boast":
            ANSWERS.write(wire.LENGTH.pack(0xFFFFFFFF))
            ANSWERS.flush()
            time.sleep(600)
        case "lie":
            say({"result": {"width": "wide"}})
        case "grow":
            say({"result": wire.metadata_to_wire(Metadata(tags={"pid": os.getpid()})), "resident_bytes": 10**15})
        case "environment":
            tell(environment=dict(os.environ), descriptors=sorted(os.listdir("/proc/self/fd")), folder=str(Path.cwd()))
        case _:
            tell()


def main() -> None:
    how = sys.argv[1]
    if how == "never-start":
        sys.exit(1)
    say({"ready": True})
    while True:
        misbehave(how, hear())


main()
