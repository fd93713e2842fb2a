"""CPU per photo of our imaging path, beside the floor and plain Pillow, in one run."""

import hashlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import simplejpeg
from PIL import Image, ImageOps

from afterglow.infra.imaging.derive.pipeline import Deriver
from afterglow.infra.imaging.metadata import read_metadata
from afterglow.infra.imaging.port import DeriveRequest
from kit import SHARED, bench_photos, report

ROUNDS = 3
MAX_PIXELS = 250_000_000


def main() -> None:
    """Run the benchmark."""
    measure("imaging", bench_photos(int(os.environ.get("BENCH_IMAGING_PHOTOS", "24"))))
    if corpus := sorted((SHARED / "corpus" / "exif").rglob("*.jpg")):
        measure("imaging-corpus", [photo for photo in corpus if photo.stat().st_size > 1_000_000][:24])


def measure(name: str, photos: list[Path]) -> None:
    """Print the median over photos of the best of some rounds, for each way."""
    with tempfile.TemporaryDirectory() as folder:
        deriver = Deriver()

        def ours(photo: Path) -> None:
            hashlib.sha256(photo.read_bytes()).digest()
            read_metadata(photo)
            deriver.derive(DeriveRequest(photo, "image/jpeg", Path(folder), MAX_PIXELS))

        ways: dict[str, Callable[[Path], None]] = {"ours": ours, "floor": floor, "pillow": pillow}
        best = {
            way: [min(cpu_ms(work, photo) for _ in range(ROUNDS)) for photo in photos] for way, work in ways.items()
        }
    median = {way: statistics.median(values) for way, values in best.items()}
    report(
        name,
        photos=len(photos),
        cpu_ms={way: round(value, 1) for way, value in median.items()},
        ratio_to_floor=round(statistics.median(o / f for o, f in zip(best["ours"], best["floor"], strict=True)), 2),
        ratio_to_pillow=round(median["ours"] / median["pillow"], 2),
    )


def best_cpu_ms(work: Callable[[Path], None], photo: Path) -> float:
    """Return the CPU time of the best of some rounds, in milliseconds."""
    return min(cpu_ms(work, photo) for _ in range(ROUNDS))


def cpu_ms(work: Callable[[Path], None], photo: Path) -> float:
    """Return the CPU time of one call in milliseconds."""
    started = time.process_time_ns()
    work(photo)
    return (time.process_time_ns() - started) / 1e6


def floor(photo: Path) -> None:
    """SHA-256 and an entropy decode at 1/8: what nobody gets below."""
    content = photo.read_bytes()
    hashlib.sha256(content).digest()
    simplejpeg.decode_jpeg(content, "RGB", min_factor=8, min_height=1, min_width=1)


def pillow(photo: Path) -> None:
    """Do the same work as anybody would write it first."""
    content = photo.read_bytes()
    hashlib.sha256(content).digest()
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)).convert("RGB"))
    preview = image.copy()
    preview.thumbnail((2000, 2000), Image.Resampling.LANCZOS)
    encode(preview, 85)
    for edge_px in (512, 256, 128, 64):
        encode(ImageOps.fit(image, (edge_px, edge_px), Image.Resampling.LANCZOS), 80)
    image.thumbnail((400, 100_000), Image.Resampling.LANCZOS)
    encode(image, 80)


def encode(image: Image.Image, quality: int) -> None:
    """Write a JPEG to memory."""
    image.save(io.BytesIO(), "JPEG", quality=quality, progressive=True, optimize=True)


if __name__ == "__main__":
    main()
