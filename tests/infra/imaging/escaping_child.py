"""A decoder that tries to get out, confined just as the real one: for the tests of its confinement.

The request's type names what to try; what came of it travels back as the message of an error.
"""

import contextlib
import ctypes
import errno
import functools
import mmap
import os
import platform
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from afterglow.infra.imaging import child
from afterglow.infra.imaging.confinement import kernel
from afterglow.infra.imaging.errors import UndecodableError
from afterglow.infra.imaging.port import DeriveRequest, DeriveResult
from afterglow.kernel.units import GIB, MIB

LIBC = ctypes.CDLL(None, use_errno=True)
IS_X86 = platform.machine() == "x86_64"
PARENT = next(int(argument.partition("=")[2]) for argument in sys.argv if argument.startswith("--parent="))
# Numbers of calls that the product never makes: (x86-64, arm64).
CALLS = {
    "bpf": (321, 280), "io_uring_setup": (425, 425), "perf_event_open": (298, 241), "keyctl": (250, 219),
    "userfaultfd": (323, 282), "memfd_create": (319, 279), "pidfd_open": (434, 434), "openat2": (437, 437),
    "mount": (165, 40), "setns": (308, 268), "unshare": (272, 97), "ptrace": (101, 117), "accept": (43, 202),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "execveat": (322, 281), "shmget": (29, 194),
    "personality": (135, 92), "seccomp": (317, 277), "landlock_create_ruleset": (444, 444), "clone3": (435, 435),
}  # fmt: skip
F_SETOWN = 8
PROT_ALL = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC


def call(number: int) -> None:
    if LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 6) < 0:
        raise OSError(ctypes.get_errno(), "")


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def run_thread() -> None:
    thread = threading.Thread(target=len, args=("",))
    thread.start()
    thread.join()


def make_executable() -> None:
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    if LIBC.mprotect(ctypes.c_void_p(address), mmap.PAGESIZE, PROT_ALL):
        raise OSError(ctypes.get_errno(), "")


def open_many(path: Path) -> None:
    with contextlib.ExitStack() as files:
        for _ in range(1000):
            files.enter_context(path.open("rb"))


def write(path: Path, size_bytes: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size_bytes))


def rename(source: Path, target: Path) -> None:
    write(source)
    source.rename(target)


def spin() -> None:
    while True:
        pass


def attempts(request: DeriveRequest) -> dict[str, Callable[[], object]]:
    """Everything that can be tried, by name."""
    original, outputs = request.source, request.output_dir
    outside = original.parent.parent / "outside"
    here = {
        "socket": socket.socket,
        "unix-socket": lambda: socket.socket(socket.AF_UNIX),
        "socket-pair": socket.socketpair,
        "send-on-standard-input": lambda: socket.socket(fileno=0).send(b"x"),
        "fork": fork,
        "exec": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 - no shell is the point
        "spawn": lambda: subprocess.run(["/bin/true"], check=True),
        "thread": run_thread,
        "signal-parent": lambda: os.kill(PARENT, 0),
        "have-parent-signalled": lambda: __import__("fcntl").fcntl(0, F_SETOWN, PARENT),
        "limits-of-parent": lambda: resource.prlimit(PARENT, resource.RLIMIT_NOFILE),
        "raise-memory": lambda: resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2),
        "map-machine-code": lambda: mmap.mmap(-1, mmap.PAGESIZE, prot=PROT_ALL),
        "make-executable": make_executable,
        "read-password-file": lambda: Path("/etc/passwd").read_bytes(),
        "read-environment-of-parent": lambda: Path(f"/proc/{PARENT}/environ").read_bytes(),
        "read-secret": (outside / "secret").read_bytes,
        "list-outside": lambda: list(outside.iterdir()),
        "write-outside": lambda: write(outside / "new"),
        "remove-outside": (outside / "secret").unlink,
        "chmod-outside": lambda: (outside / "secret").chmod(0o777),
        "truncate-outside": lambda: os.truncate(outside / "secret", 0),
        "read-original": original.read_bytes,
        "list-originals": lambda: list(original.parent.iterdir()),
        "write-original": lambda: original.open("r+b"),
        "remove-original": original.unlink,
        "chmod-original": lambda: original.chmod(0o777),
        "link-original": lambda: os.link(original, outputs / "linked"),
        "write-derivative": lambda: write(outputs / "file"),
        "rename-derivative": lambda: rename(outputs / ".part", outputs / "file"),
        "rename-out": lambda: rename(outputs / ".part", outside / "file"),
        "link-out": lambda: (outputs / "link").symlink_to(outside),
        "write-much": lambda: write(outputs / "large", 17 * MIB),
        "open-much": lambda: open_many(original),
        "allocate-much": lambda: bytearray(8 * GIB),
        "abort": os.abort,
        "spin": spin,
    }
    return here | {name: functools.partial(call, numbers[not IS_X86]) for name, numbers in CALLS.items()}


def derive(request: DeriveRequest) -> DeriveResult:
    try:
        attempts(request)[request.mime]()
    except OSError as error:
        raise UndecodableError(errno.errorcode.get(error.errno or 0, repr(error))) from error
    except (ValueError, MemoryError) as error:
        raise UndecodableError(type(error).__name__) from error
    raise UndecodableError("done")


def refuse(*arguments: object) -> int:
    raise OSError(errno.ENOSYS, "as on a system that has none of it")


if "old-kernel" in sys.argv:
    sys.argv.remove("old-kernel")
    kernel.call = kernel.control = kernel.unshare = refuse
    child.main()
else:
    child.run(lambda: derive)
