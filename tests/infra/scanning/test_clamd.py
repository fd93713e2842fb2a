"""The ClamAV daemon as scanner, against one that speaks its protocol."""

import asyncio
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from afterglow.config import load_settings
from afterglow.entry.cli.doctor import State, find_scanner
from afterglow.infra.scanning.address import Address, TcpAddress, UnixAddress, parse_address
from afterglow.infra.scanning.clamd import CHUNK_BYTES, ClamdScanner
from afterglow.infra.scanning.memory import MemoryScanner
from afterglow.infra.scanning.port import NoScanner, Scanner, ScannerAwayError, TooLargeToScanError
from factories.clamd import EICAR, SIGNATURE, VERSION, FakeClamd, Mood, listening
from factories.pictures import jpeg

pytestmark = pytest.mark.req("ING-5")


@pytest.fixture
def daemon() -> FakeClamd:
    return FakeClamd()


@pytest.fixture(params=["unix", "tcp"])
async def address(daemon: FakeClamd, request: pytest.FixtureRequest) -> AsyncIterator[Address]:
    with tempfile.TemporaryDirectory() as folder:  # a socket's path is short
        path = f"{folder}/clamd.ctl" if request.param == "unix" else None
        async with listening(daemon, path) as found:
            yield found


@pytest.fixture
def scanner(address: Address) -> Scanner:
    return ClamdScanner(address, timeout_s=20)


def kept(folder: Path, content: bytes) -> Path:
    file = folder / "file"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("size", [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3_000_001])
async def test_a_clean_file_is_streamed_whole_in_bounded_chunks(
    scanner: Scanner, daemon: FakeClamd, tmp_path: Path, size: int
) -> None:
    assert scanner.is_on
    assert await scanner.find_malware(kept(tmp_path, os.urandom(size))) is None
    assert daemon.received == [size]
    assert daemon.chunk_bytes == min(size, CHUNK_BYTES)


async def test_what_is_found_is_named(scanner: Scanner, tmp_path: Path) -> None:
    assert await scanner.find_malware(kept(tmp_path, jpeg() + EICAR)) == SIGNATURE
    astride = bytes(CHUNK_BYTES - 30) + EICAR
    assert await scanner.find_malware(kept(tmp_path, astride)) == SIGNATURE


async def test_an_empty_file_is_no_end_of_the_world(scanner: Scanner, tmp_path: Path) -> None:
    assert await scanner.find_malware(kept(tmp_path, b"")) is None


@pytest.mark.parametrize("size", [200_001, 8_000_000])
async def test_a_file_larger_than_the_daemon_takes_is_told_from_a_daemon_that_is_away(
    scanner: Scanner, daemon: FakeClamd, tmp_path: Path, size: int
) -> None:
    # The daemon answers and hangs up while we still send, and leaves unread what it did not want.
    daemon.stream_max_bytes = 200_000
    with pytest.raises(TooLargeToScanError):
        await scanner.find_malware(kept(tmp_path, bytes(size)))


@pytest.mark.parametrize("mood", [Mood.HANGS_UP, Mood.HANGS_UP_EARLY, Mood.HALF_AN_ANSWER, Mood.GARBAGE, Mood.ERROR])
async def test_without_a_verdict_nothing_is_clean(
    scanner: Scanner, daemon: FakeClamd, tmp_path: Path, mood: Mood
) -> None:
    file = kept(tmp_path, bytes(5_000_000))
    daemon.mood = mood
    with pytest.raises(ScannerAwayError):
        await scanner.find_malware(file)
    daemon.mood = Mood.WELL
    assert await scanner.find_malware(file) is None


@pytest.mark.parametrize("mood", [Mood.SILENT, Mood.DEAF])
async def test_a_daemon_that_says_nothing_is_away_after_a_while(
    address: Address, daemon: FakeClamd, tmp_path: Path, mood: Mood
) -> None:
    daemon.mood = mood
    scanner = ClamdScanner(address, timeout_s=0.3)
    with pytest.raises(ScannerAwayError, match="in time"):
        await scanner.find_malware(kept(tmp_path, bytes(20_000_000)))
    with pytest.raises(ScannerAwayError, match="in time"):
        await scanner.describe()


async def test_it_works_on_the_servers_event_loop_too(address: Address, daemon: FakeClamd, tmp_path: Path) -> None:
    daemon.stream_max_bytes = 1_000_000
    clean, infected, large = (tmp_path / name for name in ("clean", "infected", "large"))
    clean.write_bytes(bytes(900_000))
    infected.write_bytes(EICAR)
    large.write_bytes(bytes(8_000_000))

    async def scan_all() -> None:
        scanner = ClamdScanner(address, timeout_s=20)
        assert await scanner.find_malware(clean) is None
        assert await scanner.find_malware(infected) == SIGNATURE
        with pytest.raises(TooLargeToScanError):
            await scanner.find_malware(large)
        for mood in (Mood.SILENT, Mood.DEAF):
            daemon.mood = mood
            with pytest.raises(ScannerAwayError, match="in time"):
                await ClamdScanner(address, timeout_s=0.3).find_malware(large if mood is Mood.DEAF else clean)
        daemon.mood = Mood.WELL
        assert await scanner.find_malware(clean) is None

    await asyncio.to_thread(uvloop.run, scan_all())


async def test_nobody_there_is_away(tmp_path: Path) -> None:
    with socket.socket() as bound:  # bound, and nobody listens
        bound.bind(("127.0.0.1", 0))
        nobody = [TcpAddress("127.0.0.1", bound.getsockname()[1]), UnixAddress(f"{tmp_path}/none")]
        for address in [*nobody, UnixAddress("/" + "x" * 300), TcpAddress("no-such-host.invalid", 1)]:
            scanner = ClamdScanner(address, timeout_s=5)
            with pytest.raises(ScannerAwayError):
                await scanner.find_malware(kept(tmp_path, b"x"))
            with pytest.raises(ScannerAwayError):
                await scanner.describe()


async def test_a_file_that_is_gone_is_not_the_scanners_fault(
    scanner: Scanner, daemon: FakeClamd, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await scanner.find_malware(tmp_path / "none")
    assert daemon.connections == 0


async def test_a_few_are_scanned_at_once_and_all_in_the_end(
    scanner: Scanner, daemon: FakeClamd, tmp_path: Path
) -> None:
    files = []
    for number in range(12):
        files.append(tmp_path / str(number))
        files[-1].write_bytes(EICAR if number % 3 == 0 else bytes(300_000))
    verdicts = await asyncio.gather(*(scanner.find_malware(file) for file in files))
    assert verdicts == [SIGNATURE if number % 3 == 0 else None for number in range(12)]


async def test_given_up_it_leaves_no_connection(address: Address, daemon: FakeClamd, tmp_path: Path) -> None:
    daemon.mood = Mood.SILENT
    scanner = ClamdScanner(address, timeout_s=20)
    scanning = asyncio.ensure_future(scanner.find_malware(kept(tmp_path, b"x")))
    await daemon.has_read.wait()

    def sockets() -> int:
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return sum(str(link.readlink()).startswith("socket:") for link in links)

    before = sockets()
    scanning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scanning
    assert sockets() == before - 1


async def test_the_daemon_tells_its_version(scanner: Scanner, daemon: FakeClamd) -> None:
    assert await scanner.describe() == VERSION
    daemon.mood = Mood.GARBAGE
    with pytest.raises(ScannerAwayError, match="no ClamAV daemon"):
        await scanner.describe()


async def test_doctor_looks_at_it(address: Address, daemon: FakeClamd, tmp_path: Path) -> None:
    def found(**named: str) -> tuple[State, str]:
        return find_scanner(load_settings(data_dir=tmp_path, **named))

    assert found()[0] is State.IDLE
    assert await asyncio.to_thread(found, clamav_address=str(address)) == (State.FINE, VERSION)
    daemon.mood = Mood.GARBAGE
    state, detail = await asyncio.to_thread(found, clamav_address=str(address))
    assert state is State.WRONG
    assert str(address) in detail


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("unix:/run/clamav/clamd.ctl", UnixAddress("/run/clamav/clamd.ctl")),
        ("tcp://127.0.0.1:3310", TcpAddress("127.0.0.1", 3310)),
        ("tcp://scanner.lan:3310", TcpAddress("scanner.lan", 3310)),
        ("tcp://[::1]:3310", TcpAddress("::1", 3310)),
    ],
)
def test_addresses_are_read_as_they_are_written(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["", "unix:", "unix:relative", "/run/clamd.ctl", "tcp://host", "tcp://:3310", "tcp://host:99999", "http://host:1",
     "tcp://host:1/path", "tcp://user@host:1", "tcp://host:1?x"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (urllib's message where it refuses)
        parse_address(text)


async def test_no_scanner_lets_everything_in(tmp_path: Path) -> None:
    scanner: Scanner = NoScanner()
    assert not scanner.is_on
    assert await scanner.find_malware(kept(tmp_path, EICAR)) is None
    assert await scanner.describe() == "off"


async def test_the_scanner_in_memory_keeps_the_same_promises(tmp_path: Path) -> None:
    scanner = MemoryScanner({EICAR: SIGNATURE})
    file = kept(tmp_path, b"a" + EICAR)
    assert (scanner.is_on, await scanner.describe()) == (True, "memory")
    assert await scanner.find_malware(file) == SIGNATURE
    assert await scanner.find_malware(kept(tmp_path, b"a")) is None
    scanner.is_away = True
    for asking in (scanner.find_malware(file), scanner.describe()):
        with pytest.raises(ScannerAwayError):
            await asking
