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
