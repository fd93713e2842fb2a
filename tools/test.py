"""Run the checks and tests of the project, phase by phase, with a summary at the end.

    .venv/bin/python tools/test.py [phase …]      (`make test` sets up first, then runs all of them)

A failed phase does not keep the others from running. The exit code is 0 only if every phase passed.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
PYTEST_PROCESSES = os.environ.get("AFTERGLOW_TEST_PROCESSES", "2")


@dataclass(frozen=True)
class Phase:
    """A part of the tests: commands that run one after the other, until one fails."""

    commands: tuple[tuple[str, ...], ...]
    folder: Path = ROOT


def web(script: str, *arguments: str) -> Phase:
    """Return the phase that runs one npm script of the web client."""
    return Phase((("npm", "run", "--silent", script, "--", *arguments),), folder=ROOT / "web")


PHASES = {
    "lint": Phase((("ruff", "check", "."), ("ruff", "format", "--check", "."))),
    "types": Phase((("mypy",),)),
    "contracts": Phase((("lint-imports", "--no-logo"),)),
    "web-lint": web("lint"),
    "web-types": web("typecheck"),
    "web-api": web("openapi", "--check"),
    "web-deps": web("deps"),
    "web-size": web("size"),
    "web-test": web("test"),
    "pytest": Phase((("pytest", "--numprocesses", PYTEST_PROCESSES, "--dist", "worksteal"),)),
}


@dataclass(frozen=True)
class Outcome:
    """How a phase ended."""

    name: str
    passed: bool
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the named phases, all by default; return the exit code."""
    parser = argparse.ArgumentParser(description="Run the checks and tests of the project.")
    parser.add_argument("phases", nargs="*", metavar="phase", help=" ".join(PHASES))
    names = parser.parse_args(arguments).phases or list(PHASES)
    if unknown := set(names) - set(PHASES):
        parser.error(f"no such phase: {' '.join(sorted(unknown))}; there are {' '.join(PHASES)}")
    outcomes = [run_phase(name, PHASES[name]) for name in names]
    print(summary(outcomes), flush=True)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def run_phase(name: str, phase: Phase) -> Outcome:
    """Run a phase with its output passed through, and return how it ended."""
    print(f"\n── {name}", flush=True)
    started = time.monotonic()
    passed = all(succeeds(command, phase.folder) for command in phase.commands)
    return Outcome(name, passed, time.monotonic() - started)


def succeeds(command: Sequence[str], folder: Path) -> bool:
    """Return whether a tool of `.venv` ended with exit code 0."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    try:
        finished = subprocess.run(
            [BIN / command[0], *command[1:]],
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError as error:
        print(f"{command[0]} cannot be run: {error}", flush=True)
        return False
    return finished.returncode == 0


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the closing lines: each phase with its verdict and time."""
    width = max(len(outcome.name) for outcome in outcomes)
    lines = [
        f"  {'passed' if outcome.passed else 'FAILED'}  {outcome.name:<{width}}  {outcome.seconds:6.1f} s"
        for outcome in outcomes
    ]
    failed = [outcome.name for outcome in outcomes if not outcome.passed]
    verdict = f"FAILED: {', '.join(failed)}" if failed else "everything passed"
    return "\n".join(["\n── summary", *lines, verdict])


if __name__ == "__main__":
    sys.exit(main())
