import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_pictures import encoded, jpeg, quadrants, tiff_block

from afterglow.infra.imaging.sniff import DERIVABLE, SNIFF_BYTES, MediaKind, sniff


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = major + b"\0\0\0\0" + b"".join(compatible)
    return struct.pack(">I", len(body) + 8) + b"ftyp" + body


def inline(text: bytes) -> bytes:
    return text.ljust(4, b"\0")


HEADS = {
    "image/jpeg": b"\xff\xd8\xff\xe1\x00\x10Exif\0\0",
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "image/webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "image/gif": b"GIF89a\1\0\1\0",
    "image/tiff": tiff_block((0x100, 3, 1, inline(b"\x10"))),
    "image/heic": ftyp(b"heic", b"mif1", b"heic"),
    "image/heif": ftyp(b"mif1", b"mif1"),
    "image/avif": ftyp(b"avif", b"avif", b"mif1", b"miaf"),
    "image/jxl": b"\xff\x0a\xfa\x1f",
    "image/bmp": b"BM" + struct.pack("<IHHII", 70, 0, 0, 54, 40),
    "image/x-adobe-dng": tiff_block((0x10F, 2, 5, b"\0\0\0\0"), (0xC612, 1, 4, b"\1\4\0\0")),
    "image/x-canon-cr2": b"II*\0\x10\0\0\0CR\x02\0",
    "image/x-canon-cr3": ftyp(b"crx ", b"crx ", b"isom"),
    "image/x-nikon-nef": tiff_block((0xFE, 4, 1, b"\1\0\0\0"), (0x10F, 2, 6, struct.pack("<I", 38)), tail=b"NIKON\0"),
    "image/x-sony-arw": tiff_block((0xFE, 4, 1, b"\1\0\0\0"), (0x10F, 2, 5, struct.pack("<I", 38)), tail=b"SONY\0"),
    "image/x-fuji-raf": b"FUJIFILMCCD-RAW 0201",
    "image/x-olympus-orf": b"IIRO\x08\0\0\0",
    "image/x-panasonic-rw2": b"IIU\0\x18\0\0\0",
    "video/mp4": ftyp(b"isom", b"isom", b"avc1"),
    "video/quicktime": ftyp(b"qt  ", b"qt  "),
    "video/webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82\x84webmB\x87\x81\2",
}  # fmt: skip

REFUSED = {
    "empty": b"",
    "one byte": b"\xff",
    "start of JPEG only": b"\xff\xd8\xff",
    "JPEG without anything": b"\xff\xd8\xff\xd9",
    "SVG": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
    "HTML": b"<!DOCTYPE html><html>",
    "PDF": b"%PDF-1.7\n",
    "PDF before a JPEG": b"%PDF-1.3\n\xff\xd8\xff\xe0",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0",
    "ZIP": b"PK\3\4\x14\0",
    "text that begins like a bitmap": b"BMW 2002, engine bay, restored in 1998",
    "icon": b"\0\0\1\0\1\0\x10\x10",
    "program": b"MZ\x90\0\3\0\0\0",
    "audio": ftyp(b"M4A ", b"M4A ", b"mp42", b"isom"),
    "JPEG 2000": ftyp(b"jp2 ", b"jp2 "),
    "Matroska": b"\x1aE\xdf\xa3\x9fB\x82\x88matroska",
    "WAV": b"RIFF\x24\0\0\0WAVEfmt ",
    "XMP": b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>",
}


@pytest.mark.req("ING-5", "ING-6")
@pytest.mark.parametrize("mime", HEADS)
def test_content_names_the_type(mime: str) -> None:
    media_type = sniff(HEADS[mime])
    assert media_type is not None
    assert media_type.mime == mime
    assert media_type.kind is (MediaKind.VIDEO if mime.startswith("video/") else MediaKind.PHOTO)


@pytest.mark.req("ING-5")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_photo_and_no_video_is_not_taken(name: str) -> None:
    assert sniff(REFUSED[name]) is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_of_tiff(order: str) -> None:
    media_type = sniff(tiff_block(order=order))
    assert media_type is not None
    assert media_type.mime == "image/tiff"


def test_a_nikon_picture_saved_as_tiff_is_no_raw() -> None:
    head = tiff_block((0xFE, 4, 1, b"\0\0\0\0"), (0x10F, 2, 6, struct.pack("<I", 38)), tail=b"NIKON\0")
    media_type = sniff(head)
    assert media_type is not None
    assert media_type.mime == "image/tiff"


def test_a_video_of_an_unknown_brand_counts_by_what_it_is_compatible_with() -> None:
    media_type = sniff(ftyp(b"mp4v", b"mp42", b"isom"))
    assert media_type is not None
    assert media_type.mime == "video/mp4"


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_real_encoders_are_recognised_and_derivable(format_name: str) -> None:
    media_type = sniff(encoded(quadrants(), format_name)[:SNIFF_BYTES])
    assert media_type is not None
    assert media_type.mime in DERIVABLE


@given(st.binary(max_size=64), st.sampled_from([b"", *HEADS.values()]))
def test_any_bytes_are_answered(tail: bytes, head: bytes) -> None:
    for content in (head + tail, head[: len(tail)] + tail):
        media_type = sniff(content)
        assert media_type is None or media_type.extension.isalnum()


def test_the_picture_is_found_whatever_follows_it() -> None:
    media_type = sniff((jpeg(quadrants()) + b"PK\3\4")[:SNIFF_BYTES])
    assert media_type is not None
    assert media_type.extension == "jpg"


@pytest.mark.corpus
@pytest.mark.req("ING-5")
@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("gif_as.mp4", "image/gif"),
        ("heic_as.jpg", "image/heic"),
        ("mp4_as.jpg", "video/mp4"),
        ("webp_as.jpg", "image/webp"),
        ("jpeg_as.png", "image/jpeg"),
        ("double.jpg.exe", "image/jpeg"),
        ("exe_as.jpg", None),
        ("html_as.jpg", None),
        ("svg_as.png", None),
        ("pdf_as.png", None),
        ("text_as.heic", None),
        ("Thumbs.db", None),
    ],
)
def test_names_do_not_count(corpus: Path, name: str, mime: str | None) -> None:
    with (corpus / "malformed" / "generated" / "wrong_ext" / name).open("rb") as file:
        media_type = sniff(file.read(SNIFF_BYTES))
    assert (media_type.mime if media_type else None) == mime
