"""Pictures of the suite's own, small and generated."""

import io
import struct

import numpy as np
import piexif
from PIL import Image

from afterglow.infra.imaging.port import Derivative, DeriveResult

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 200, 40), (30, 40, 220), (230, 220, 40)
CORNERS = (RED, GREEN, BLUE, YELLOW)
"""Top left, top right, bottom left, bottom right of `quadrants`."""


def quadrants(width: int = 640, height: int = 480) -> Image.Image:
    """Four colours, so that every turn and mirroring can be told apart."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    picture.paste(YELLOW, (width // 2, height // 2, width, height))
    return picture


def scene(width: int, height: int, seed: int = 1) -> Image.Image:
    """Soft blobs with some detail: like a photo, and another for every seed."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 255, (9, 12, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_name, **options)
    return buffer.getvalue()


def jpeg(picture: Image.Image, **options: object) -> bytes:
    return encoded(picture, "JPEG", **({"quality": 92} | options))


def turned(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture as a camera stores it that writes this orientation: the inverse of what has to be shown."""
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return picture.transpose(inverse[orientation]) if orientation in inverse else picture


def exif(ifd0: dict | None = None, exif_tags: dict | None = None, gps: dict | None = None) -> bytes:
    return piexif.dump({"0th": ifd0 or {}, "Exif": exif_tags or {}, "GPS": gps or {}})


def exif_jpeg(ifd0: dict | None = None, exif_tags: dict | None = None, gps: dict | None = None) -> bytes:
    return jpeg(Image.new("RGB", (16, 16)), exif=exif(ifd0, exif_tags, gps))


def tiff_block(*entries: tuple[int, int, int, bytes], order: str = "<", tail: bytes = b"") -> bytes:
    """A TIFF structure with one directory, written by hand: (tag, type, count, four bytes of value or offset)."""
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    table = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        table += struct.pack(order + "HHI", tag, kind, count) + value
    return head + table + b"\0\0\0\0" + tail


def jpeg_with_segment(marker: int, content: bytes) -> bytes:
    """A small JPEG with one more segment right after its start."""
    plain = jpeg(Image.new("RGB", (16, 16), RED))
    return plain[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + plain[2:]


def jpeg_with_exif(block: bytes) -> bytes:
    return jpeg_with_segment(0xE1, b"Exif\0\0" + block)


def opened(result: DeriveResult, name: str) -> Image.Image:
    picture = Image.open(derivative(result, name).path)
    picture.load()
    return picture


def derivative(result: DeriveResult, name: str) -> Derivative:
    return next(item for item in result.derivatives if item.name == name)


def corner_colours(picture: Image.Image) -> list[tuple[int, int, int]]:
    width, height = picture.size
    places = [(width // 4, height // 4), (3 * width // 4, height // 4)]
    places += [(x, 3 * height // 4) for x, _ in places]
    return [picture.convert("RGB").getpixel(place) for place in places]


def is_near(colour: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 12) -> bool:
    return all(abs(part - want) <= tolerance for part, want in zip(colour, wanted, strict=True))
