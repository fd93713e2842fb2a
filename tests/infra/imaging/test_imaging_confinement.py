"""A decoder that a picture has taken over tries to get out: each measure, from the inside."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from imaging_pictures import jpeg, quadrants

from afterglow.infra.imaging.confinement import Measure
from afterglow.infra.imaging.errors import (
    DecoderDiedError,
    DecoderTimeoutError,
    SourceUnreadableError,
    UndecodableError,
)
from afterglow.infra.imaging.port import DeriveRequest
from afterglow.infra.imaging.sandbox import Sandbox
from afterglow.kernel.units import GIB

pytestmark = [
    pytest.mark.req("DER-5"),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux confines more than resource limits"),
]

ESCAPING = (sys.executable, "-P", str(Path(__file__).with_name("escaping_child.py")))

DONE = {"done"}
ABSENT = {"ENOSYS"}
REFUSED = {"EPERM", "ENOSYS", "EACCES"}

# What may be tried, which measure it is about, and what has to come of it.
ATTEMPTS = [
    ("thread", Measure.SYSTEM_CALLS, DONE),
    ("socket", Measure.SYSTEM_CALLS, ABSENT),
    ("unix-socket", Measure.SYSTEM_CALLS, ABSENT),
    ("socket-pair", Measure.SYSTEM_CALLS, ABSENT),
    ("send-on-standard-input", Measure.SYSTEM_CALLS, REFUSED),
    ("accept", Measure.SYSTEM_CALLS, ABSENT),
    ("fork", Measure.SYSTEM_CALLS, REFUSED),
    ("clone3", Measure.SYSTEM_CALLS, ABSENT),
    ("exec", Measure.SYSTEM_CALLS, ABSENT),
    ("execveat", Measure.SYSTEM_CALLS, ABSENT),
    ("spawn", Measure.SYSTEM_CALLS, REFUSED),
    ("signal-parent", Measure.SYSTEM_CALLS, ABSENT),
    ("have-parent-signalled", Measure.SYSTEM_CALLS, REFUSED),
    ("limits-of-parent", Measure.SYSTEM_CALLS, REFUSED),
    ("ptrace", Measure.SYSTEM_CALLS, ABSENT),
    ("process_vm_readv", Measure.SYSTEM_CALLS, ABSENT),
    ("process_vm_writev", Measure.SYSTEM_CALLS, ABSENT),
    ("map-machine-code", Measure.SYSTEM_CALLS, REFUSED),
    ("make-executable", Measure.SYSTEM_CALLS, REFUSED),
    ("chmod-outside", Measure.SYSTEM_CALLS, ABSENT),
    ("chmod-original", Measure.SYSTEM_CALLS, ABSENT),
    ("truncate-outside", Measure.SYSTEM_CALLS, ABSENT),
    ("link-original", Measure.SYSTEM_CALLS, ABSENT),
    ("link-out", Measure.SYSTEM_CALLS, ABSENT),
    *(
        (name, Measure.SYSTEM_CALLS, ABSENT)
        for name in (
            "bpf", "io_uring_setup", "perf_event_open", "keyctl", "userfaultfd", "memfd_create", "pidfd_open",
            "openat2", "mount", "setns", "unshare", "shmget", "personality", "seccomp", "landlock_create_ruleset",
        )
    ),
    ("read-original", Measure.FILES, DONE),
    ("write-derivative", Measure.FILES, DONE),
    ("rename-derivative", Measure.FILES, DONE),
    ("read-password-file", Measure.FILES, REFUSED),
    ("read-environment-of-parent", Measure.FILES, REFUSED),
    ("read-secret", Measure.FILES, REFUSED),
    ("list-outside", Measure.FILES, REFUSED),
    ("write-outside", Measure.FILES, REFUSED),
    ("remove-outside", Measure.FILES, REFUSED),
    ("list-originals", Measure.FILES, REFUSED),
    ("write-original", Measure.FILES, REFUSED),
    ("remove-original", Measure.FILES, REFUSED),
    ("rename-out", Measure.FILES, REFUSED | {"EXDEV"}),
    ("raise-memory", Measure.CAPABILITIES, {"ValueError", "EPERM"}),
    ("write-much", Measure.LIMITS, {"EFBIG"}),
    ("open-much", Measure.LIMITS, {"EMFILE"}),
    ("allocate-much", Measure.LIMITS, {"MemoryError"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Originals, derivatives, and what lies beside them."""
    folder = tmp_path_factory.mktemp("node")
    for name in ("originals", "derivatives", "outside"):
        (folder / name).mkdir()
    (folder / "originals" / "original").write_bytes(b"original")
    (folder / "outside" / "secret").write_bytes(b"secret")
    return folder


@pytest.fixture(scope="module")
async def prison(folder: Path) -> AsyncIterator[Sandbox]:
    """A decoder that tries to escape."""
    sandbox = Sandbox(
        children=1,
        timeout_s=60.0,
        memory_bytes=2 * GIB,
        readable=[folder / "originals"],
        writable=[folder / "derivatives"],
        command=ESCAPING,
    )
    yield sandbox
    await sandbox.close()


@pytest.fixture
def attempt(prison: Sandbox, folder: Path):
    """Try something; return what came of it."""

    async def run(name: str) -> str:
        outputs = folder / "derivatives" / name
        with pytest.raises(UndecodableError) as outcome:
            await prison.derive(DeriveRequest(folder / "originals" / "original", name, outputs, 1))
        return outcome.value.message

    return run


async def require(sandbox: Sandbox, measure: Measure) -> None:
    if measure not in await sandbox.measures():
        pytest.skip(f"this kernel, or this user, has no {measure.value}")


def status_of(pid: int) -> dict[str, str]:
    return dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def network_of(pid: int | str) -> Path:
    return Path(f"/proc/{pid}/ns/net").readlink()


@pytest.mark.parametrize(("name", "measure", "expected"), ATTEMPTS, ids=[name for name, _, _ in ATTEMPTS])
async def test_it_gets_only_what_decoding_takes(
    prison: Sandbox, attempt, folder: Path, name: str, measure: Measure, expected: set[str]
) -> None:
    await require(prison, measure)
    assert await attempt(name) in expected
    assert (folder / "originals" / "original").read_bytes() == b"original"
    assert {path.name: path.read_bytes() for path in (folder / "outside").iterdir()} == {"secret": b"secret"}


async def test_an_abort_is_its_own(prison: Sandbox, folder: Path) -> None:
    request = DeriveRequest(folder / "originals" / "original", "abort", folder / "derivatives" / "abort", 1)
    with pytest.raises(DecoderDiedError, match="SIGABRT"):
        await prison.derive(request)


async def test_spinning_ends_by_the_processor_time(folder: Path) -> None:
    sandbox = Sandbox(children=1, timeout_s=1.0, memory_bytes=GIB, command=ESCAPING)
    with pytest.raises(DecoderTimeoutError):
        await sandbox.derive(DeriveRequest(folder / "originals" / "original", "spin", folder / "derivatives" / "s", 1))
    await sandbox.close()


async def test_what_is_said_to_hold_does(prison: Sandbox) -> None:
    measures = await prison.measures()
    (child,) = prison._alive
    status = status_of(child.pid)
    assert Measure.LIMITS in measures
    assert (Measure.PRIVILEGES in measures) == (status["NoNewPrivs"].strip() == "1")
    assert (Measure.SYSTEM_CALLS in measures) == (status["Seccomp"].strip() == "2")
    assert (Measure.NETWORK in measures) == (network_of(child.pid) != network_of("self"))
    assert Measure.CAPABILITIES not in measures or int(status["CapPrm"], 16) in (0, 0b10)


async def test_without_folders_it_may_go_where_its_parent_may(folder: Path) -> None:
    sandbox = Sandbox(children=1, timeout_s=60.0, memory_bytes=2 * GIB, command=ESCAPING)
    assert Measure.FILES not in await sandbox.measures()
    with pytest.raises(UndecodableError, match="done"):
        await sandbox.derive(DeriveRequest(folder / "originals" / "original", "read-secret", folder / "d", 1))
    await sandbox.close()


async def test_a_kernel_that_has_none_of_it_costs_no_picture(tmp_path: Path) -> None:
    sandbox = Sandbox(
        children=1,
        timeout_s=60.0,
        memory_bytes=2 * GIB,
        readable=[tmp_path],
        writable=[tmp_path / "derivatives"],
        command=(*ESCAPING, "old-kernel"),
    )
    source = tmp_path / "original"
    source.write_bytes(jpeg(quadrants()))
    result = await sandbox.derive(DeriveRequest(source, "image/jpeg", tmp_path / "derivatives" / "1", 10**6))
    assert result.width == 640
    assert await sandbox.measures() == {Measure.LIMITS}
    await sandbox.close()


async def test_folders_that_are_replaced_are_found_again(tmp_path: Path) -> None:
    originals, derivatives = tmp_path / "originals", tmp_path / "derivatives"
    sandbox = Sandbox(children=1, timeout_s=60.0, memory_bytes=2 * GIB, readable=[originals], writable=[derivatives])
    for number in range(3):  # a disk is mounted; the cache is deleted, and again
        originals.mkdir(exist_ok=True)
        source = originals / str(number)
        source.write_bytes(jpeg(quadrants()))
        result = await sandbox.derive(DeriveRequest(source, "image/jpeg", derivatives / str(number), 10**6))
        assert all(item.path.exists() for item in result.derivatives)
        derivatives.rename(tmp_path / f"derivatives-{number}")
        originals.rename(tmp_path / f"originals-{number}")
    with pytest.raises(SourceUnreadableError):
        await sandbox.derive(DeriveRequest(originals / "0", "image/jpeg", derivatives / "0", 10**6))
    await sandbox.close()


async def test_paths_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sandbox = Sandbox(
        children=1, timeout_s=60.0, memory_bytes=2 * GIB, readable=[Path("originals")], writable=[Path("derivatives")]
    )
    source = tmp_path / "originals" / "1"
    source.parent.mkdir()
    source.write_bytes(jpeg(quadrants()))
    result = await sandbox.derive(DeriveRequest(Path("originals/1"), "image/jpeg", Path("derivatives/1"), 10**6))
    assert all(item.path.exists() for item in result.derivatives)
    await sandbox.close()


async def test_derivatives_are_readable_by_a_web_server_in_front(tmp_path: Path) -> None:
    source = tmp_path / "original"
    source.write_bytes(jpeg(quadrants()))
    before = os.umask(0o077)
    try:
        sandbox = Sandbox(children=1, timeout_s=60.0, memory_bytes=2 * GIB)
        result = await sandbox.derive(DeriveRequest(source, "image/jpeg", tmp_path / "derivatives", 10**6))
    finally:
        os.umask(before)
    await sandbox.close()
    assert {item.path.stat().st_mode & 0o777 for item in result.derivatives} == {0o644}
