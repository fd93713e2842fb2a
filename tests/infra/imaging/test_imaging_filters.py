"""The filter of system calls and the rules of files, as they are handed to the kernel: on every architecture."""

import errno
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.infra.imaging.confinement.landlock import READ, WRITE, Access, known_access, ruleset
from afterglow.infra.imaging.confinement.seccomp import ALLOWED, compile_filter
from afterglow.infra.imaging.confinement.syscalls import AARCH64, X86_64, Architecture

pytestmark = pytest.mark.req("DER-5")

PID = 4711
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
CONDITIONAL = {"mmap", "mprotect", "fcntl", "ioctl", "clone", "tgkill", "prctl", "prlimit64"}
FOREIGN = 0x40000003  # i386
HEADERS = {
    "x86-64": (X86_64, Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")),
    "arm64": (AARCH64, Path("/usr/include/asm-generic/unistd.h")),
}
architectures = pytest.mark.parametrize("target", [X86_64, AARCH64], ids=["x86-64", "arm64"])


def refusal(number: int) -> int:
    return REFUSE | number


def judge(target: Architecture, number: int, *arguments: int, audit: int | None = None) -> int:
    """Run the filter as the kernel does; return its judgement."""
    content = struct.pack("<iIQ6Q", number, audit or target.audit, 0, *arguments, *[0] * (6 - len(arguments)))
    program = compile_filter(target, PID)
    at, loaded = 0, 0
    while True:
        code, if_true, if_false, constant = program[at]
        at += 1
        match code:
            case 0x20:
                (loaded,) = struct.unpack_from("<I", content, constant)
            case 0x15:
                at += if_true if loaded == constant else if_false
            case 0x45:
                at += if_true if loaded & constant else if_false
            case 0x06:
                return constant


def by_name(target: Architecture, name: str, *arguments: int) -> int:
    return judge(target, target.numbers[name], *arguments)


@architectures
def test_what_decoding_takes_is_allowed(target: Architecture) -> None:
    assert {name for name in ALLOWED if name in target.numbers and by_name(target, name) != ALLOW} == set()


@architectures
@given(number=st.integers(0, 1023) | st.integers(0, 2**31 - 1), arguments=st.lists(st.integers(0, 2**64 - 1)))
def test_all_else_does_not_exist(target: Architecture, number: int, arguments: list[int]) -> None:
    listed = {target.numbers[name] for name in {*ALLOWED, *CONDITIONAL} & target.numbers.keys()}
    if number not in listed:
        assert judge(target, number, *arguments[:6]) == refusal(errno.ENOSYS)


@architectures
def test_the_parts_of_its_own_set_up_are_not_for_a_decoder(target: Architecture) -> None:
    for name in ("seccomp", "capset", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"):
        assert by_name(target, name) == refusal(errno.ENOSYS)


@architectures
def test_calls_of_another_architecture_end_the_process(target: Architecture) -> None:
    assert judge(target, target.numbers["read"], audit=FOREIGN) == KILL


def test_calls_of_the_other_64_bit_interface_do_not_exist() -> None:
    assert judge(X86_64, 0x4000_0000 | X86_64.numbers["read"]) == refusal(errno.ENOSYS)


@architectures
def test_threads_are_made_and_processes_are_not(target: Architecture) -> None:
    thread = 0x3D0F00  # what glibc's pthread_create asks for
    assert by_name(target, "clone", thread) == ALLOW
    for flags in (0, 17, 0x01200011, 0x4111, 0x10000000 | 17):  # fork, vfork, posix_spawn, a user namespace
        assert by_name(target, "clone", flags) == refusal(errno.EPERM)


@architectures
@given(protection=st.integers(0, 7))
def test_memory_never_becomes_machine_code(target: Architecture, protection: int) -> None:
    expected = refusal(errno.EPERM) if protection & 4 else ALLOW
    assert by_name(target, "mmap", 0, 4096, protection) == expected
    assert by_name(target, "mprotect", 0, 4096, protection) == expected


@architectures
def test_signals_and_limits_are_its_own_alone(target: Architecture) -> None:
    assert by_name(target, "tgkill", PID, PID, 6) == ALLOW
    assert by_name(target, "tgkill", PID - 1, PID - 1, 9) == refusal(errno.EPERM)
    assert by_name(target, "prlimit64", 0, 7) == ALLOW
    assert by_name(target, "prlimit64", PID - 1, 7) == refusal(errno.EPERM)
    assert by_name(target, "fcntl", 0, 1030) == ALLOW
    for command in (8, 10, 15, 1026):  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_NOTIFY
        assert by_name(target, "fcntl", 0, command, 1) == refusal(errno.EPERM)


@architectures
def test_of_prctl_only_names_of_threads_are_left(target: Architecture) -> None:
    assert by_name(target, "prctl", 15) == ALLOW
    assert by_name(target, "prctl", 22) == refusal(errno.EPERM)
    assert by_name(target, "ioctl", 0, 0x5401) == refusal(errno.ENOTTY)


@architectures
def test_every_name_is_known_somewhere(target: Architecture) -> None:
    assert {*ALLOWED, *CONDITIONAL} <= X86_64.numbers.keys() | AARCH64.numbers.keys()
    assert len(set(ALLOWED)) == len(ALLOWED)
    assert len(set(target.numbers.values())) == len(target.numbers)
    assert target.numbers.keys() >= CONDITIONAL


@pytest.mark.parametrize("name", HEADERS)
def test_numbers_are_those_of_the_kernel(name: str) -> None:
    target, header = HEADERS[name]
    if not header.exists():
        pytest.skip(f"the kernel's headers of {name} are not installed")
    found = re.findall(r"#define __NR(?:3264)?_(?:3264_)?(\w+)\s+(\d+)", header.read_text())
    numbers = {written: int(number) for written, number in found}
    numbers.setdefault("newfstatat", numbers.get("fstatat", -1))  # its name where it is the only one
    assert {known: numbers.get(known) for known in target.numbers} == dict(target.numbers)


@pytest.mark.parametrize(("abi", "fields"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (6, 3), (7, 3), (8, 3), (20, 3)])
def test_an_older_landlock_is_asked_for_what_it_knows(abi: int, fields: int) -> None:
    attributes = ruleset(abi)
    assert len(attributes) == 8 * fields
    assert struct.unpack_from("=Q", attributes) == (known_access(abi),)


def test_newer_versions_of_landlock_forbid_more() -> None:
    newest = [max(known_access(abi)) for abi in range(1, 8)]
    assert newest == [
        Access.MAKE_SYM,
        Access.REFER,
        Access.TRUNCATE,
        Access.TRUNCATE,
        Access.IOCTL_DEV,
        Access.IOCTL_DEV,
        Access.IOCTL_DEV,
    ]
    assert Access.READ_DIR not in READ
    assert not WRITE & (Access.EXECUTE | Access.MAKE_SYM | Access.REFER | Access.MAKE_SOCK | Access.MAKE_CHAR)
