"""Files made to keep the web server busy, or to fill its memory, by reading what they say about themselves."""

import struct
import tempfile
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imaging_pictures import jpeg_with_exif

from afterglow.infra.imaging.metadata import Metadata, read_metadata
from afterglow.infra.imaging.metadata.tiff import MAX_TOTAL_BYTES, MAX_VALUE_BYTES, Directories, read_directories
from afterglow.infra.imaging.metadata.window import BytesWindow
from afterglow.kernel.units import MIB

pytestmark = pytest.mark.req("DER-5", "ING-5")

MAX_CPU_S = 1.0  # of the processor, on any machine; here it is at most 0.15
MAX_MEMORY_BYTES = 100 * MIB
VALUES_AT = 8
DIRECTORY_BYTES = 2 + 512 * 12 + 4
EXIF_POINTER, GPS_POINTER, INTEROP_POINTER = 0x8769, 0x8825, 0xA005
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}


def read(content: bytes) -> Metadata:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_metadata(Path(file.name))


def directory(pointers: dict[int, int], kind: int, count: int) -> bytes:
    """As many entries as there may be, all pointing to the same values."""
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in pointers.items()]
    entries += [struct.pack("<HHII", 0x1000 + n, kind, count, VALUES_AT) for n in range(512 - len(entries))]
    return struct.pack("<H", 512) + b"".join(entries) + bytes(4)


def full_tiff(kind: int, count: int, size_bytes: int) -> bytes:
    """A TIFF structure of four full directories."""
    exif, gps, interop = (8 + DIRECTORY_BYTES * n for n in (1, 2, 3))
    content = b"II*\0\x08\0\0\0" + b"".join(
        directory(pointers, kind, count)
        for pointers in ({EXIF_POINTER: exif, GPS_POINTER: gps}, {INTEROP_POINTER: interop}, {}, {})
    )
    return content.ljust(size_bytes, b"A")


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    header = (b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (header, *chunks)
    )


def png_with_xmp(packet: bytes) -> bytes:
    return png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))


def png_with_profile(text: bytes, times: int) -> bytes:
    """EXIF as ImageMagick writes it into PNG, deflated to a thousandth, many times."""
    return png(*[(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text, 9))] * times)


def repeated_names(namespace_bytes: int) -> bytes:
    opening = b"<x Rating='' xmlns:a='" + b"u" * namespace_bytes + b"'>"
    return opening + b"<a:b/>" * ((MIB - len(opening) - 100) // 6) + b"</x>"


ATTACKS: dict[str, Callable[[], bytes]] = {
    "fractions in EXIF": lambda: jpeg_with_exif(full_tiff(5, 1024, 60_000)),
    "fractions in PNG": lambda: png((b"eXIf", full_tiff(5, 1024, MIB))),
    "fractions in TIFF": lambda: full_tiff(5, 1024, MIB),
    "numbers in TIFF": lambda: full_tiff(12, 1024, MIB),
    "text in PNG": lambda: png((b"eXIf", full_tiff(2, 65_536, MIB))),
    "bytes in TIFF": lambda: full_tiff(7, 65_536, MIB),
    "a namespace before each name": lambda: png_with_xmp(repeated_names(500_000)),
    "a namespace as long as allowed": lambda: png_with_xmp(repeated_names(256)),
    "many elements": lambda: png_with_xmp(b"<x Rating=''>" + b"<b/>" * 250_000 + b"</x>"),
    "deep elements": lambda: png_with_xmp(b"<x Rating=''>" + b"<b>" * 140_000 + b"</b>" * 140_000 + b"</x>"),
    "many attributes": lambda: png_with_xmp(b"<x Rating='' " + b" ".join(b"a%d=''" % n for n in range(90_000)) + b"/>"),
    "many openings of namespaces": lambda: png_with_xmp(b"<x Rating='" + b"xmlns" * 200_000 + b"'/>"),
    "profiles of blanks": lambda: png_with_profile(b"\nexif\n 1\n" + b" " * MIB, 4000),
    "profiles of digits": lambda: png_with_profile(b"\nexif 1 " + b"1 " * (MIB // 2), 1000),
    "garbage between segments": lambda: b"\xff\xd8\xff\x01" + b"\0\xff\x01" * 100_000,
    "empty segments": lambda: b"\xff\xd8" + b"\xff\xe1\0\2" * 100_000,
    "parts of a profile": lambda: b"\xff\xd8" + b"\xff\xe2\xff\xffICC_PROFILE\0\1\1".ljust(65537, b"\0") * 128,
    "empty chunks": lambda: png(*[(b"tEXt", b"Raw profile type exif\0")] * 5000),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_costs_less_than_a_second_of_the_processor(name: str) -> None:
    content = ATTACKS[name]()
    started_s = time.thread_time()
    read(content)
    assert time.thread_time() - started_s < MAX_CPU_S


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_costs_little_memory(name: str) -> None:
    content = ATTACKS[name]()
    tracemalloc.start()
    try:
        read(content)
        assert tracemalloc.get_traced_memory()[1] < MAX_MEMORY_BYTES
    finally:
        tracemalloc.stop()


def kept_bytes(found: Directories) -> int:
    """How many bytes the values of a structure had in the file, at least."""
    return sum(len(value) for tags in found.tags.values() for value in tags.values())


@st.composite
def structures(draw: st.DrawFn) -> bytes:
    """TIFF structures whose directories overlap, point to each other, and whose counts and offsets are anything."""
    order = draw(st.sampled_from("<>"))
    offsets = st.integers(0, 4096) | st.sampled_from([0, 8, 14, 2**31, 2**32 - 1])
    content = bytearray(draw(st.binary(max_size=64)).ljust(4096, b"7"))
    content[:8] = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    for at in (8, 1024, draw(st.integers(8, 2048))):
        entries = draw(
            st.lists(
                st.tuples(
                    st.sampled_from([EXIF_POINTER, GPS_POINTER, INTEROP_POINTER]) | st.integers(0, 0xFFFF),
                    st.sampled_from(list(SIZES)) | st.integers(0, 0xFFFF),
                    st.integers(0, 4) | st.sampled_from([1024, 65_536, 2**32 - 1]),
                    offsets,
                ),
                max_size=20,
            )
        )
        told = draw(st.just(len(entries)) | st.integers(0, 0xFFFF))
        table = struct.pack(order + "H", told) + b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
        content[at : at + len(table)] = table
    return bytes(content) * draw(st.sampled_from([1, 1, 40]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(structures())
def test_no_structure_keeps_more_than_its_share(content: bytes) -> None:
    found = read_directories(BytesWindow(content))
    assert kept_bytes(found) <= MAX_TOTAL_BYTES + MAX_VALUE_BYTES
    started_s = time.thread_time()
    read(content)
    assert time.thread_time() - started_s < MAX_CPU_S


@pytest.mark.parametrize("namespace", ["http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/", "http://ns.adobe.com/xap/1.0/"])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_namespace_may_name_itself_one(namespace: str, quote: str) -> None:
    declared = f"xmlns:a={quote}{namespace}{quote} xmlns:xmp = {quote}http://ns.adobe.com/xap/1.0/{quote}"
    metadata = read(png_with_xmp(f"<x {declared} a:b='xmlns' xmp:Rating='4'>xmlns</x>".encode()))
    assert (metadata.rating, metadata.notes) == (4, ())


@pytest.mark.parametrize("name", ["xmlns", "xmlns:a", "xmlns:xmlnsa", "xmlns:" + "p" * 1000])
@pytest.mark.parametrize("namespace", ["u" * 257, "u" * 100 + "xmlns" + "u" * 200])
def test_a_long_namespace_is_refused_however_it_is_written(name: str, namespace: str) -> None:
    packet = f"<x Rating='3' {name}\t=\n'{namespace}'/>".encode()
    assert read(png_with_xmp(packet)).notes == ("xmp.refused",)


def test_a_packet_does_not_choose_its_decoder() -> None:
    packet = "<?xml version='1.0' encoding='idna'?><x xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmp:Rating='5'/>"
    assert read(png_with_xmp(packet.encode())).rating == 5


def test_exif_of_its_own_chunk_goes_before_a_profile_in_text() -> None:
    def block(make: bytes) -> bytes:
        return b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHI", 0x010F, 2, 4) + make + bytes(4)

    profile = (b"tEXt", b"Raw profile type exif\0\nexif\n 30\n" + block(b"old\0").hex().encode())
    for chunks in ((profile, (b"eXIf", block(b"new\0"))), ((b"eXIf", block(b"new\0")), profile)):
        assert read(png(*chunks)).camera_make == "new"
    assert read(png(profile, profile)).camera_make == "old"
