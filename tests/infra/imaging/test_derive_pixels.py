"""What is shown: turned, converted and sized right, whatever was stored. Generated pictures, in this process."""

import errno
import io
from pathlib import Path

import numpy as np
import piexif
import pytest
import pyvips
from imaging_pictures import (
    BLUE,
    CORNERS,
    GREEN,
    RED,
    corner_colours,
    derivative,
    encoded,
    exif,
    is_near,
    jpeg,
    opened,
    quadrants,
    scene,
    turned,
)
from PIL import Image, ImageDraw

from afterglow.infra.imaging.derive import pipeline
from afterglow.infra.imaging.derive.pipeline import Deriver
from afterglow.infra.imaging.errors import (
    OutputUnwritableError,
    SourceUnreadableError,
    TooManyPixelsError,
    UndecodableError,
    UnsupportedFormatError,
)
from afterglow.infra.imaging.port import DERIVATIVE_NAMES, DeriveRequest, DeriveResult

DISPLAY_P3 = bytes(pyvips.Image.profile_load("p3"))
SRGB = bytes(pyvips.Image.profile_load("srgb"))
WHITE = (255, 255, 255)


def sizes(result: DeriveResult) -> dict[str, tuple[int, int]]:
    """Sizes of the files themselves, after making sure that the result tells the same."""
    found = {}
    for item in result.derivatives:
        picture = opened(result, item.name)
        assert picture.size == (item.width, item.height)
        assert picture.format == {"image/jpeg": "JPEG", "image/png": "PNG"}[item.mime]
        assert item.path.stat().st_size == item.size_bytes
        found[item.name] = picture.size
    return found


@pytest.mark.req("DER-1")
def test_a_photo_has_all_derivatives(derive) -> None:
    result = derive(jpeg(scene(4000, 3000)))
    assert (result.width, result.height) == (4000, 3000)
    assert tuple(item.name for item in result.derivatives) == DERIVATIVE_NAMES
    assert sizes(result) == {
        "preview": (2000, 1500),
        "400": (400, 300),
        "512": (512, 512),
        "256": (256, 256),
        "128": (128, 128),
        "64": (64, 64),
    }
    assert len(result.perceptual_hash) == 8
    assert result.damaged is None


@pytest.mark.req("DER-1")
@pytest.mark.parametrize("size", [(4032, 3024), (2016, 1512), (6000, 4000), (3840, 2160), (2049, 1200), (2001, 2001)])
def test_previews_reach_but_never_pass_their_limit(derive, size: tuple[int, int]) -> None:
    preview = derivative(derive(jpeg(scene(*size))), "preview")
    assert 1900 <= max(preview.width, preview.height) <= 2000
    assert preview.width / preview.height == pytest.approx(size[0] / size[1], rel=0.002)


@pytest.mark.req("DER-1")
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(640, 480), (2600, 1900)])
def test_every_orientation_is_shown_upright(derive, orientation: int, size: tuple[int, int]) -> None:
    stored = turned(quadrants(*size), orientation)
    result = derive(jpeg(stored, exif=exif({piexif.ImageIFD.Orientation: orientation})))
    assert (result.width, result.height) == size
    for name in DERIVATIVE_NAMES:
        assert all(map(is_near, corner_colours(opened(result, name)), CORNERS)), name


@pytest.mark.parametrize("orientation", [3, 6, 7])
@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF"])
def test_orientation_counts_in_other_formats(derive, orientation: int, format_name: str) -> None:
    block = Image.Exif()
    block[piexif.ImageIFD.Orientation] = orientation
    result = derive(encoded(turned(quadrants(300, 200), orientation), format_name, exif=block))
    assert (result.width, result.height) == (300, 200)
    assert all(
        is_near(found, wanted, 25)
        for found, wanted in zip(corner_colours(opened(result, "preview")), CORNERS, strict=True)
    )


@pytest.mark.req("DER-1")
def test_nothing_of_the_originals_metadata_is_in_a_derivative(derive) -> None:
    secret = exif({piexif.ImageIFD.Artist: "SECRET"}, {}, {piexif.GPSIFD.GPSMapDatum: "SECRET"})
    for content in (
        jpeg(scene(900, 700), exif=secret, comment=b"SECRET", icc_profile=DISPLAY_P3),
        encoded(quadrants(90, 70), "PNG", exif=secret),
    ):
        result = derive(content)
        for item in result.derivatives:
            assert b"SECRET" not in item.path.read_bytes()
            assert not {"exif", "icc_profile", "comment"} & opened(result, item.name).info.keys()


@pytest.mark.req("DER-1")
def test_colours_of_another_space_are_converted(derive) -> None:
    # This red of Display P3 is the reddest that sRGB can show: (255, 0, 0) is (234, 51, 35) there.
    stored = Image.new("RGB", (600, 400), (234, 51, 35))
    for content in (
        jpeg(stored, icc_profile=DISPLAY_P3, quality=98, subsampling=0),
        encoded(stored, "PNG", icc_profile=DISPLAY_P3),
        encoded(stored, "TIFF", icc_profile=DISPLAY_P3),
        encoded(stored, "WEBP", icc_profile=DISPLAY_P3, lossless=True),
    ):
        for name in ("preview", "64"):
            assert is_near(corner_colours(opened(derive(content), name))[0], (255, 0, 0), 6)


@pytest.mark.parametrize("profile", [SRGB, b"no profile at all", DISPLAY_P3[:200]])
def test_colours_stay_with_srgb_and_with_a_broken_profile(derive, profile: bytes) -> None:
    for content in (jpeg(quadrants(), icc_profile=profile), encoded(quadrants(), "TIFF", icc_profile=profile)):
        assert all(map(is_near, corner_colours(opened(derive(content), "preview")), CORNERS))


def test_gray_pictures(derive) -> None:
    stored = Image.new("L", (600, 400), 90)
    for content in (jpeg(stored), encoded(stored, "PNG"), encoded(stored, "TIFF")):
        assert is_near(corner_colours(opened(derive(content), "preview"))[0], (90, 90, 90), 3)


def test_pictures_of_one_bit(derive) -> None:
    stored = Image.new("1", (600, 400), 1)
    ImageDraw.Draw(stored).rectangle((0, 0, 300, 400), 0)
    for format_name, compression in (("PNG", None), ("TIFF", "group4")):
        options = {"compression": compression} if compression else {}
        shown = corner_colours(opened(derive(encoded(stored, format_name, **options)), "preview"))
        assert is_near(shown[0], (0, 0, 0))
        assert is_near(shown[1], WHITE)


@pytest.mark.parametrize("with_profile", [True, False])
def test_cmyk_pictures_are_converted(derive, with_profile: bool) -> None:
    printable = (150, 90, 80)
    stored = pyvips.Image.new_from_array(np.full((400, 600, 3), printable, dtype=np.uint8), interpretation="srgb")
    stored = stored.icc_transform("cmyk", input_profile="srgb", intent="relative")
    keep = "icc" if with_profile else "none"
    for content in (stored.jpegsave_buffer(Q=95, keep=keep), stored.tiffsave_buffer(keep=keep)):
        assert is_near(corner_colours(opened(derive(content), "preview"))[0], printable)


def test_palette_pictures(derive) -> None:
    for format_name in ("PNG", "GIF"):
        shown = corner_colours(opened(derive(encoded(quadrants().quantize(8), format_name)), "preview"))
        assert all(is_near(found, wanted, 20) for found, wanted in zip(shown, CORNERS, strict=True))


def test_sixteen_bits(derive) -> None:
    gray = Image.fromarray(np.full((400, 600), 90 * 257, dtype=np.uint16))
    for format_name in ("PNG", "TIFF"):
        assert is_near(corner_colours(opened(derive(encoded(gray, format_name)), "preview"))[0], (90, 90, 90), 3)
    colours = np.broadcast_to(np.array(BLUE, dtype=np.uint16) * 257, (40, 60, 3))
    content = pyvips.Image.new_from_array(np.ascontiguousarray(colours), interpretation="rgb16").pngsave_buffer()
    assert is_near(corner_colours(opened(derive(content), "preview"))[0], BLUE, 4)


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF"])
def test_what_is_transparent_lies_on_white(derive, format_name: str) -> None:
    stored = quadrants().convert("RGBA")
    stored.paste((0, 0, 0, 0), (0, 0, 320, 240))
    shown = corner_colours(opened(derive(encoded(stored, format_name)), "preview"))
    assert is_near(shown[0], WHITE)
    assert is_near(shown[1], GREEN, 20)


def test_an_animation_shows_its_first_frame(derive) -> None:
    later = [Image.new("RGB", (640, 480), colour) for colour in (BLUE, GREEN)]
    for format_name in ("GIF", "WEBP", "PNG"):
        content = encoded(Image.new("RGB", (640, 480), RED), format_name, save_all=True, append_images=later)
        result = derive(content)
        assert (result.width, result.height) == (640, 480)
        assert is_near(corner_colours(opened(result, "preview"))[0], RED, 20)


def test_a_tiff_of_many_pages_shows_its_first(derive) -> None:
    pages = [Image.new("RGB", (80, 60), BLUE)]
    result = derive(encoded(quadrants(640, 480), "TIFF", save_all=True, append_images=pages))
    assert (result.width, result.height) == (640, 480)
    assert all(map(is_near, corner_colours(opened(result, "preview")), CORNERS))


def test_bigtiff(derive) -> None:
    image = pyvips.Image.new_from_array(np.asarray(quadrants()), interpretation="srgb")
    result = derive(image.tiffsave_buffer(bigtiff=True, tile=True, pyramid=True))
    assert (result.width, result.height) == (640, 480)
    assert all(map(is_near, corner_colours(opened(result, "preview")), CORNERS))


def test_progressive_jpeg(derive) -> None:
    result = derive(jpeg(quadrants(2600, 1900), progressive=True))
    assert all(map(is_near, corner_colours(opened(result, "preview")), CORNERS))


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_chroma_subsampling(derive, subsampling: int) -> None:
    result = derive(jpeg(quadrants(), subsampling=subsampling))
    assert all(map(is_near, corner_colours(opened(result, "512")), CORNERS))


@pytest.mark.req("DER-1")
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (50, 30), (300, 700)])
def test_small_pictures_are_never_enlarged(derive, format_name: str, size: tuple[int, int]) -> None:
    found = sizes(derive(encoded(scene(*size), format_name)))
    assert found["preview"] == size
    assert found["400"] == size
    for edge in (64, 128, 256, 512):
        assert found[str(edge)] == (min(edge, *size),) * 2


@pytest.mark.req("DER-1")
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1), (1, 4000), (3, 16_000), (9000, 40)])
def test_threads_of_pictures(derive, format_name: str, size: tuple[int, int]) -> None:
    result = derive(encoded(scene(*size), format_name))
    found = sizes(result)
    assert (result.width, result.height) == size
    assert max(found["preview"]) == 2000
    assert found["512"] == (min(size),) * 2
    assert len(result.placeholder) > 5


@pytest.mark.parametrize("format_name", ["JPEG", "PNG"])
def test_a_panorama_keeps_enough_height_for_its_squares(derive, format_name: str) -> None:
    found = sizes(derive(encoded(scene(9000, 1100), format_name)))
    assert found["preview"] == (2000, 244)
    assert found["512"] == (512, 512)
    assert found["400"] == (400, 49)


def test_squares_show_the_middle(derive) -> None:
    stored = Image.new("RGB", (3000, 1000), RED)
    stored.paste(BLUE, (1000, 0, 2000, 1000))
    square = np.asarray(opened(derive(jpeg(stored)), "256").convert("RGB"))
    assert is_near(tuple(square[128, 4]), BLUE, 25)
    assert is_near(tuple(square[128, 251]), BLUE, 25)


@pytest.mark.req("DER-1")
def test_a_small_graphic_keeps_its_pixels(derive) -> None:
    stored = Image.new("RGB", (600, 400), WHITE)
    ImageDraw.Draw(stored).text((40, 40), "Afterglow", RED)
    for format_name in ("PNG", "GIF"):
        result = derive(encoded(stored, format_name))
        preview = derivative(result, "preview")
        assert (preview.mime, preview.path.name) == ("image/png", "preview.png")
        assert np.array_equal(np.asarray(opened(result, "preview").convert("RGB")), np.asarray(stored))


@pytest.mark.parametrize("content", [encoded(scene(600, 400), "PNG"), encoded(quadrants(3000, 2000), "PNG")])
def test_photos_and_large_graphics_stored_as_png_get_a_jpeg_preview(derive, content: bytes) -> None:
    assert derivative(derive(content), "preview").mime == "image/jpeg"


def test_the_preview_of_another_format_goes(derive, tmp_path: Path) -> None:
    derive(encoded(Image.new("RGB", (60, 40)), "PNG"))
    derive(jpeg(scene(60, 40)))
    assert sorted(path.name for path in (tmp_path / "derivatives").iterdir()) == sorted(
        f"{name}.jpg" for name in DERIVATIVE_NAMES
    )


@pytest.mark.req("LIFE-4", "DER-3")
def test_the_same_request_gives_the_same_bytes(derive, tmp_path: Path) -> None:
    content = jpeg(scene(2600, 1900))

    def run() -> dict[str, bytes]:
        result = derive(content)
        return {item.name: item.path.read_bytes() for item in result.derivatives} | {"placeholder": result.placeholder}

    first = run()
    (tmp_path / "derivatives" / "512.jpg").unlink()
    (tmp_path / "derivatives" / "64.jpg").write_bytes(b"half")
    assert run() == first


@pytest.mark.req("LIFE-4")
def test_what_a_killed_run_left_is_removed(derive, tmp_path: Path) -> None:
    folder = tmp_path / "derivatives"
    folder.mkdir()
    (folder / ".preview.jpg.4711.part").write_bytes(b"half")
    derive(jpeg(quadrants()))
    assert not list(folder.glob(".*"))


@pytest.mark.req("DER-1")
@pytest.mark.parametrize(
    ("format_name", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("JPEG", {"gray": True}),
        ("PNG", {}),
        ("GIF", {"interlace": 0}),
        ("TIFF", {}),
    ],
)
def test_a_truncated_picture_is_shown_as_far_as_it_goes_and_marked(derive, format_name: str, options: dict) -> None:
    stored = scene(1600, 1200)
    if options.pop("gray", False):
        stored = stored.convert("L")
    whole = encoded(stored, format_name, **options)
    result = derive(whole[: len(whole) * 6 // 10])
    assert result.damaged
    shown = np.asarray(opened(result, "preview").convert("RGB"), dtype=float)[:200]
    expected = np.asarray(stored.convert("RGB").resize(opened(result, "preview").size), dtype=float)[:200]
    assert np.abs(shown - expected).mean() < 12


def test_a_jpeg_that_lacks_only_its_end_is_marked(derive) -> None:
    result = derive(jpeg(quadrants())[:-2])
    assert result.damaged
    assert all(map(is_near, corner_colours(opened(result, "preview")), CORNERS))


def test_bytes_behind_the_picture_do_no_harm(derive) -> None:
    assert derive(jpeg(quadrants()) + b"ftypmp42 a film" * 1000).damaged is None


def test_a_damaged_middle_is_marked(derive) -> None:
    content = bytearray(jpeg(scene(1600, 1200)))
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    assert derive(bytes(content)).damaged


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(jpeg(quadrants())[:300], id="JPEG without its frame"),
        pytest.param(b"\xff\xd8\xff\xe0" + b"\0" * 40, id="JPEG in name only"),
        pytest.param(encoded(quadrants(), "PNG")[:60], id="PNG without pixels"),
        pytest.param(encoded(quadrants(), "WEBP")[:40], id="WebP without pixels"),
        pytest.param(encoded(quadrants(), "GIF")[:20], id="GIF without frames"),
        pytest.param(encoded(quadrants(), "TIFF", compression="tiff_lzw")[:300], id="TIFF without directory"),
        pytest.param(b"plain text", id="text"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_holds_no_picture_is_refused(derive, tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UndecodableError):
        derive(content)
    assert not (tmp_path / "derivatives").exists()


@pytest.mark.req("ING-5", "DER-5")
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_too_many_pixels_are_refused_before_any_decode(
    derive, monkeypatch: pytest.MonkeyPatch, format_name: str
) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(pipeline.JpegDecoder, "decode", decode)
    monkeypatch.setattr(pipeline.vips, "decode", decode)
    with pytest.raises(TooManyPixelsError):
        derive(encoded(quadrants(640, 480), format_name), max_pixels=640 * 480 - 1)


def test_a_bigtiff_with_too_many_pixels_is_refused(derive) -> None:
    content = pyvips.Image.black(640, 480).tiffsave_buffer(bigtiff=True)
    with pytest.raises(TooManyPixelsError):
        derive(content, max_pixels=640 * 480 - 1)


def test_formats_of_later_versions_are_refused_as_such(deriver: Deriver, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormatError):
        deriver.derive(DeriveRequest(tmp_path / "a", "image/heic", tmp_path / "out", 1))


@pytest.mark.req("ING-5")
def test_a_file_that_is_not_what_it_is_said_to_be_is_refused(deriver: Deriver, tmp_path: Path) -> None:
    source = tmp_path / "original"
    source.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(UndecodableError):
        deriver.derive(DeriveRequest(source, "image/png", tmp_path / "out", 1_000_000))


def test_a_missing_original_is_no_fault_of_the_picture(deriver: Deriver, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError) as failure:
        deriver.derive(DeriveRequest(tmp_path / "missing", "image/jpeg", tmp_path / "out", 1_000_000))
    assert str(tmp_path) not in failure.value.message


def test_a_disk_that_takes_nothing_is_no_fault_of_the_picture(derive, tmp_path: Path) -> None:
    (tmp_path / "derivatives").write_bytes(b"a file where the folder should be")
    with pytest.raises(OutputUnwritableError):
        derive(jpeg(quadrants()))


def test_a_full_disk_leaves_no_half_file(derive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputUnwritableError):
        derive(jpeg(quadrants()))
    assert not list((tmp_path / "derivatives").iterdir())


def test_pictures_do_not_run_into_each_other(derive) -> None:
    # The decoder reuses its memory: a smaller picture after a larger one shows nothing of it.
    derive(jpeg(quadrants(2600, 1900)))
    shown = np.asarray(opened(derive(jpeg(Image.new("RGB", (700, 500), BLUE))), "preview"))
    assert is_near(tuple(shown.reshape(-1, 3).min(axis=0)), BLUE)
    assert is_near(tuple(shown.reshape(-1, 3).max(axis=0)), BLUE)


def test_the_preview_is_close_to_the_original(derive) -> None:
    stored = scene(1200, 900)
    shown = Image.open(io.BytesIO(derivative(derive(jpeg(stored, quality=97)), "preview").path.read_bytes()))
    difference = np.abs(np.asarray(shown, dtype=float) - np.asarray(stored, dtype=float))
    assert difference.mean() < 3
