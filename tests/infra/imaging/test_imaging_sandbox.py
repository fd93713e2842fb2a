"""What a decoder does to itself stays with its one picture."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from imaging_pictures import CORNERS, corner_colours, encoded, is_near, jpeg, opened, quadrants
from PIL import Image

from afterglow.infra.imaging.confinement import Measure
from afterglow.infra.imaging.errors import (
    DecoderDiedError,
    DecoderTimeoutError,
    DecoderUnavailableError,
    SourceUnreadableError,
    TooManyPixelsError,
    UndecodableError,
    UnsupportedFormatError,
)
from afterglow.infra.imaging.port import DERIVATIVE_NAMES, DeriveRequest
from afterglow.infra.imaging.sandbox import Sandbox
from afterglow.kernel.units import GIB, MIB

pytestmark = pytest.mark.req("DER-5")

STUB = Path(__file__).with_name("sandbox_stub.py")
Make = Callable[..., Sandbox]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Sandboxes that are closed after the test; with `how`, of a decoder that misbehaves so."""
    made = []

    def run(how: str | None = None, **options: object) -> Sandbox:
        settings = {"children": 1, "timeout_s": 60.0, "memory_bytes": 2 * GIB} | options
        if how is not None:
            settings["command"] = (sys.executable, "-P", str(STUB), how)
        made.append(Sandbox(**settings))
        return made[-1]

    yield run
    for sandbox in made:
        await sandbox.close()


@pytest.fixture
def request_of(tmp_path: Path):
    def run(content: bytes = b"", mime: str = "image/jpeg", name: str = "original") -> DeriveRequest:
        source = tmp_path / name
        source.write_bytes(content)
        return DeriveRequest(source, mime, tmp_path / f"{name}-derivatives", 250_000_000)

    return run


def status_of(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


async def process_of(sandbox: Sandbox, source: Path) -> int:
    """The process that answers: only for well-behaved stubs."""
    pid = (await sandbox.read_metadata(source)).tags["pid"]
    assert isinstance(pid, int)
    return pid


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_picture_is_derived_in_a_child(make: Make, request_of) -> None:
    sandbox = make()
    result = await sandbox.derive(request_of(jpeg(quadrants(2600, 1900))))
    assert (result.width, result.height) == (2600, 1900)
    assert tuple(item.name for item in result.derivatives) == DERIVATIVE_NAMES
    assert all(map(is_near, corner_colours(opened(result, "512")), CORNERS))
    metadata = await sandbox.read_metadata(request_of(encoded(quadrants(), "PNG")).source)
    assert (metadata.width, metadata.height) == (640, 480)


async def test_errors_come_back_as_themselves(make: Make, request_of, tmp_path: Path) -> None:
    sandbox = make()
    request = request_of(jpeg(quadrants()))
    with pytest.raises(TooManyPixelsError) as refusal:
        await sandbox.derive(DeriveRequest(request.source, request.mime, request.output_dir, 100))
    assert refusal.value.fields == {"pixels": 640 * 480, "max_pixels": 100}
    with pytest.raises(UndecodableError):
        await sandbox.derive(request_of(b"\xff\xd8\xff\xe0" + bytes(20)))
    with pytest.raises(UnsupportedFormatError):
        await sandbox.derive(request_of(b"", "image/heic"))
    with pytest.raises(SourceUnreadableError):
        await sandbox.read_metadata(tmp_path / "missing")


async def test_names_that_are_no_utf8_are_just_names(make: Make, tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"caf\xe9[0].jpg")
    source.write_bytes(jpeg(quadrants()))
    result = await make().derive(DeriveRequest(source, "image/jpeg", tmp_path / os.fsdecode(b"\xff"), 10**6))
    assert all(item.path.exists() for item in result.derivatives)


@pytest.mark.parametrize(
    ("how", "hint"),
    [
        ("crash", "SIGSEGV"),
        ("crash-oddly", "signal 45"),
        ("crash-while-writing", "SIGKILL"),
        ("exit", "exit code 3"),
        ("print", "nonsense"),
        ("boast", "nonsense"),
        ("lie", "nonsense"),
        ("confuse", "nonsense"),
    ],
)
async def test_a_decoder_that_dies_costs_its_request_only(make: Make, request_of, how: str, hint: str) -> None:
    sandbox = make(how)
    request = request_of()
    for _ in range(2):  # the second one shows that it was replaced
        with pytest.raises(DecoderDiedError, match=hint):
            await sandbox.derive(request)
    assert not request.output_dir.exists() or not list(request.output_dir.iterdir())


async def test_one_that_dies_leaves_the_others_alone(make: Make, request_of) -> None:
    sandbox = make("hang", children=2)
    requests = [request_of(name=name) for name in ("one", "other")]
    running = [asyncio.create_task(sandbox.derive(request)) for request in requests]
    await until(lambda: all(request.source.read_text() for request in requests))
    os.kill(int(requests[0].source.read_text()), signal.SIGKILL)
    with pytest.raises(DecoderDiedError, match="SIGKILL"):
        await running[0]
    assert not running[1].done()
    assert not is_gone(int(requests[1].source.read_text()))
    await sandbox.close()
    with pytest.raises(DecoderUnavailableError):
        await running[1]


async def test_one_that_died_while_idle_costs_nothing(make: Make, request_of) -> None:
    sandbox = make("work")
    source = request_of().source
    first = await process_of(sandbox, source)
    os.kill(first, signal.SIGKILL)
    await until(lambda: is_gone(first))
    assert await process_of(sandbox, source) != first


async def test_a_hang_ends_by_the_clock(make: Make, request_of) -> None:
    request = request_of()
    with pytest.raises(DecoderTimeoutError):
        await make("hang", timeout_s=0.5).derive(request)
    assert is_gone(int(request.source.read_text() or 0))


async def test_an_endless_loop_ends_by_the_processor_time(make: Make, request_of) -> None:
    with pytest.raises(DecoderTimeoutError, match="processor time"):
        await make("burn").derive(request_of())


async def test_a_cancelled_request_ends_its_decoder(make: Make, request_of) -> None:
    request = request_of()
    running = asyncio.create_task(make("hang").derive(request))
    await until(lambda: bool(request.source.read_text()))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    pid = int(request.source.read_text())
    await until(lambda: is_gone(pid))


@pytest.mark.req("ING-5")
async def test_memory_is_limited_and_the_next_picture_is_fine(make: Make, request_of) -> None:
    # A progressive JPEG is held whole, as coefficients: 6 bytes a pixel.
    bomb = jpeg(Image.new("RGB", (8000, 5000)), progressive=True, subsampling=0, quality=5)
    sandbox = make(memory_bytes=480 * MIB)
    with pytest.raises(DecoderDiedError, match="memory"):
        await sandbox.derive(request_of(bomb))
    assert (await sandbox.derive(request_of(jpeg(quadrants())))).width == 640


async def test_a_decoder_that_cannot_start_is_unavailable(make: Make, request_of) -> None:
    for sandbox in (make("never-start"), make(command=("/nonexistent/python",)), make(memory_bytes=20 * MIB)):
        with pytest.raises(DecoderUnavailableError):
            await sandbox.derive(request_of())


async def test_a_warm_decoder_is_kept_and_a_worn_one_replaced(make: Make, request_of) -> None:
    source = request_of().source
    sandbox = make("work", children=3, recycle_after=3)
    processes = [await process_of(sandbox, source) for _ in range(7)]
    assert [len(set(group)) for group in (processes[:3], processes[3:6], processes[6:])] == [1, 1, 1]
    assert len(set(processes)) == 3
    await until(lambda: is_gone(processes[0]) and is_gone(processes[3]))


async def test_a_grown_decoder_is_replaced(make: Make, request_of) -> None:
    source = request_of().source
    sandbox = make("grow")
    assert await process_of(sandbox, source) != await process_of(sandbox, source)


async def test_refusals_do_not_cost_the_decoder(make: Make, request_of) -> None:
    sandbox = make()
    with pytest.raises(UndecodableError):
        await sandbox.derive(request_of(b"\xff\xd8\xff\xe0" + bytes(20)))
    (child,) = sandbox._alive
    await sandbox.derive(request_of(jpeg(quadrants())))
    assert sandbox._alive == {child}


async def test_requests_wait_for_a_free_decoder(make: Make, request_of) -> None:
    requests = [request_of(jpeg(quadrants()), name=str(number)) for number in range(6)]
    sandbox = make(children=2)
    results = await asyncio.gather(*map(sandbox.derive, requests))
    assert [len(result.derivatives) for result in results] == [6] * 6
    assert len(sandbox._alive) == 2


async def test_a_decoder_inherits_no_secret(make: Make, request_of, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "AFTERGLOW_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "postgresql://user:hunter2@localhost/")
    held, _ = pipe = os.pipe()
    os.set_inheritable(held, True)
    try:
        tags = (await make("environment").read_metadata(request_of().source)).tags
    finally:
        for descriptor in pipe:
            os.close(descriptor)
    assert isinstance(tags["environment"], dict)
    assert "hunter2" not in str(tags["environment"])
    assert not {"HOME", "USER", "PATH"} & tags["environment"].keys()
    assert tags["descriptors"] == ["0", "1", "2", "3"]  # the last one lists the folder
    assert tags["folder"] == "/"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_a_decoder_is_confined(make: Make, request_of) -> None:
    sandbox = make(memory_bytes=3 * GIB)
    await sandbox.derive(request_of(jpeg(quadrants())))
    (child,) = sandbox._alive
    process = psutil.Process(child.pid)
    assert "NoNewPrivs:\t1" in status_of(process.pid)
    assert process.num_threads() <= 2
    assert process.rlimit(psutil.RLIMIT_AS) == (3 * GIB, 3 * GIB)
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_NOFILE)[1] <= 64
    assert process.rlimit(psutil.RLIMIT_FSIZE)[1] <= 16 * MIB
    assert process.rlimit(psutil.RLIMIT_CPU)[0] < 120
    assert process.nice() > psutil.Process().nice()
    assert not process.net_connections()


async def test_of_what_a_decoder_tells_of_itself_only_known_names_count(make: Make) -> None:
    assert await make("work").measures() == {Measure.SYSTEM_CALLS}
    with pytest.raises(DecoderUnavailableError):
        await make("never-start").measures()


async def test_closing_ends_all_decoders_and_refuses_more(make: Make, request_of) -> None:
    sandbox = make(children=2)
    await asyncio.gather(*(sandbox.derive(request_of(jpeg(quadrants()), name=str(number))) for number in range(4)))
    pids = [child.pid for child in sandbox._alive]
    await sandbox.close()
    assert all(map(is_gone, pids))
    with pytest.raises(DecoderUnavailableError):
        await sandbox.derive(request_of())


PARENT = """
import asyncio, sys
from pathlib import Path
from afterglow.infra.imaging.port import DeriveRequest
from afterglow.infra.imaging.sandbox import Sandbox

async def main():
    sandbox = Sandbox(children=1, timeout_s=600, memory_bytes=2 << 30, command=sys.argv[2:] or None) \\
        if sys.argv[2:] else Sandbox(children=1, timeout_s=600, memory_bytes=2 << 30)
    source = Path(sys.argv[1])
    if sys.argv[2:]:
        await sandbox.derive(DeriveRequest(source, "image/jpeg", source.with_suffix(".out"), 10**9))
    await sandbox.read_metadata(source)
    (child,) = sandbox._alive
    Path(sys.argv[1]).write_text(str(child.pid))
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("busy", [True, False])
async def test_decoders_die_with_a_parent_that_is_killed(tmp_path: Path, busy: bool) -> None:
    note = tmp_path / "note"
    note.touch()
    # A stub that hangs is in the middle of a request and reads no end of input; but only real children are confined.
    command = [sys.executable, "-P", "-c", PARENT, str(note)]
    if busy:
        hanging = tmp_path / "hanging.py"
        hanging.write_text(
            "import sys\nfrom afterglow.infra.imaging import limits\n"
            "limits.confine(2 << 30, int(sys.argv[-1].split('=')[1]))\n"
            f"sys.argv[1] = 'hang'\nexec(open({str(STUB)!r}).read())\n"
        )
        command += [sys.executable, "-P", str(hanging), "hang"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = await asyncio.create_subprocess_exec(*command, env=environment)
    try:
        await until(lambda: bool(note.read_text()))
        child = int(note.read_text())
        assert not is_gone(child)
        parent.kill()
        await until(lambda: is_gone(child))
    finally:
        with contextlib.suppress(ProcessLookupError):
            parent.kill()
        await parent.wait()


async def test_time_outs_count_from_the_start_of_the_work(make: Make, request_of) -> None:
    # Waiting for a free decoder is not the picture's fault: the second request outlives the time of one.
    sandbox = make("work", timeout_s=5.0)
    slot = await sandbox._free.get()
    waiting = asyncio.create_task(sandbox.read_metadata(request_of().source))
    started = time.monotonic()
    await asyncio.sleep(0.1)
    assert not waiting.done()
    sandbox._free.put_nowait(slot)
    assert (await waiting).tags["pid"]
    assert time.monotonic() >= started
