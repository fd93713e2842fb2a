"""Small pictures with the metadata that a test asks for; each seed gives other bytes."""

import io
import random
from datetime import datetime

import piexif
from PIL import Image


def picture(seed: int = 0, width: int = 320, height: int = 240) -> Image.Image:
    """Four fields of different colours, so that turning it shows, with a little noise from the seed."""
    rnd = random.Random(seed)  # noqa: S311 - a picture, not a secret
    image = Image.new("RGB", (width, height))
    fields = [(200, 40, 40), (40, 200, 40), (40, 40, 200), (220, 220, 60)]
    for index, colour in enumerate(fields):
        left, top = (index % 2) * width // 2, (index // 2) * height // 2
        shade = tuple(max(0, min(255, value + rnd.randint(-30, 30))) for value in colour)
        image.paste(shade, (left, top, left + width // 2 + 1, top + height // 2 + 1))
    for _ in range(20):
        image.putpixel((rnd.randrange(width), rnd.randrange(height)), tuple(rnd.randrange(256) for _ in range(3)))
    return image


def jpeg(
    seed: int = 0,
    *,
    width: int = 320,
    height: int = 240,
    taken: datetime | None = None,
    offset: str | None = None,
    orientation: int | None = None,
) -> bytes:
    """A JPEG file, with EXIF where something is given for it."""
    tags: dict[str, dict[int, object]] = {"0th": {}, "Exif": {}}
    if taken:
        tags["Exif"][piexif.ExifIFD.DateTimeOriginal] = taken.strftime("%Y:%m:%d %H:%M:%S")
    if offset:
        tags["Exif"][piexif.ExifIFD.OffsetTimeOriginal] = offset
    if orientation:
        tags["0th"][piexif.ImageIFD.Orientation] = orientation
    file = io.BytesIO()
    picture(seed, width, height).save(file, "JPEG", quality=90, exif=piexif.dump(tags))
    return file.getvalue()


def png(seed: int = 0, *, width: int = 320, height: int = 240) -> bytes:
    """A PNG file."""
    file = io.BytesIO()
    picture(seed, width, height).save(file, "PNG")
    return file.getvalue()


def webp(seed: int = 0) -> bytes:
    """A WebP file."""
    file = io.BytesIO()
    picture(seed).save(file, "WEBP", lossless=True)
    return file.getvalue()


def gif(seed: int = 0) -> bytes:
    """A GIF file."""
    file = io.BytesIO()
    picture(seed).save(file, "GIF")
    return file.getvalue()


def tiff(seed: int = 0) -> bytes:
    """A TIFF file."""
    file = io.BytesIO()
    picture(seed).save(file, "TIFF")
    return file.getvalue()


def located_jpeg(seed: int = 0) -> bytes:
    """A JPEG file that says where it was taken, by which camera, and by whom."""
    place = {
        piexif.GPSIFD.GPSLatitudeRef: "N",
        piexif.GPSIFD.GPSLatitude: ((41, 1), (9, 1), (0, 1)),
        piexif.GPSIFD.GPSLongitudeRef: "W",
        piexif.GPSIFD.GPSLongitude: ((8, 1), (37, 1), (0, 1)),
    }
    who = {piexif.ImageIFD.Make: "Makers", piexif.ImageIFD.Model: "Model 1", piexif.ImageIFD.Artist: "Ana Private"}
    file = io.BytesIO()
    picture(seed).save(file, "JPEG", exif=piexif.dump({"0th": who, "GPS": place}))
    return file.getvalue()


def heic_like(seed: int = 0) -> bytes:
    """What any look at its first bytes takes for HEIC; there is no picture in it."""
    brands = b"ftypheic\0\0\0\0mif1heic"
    return (len(brands) + 4).to_bytes(4, "big") + brands + b"\0\0\0\x10free" + seed.to_bytes(8, "big")


def mp4_like(seed: int = 0) -> bytes:
    """What any look at its first bytes takes for MP4; there is no film in it."""
    brands = b"ftypisom\0\0\2\0isomiso2avc1mp41"
    return (len(brands) + 4).to_bytes(4, "big") + brands + b"\0\0\0\x10free" + seed.to_bytes(8, "big")


def undecodable_jpeg(seed: int = 0) -> bytes:
    """The beginning of a JPEG file and nothing that could be shown."""
    return b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + seed.to_bytes(8, "big") + b"\xff\xd9"


def damaged_jpeg(seed: int = 0) -> bytes:
    """A JPEG file that ends in the middle of its picture."""
    whole = jpeg(seed, width=800, height=600)
    return whole[: len(whole) * 2 // 3]


def as_if_large(size: int) -> bytes:
    """A file of a size that is taken for a picture."""
    start = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
    return start + bytes(size - len(start))
