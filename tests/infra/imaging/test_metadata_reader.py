import zlib
from datetime import UTC, datetime
from pathlib import Path

import piexif
import pytest
from imaging_pictures import encoded, exif, exif_jpeg, jpeg, jpeg_with_exif, jpeg_with_segment, quadrants, tiff_block
from PIL import Image, PngImagePlugin

from afterglow.infra.imaging.metadata import EMPTY, Metadata, read_metadata
from afterglow.kernel.clock import utc_now

IFD0, EXIF, GPS = piexif.ImageIFD, piexif.ExifIFD, piexif.GPSIFD
PARIS = {
    GPS.GPSLatitudeRef: "N",
    GPS.GPSLatitude: ((48, 1), (51, 1), (3024, 100)),
    GPS.GPSLongitudeRef: "E",
    GPS.GPSLongitude: ((2, 1), (17, 1), (4020, 100)),
}


@pytest.fixture
def read(tmp_path: Path):
    def run(content: bytes) -> Metadata:
        path = tmp_path / "original"
        path.write_bytes(content)
        return read_metadata(path)

    return run


def xmp_packet(properties: str) -> bytes:
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
        f"{properties}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    ).encode()


def with_xmp(packet: bytes) -> bytes:
    return jpeg_with_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)


@pytest.mark.req("ING-7")
def test_a_camera_file_tells_all(read) -> None:
    metadata = read(
        exif_jpeg(
            {
                IFD0.Make: "Canon ",
                IFD0.Model: "Canon EOS 70D",
                IFD0.Orientation: 6,
                IFD0.ImageDescription: "By the lake",
            },
            {
                EXIF.DateTimeOriginal: "2023:07:09 20:36:33",
                EXIF.SubSecTimeOriginal: "616",
                EXIF.OffsetTimeOriginal: "+08:00",
                EXIF.LensModel: "EF-S18-135mm",
                EXIF.ISOSpeedRatings: 400,
                EXIF.FNumber: (56, 10),
                EXIF.ExposureTime: (1, 250),
                EXIF.FocalLength: (35, 1),
            },
            PARIS | {GPS.GPSAltitudeRef: 1, GPS.GPSAltitude: (125, 10)},
        )
    )
    assert metadata.taken_local == datetime(2023, 7, 9, 20, 36, 33, 616_000)
    assert (metadata.offset_minutes, metadata.taken_source) == (480, "exif")
    assert (metadata.camera_make, metadata.camera_model, metadata.lens) == ("Canon", "Canon EOS 70D", "EF-S18-135mm")
    assert (metadata.iso, metadata.aperture, metadata.exposure_s, metadata.focal_length_mm) == (400, 5.6, 0.004, 35)
    assert (metadata.latitude, metadata.longitude) == (pytest.approx(48.8584), pytest.approx(2.2945))
    assert metadata.altitude_m == -12.5
    assert (metadata.orientation, metadata.description) == (6, "By the lake")
    assert metadata.notes == ()


@pytest.mark.req("ING-7")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_is_told_after_orientation(read, orientation: int) -> None:
    metadata = read(jpeg(quadrants(40, 24), exif=exif({IFD0.Orientation: orientation})))
    assert metadata.orientation == orientation
    assert (metadata.width, metadata.height) == ((24, 40) if orientation >= 5 else (40, 24))


@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
def test_impossible_orientations_count_as_upright(read, orientation: int) -> None:
    metadata = read(exif_jpeg({IFD0.Orientation: orientation}))
    assert metadata.orientation == 1
    assert any(note.startswith("orientation.absurd") for note in metadata.notes) == (orientation != 0)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_size_is_read_without_decoding(read, format_name: str) -> None:
    metadata = read(encoded(quadrants(123, 45), format_name))
    assert (metadata.width, metadata.height) == (123, 45)


def test_size_of_lossless_and_of_animated_webp(read) -> None:
    lossless = read(encoded(quadrants(123, 45), "WEBP", lossless=True))
    animated = read(encoded(quadrants(123, 45), "WEBP", save_all=True, append_images=[Image.new("RGB", (123, 45))]))
    assert (lossless.width, lossless.height) == (animated.width, animated.height) == (123, 45)


def test_size_of_progressive_and_gray_jpeg(read) -> None:
    for content in (jpeg(quadrants(123, 45), progressive=True), jpeg(quadrants(123, 45).convert("L"))):
        assert (read(content).width, read(content).height) == (123, 45)


@pytest.mark.req("ING-7")
@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF"])
def test_exif_in_other_containers(read, format_name: str) -> None:
    block = Image.Exif()
    block[IFD0.Make] = "Pentax"
    block[IFD0.DateTime] = "2008:05:04 16:47:24"
    metadata = read(encoded(quadrants(), format_name, exif=block))
    assert metadata.camera_make == "Pentax"
    assert metadata.taken_local == datetime(2008, 5, 4, 16, 47, 24)


@pytest.mark.parametrize("compressed", [True, False])
def test_exif_in_the_text_of_a_png(read, compressed: bool) -> None:
    block = exif({IFD0.Make: "Imaged"}).hex()
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(block) // 2:8}\n{block[:72]}\n{block[72:]}\n", zip=compressed)
    assert read(encoded(quadrants(), "PNG", pnginfo=info)).camera_make == "Imaged"


def test_an_inflating_text_chunk_is_cut(read) -> None:
    bomb = zlib.compress(b"\nexif\n 99\n" + b"0" * 50_000_000)
    chunk = b"Raw profile type exif\0\0" + bomb
    png = encoded(quadrants(), "PNG")
    content = (
        png[:33] + len(chunk).to_bytes(4, "big") + b"zTXt" + chunk + zlib.crc32(b"zTXt" + chunk).to_bytes(4, "big")
    )
    assert read(content + png[33:]).camera_make is None


def test_the_date_of_taking_goes_before_digitising_before_changing(read) -> None:
    dates = {EXIF.DateTimeOriginal: "2001:01:01 01:01:01", EXIF.DateTimeDigitized: "2002:02:02 02:02:02"}
    changed = {IFD0.DateTime: "2003:03:03 03:03:03"}
    assert read(exif_jpeg(changed, dates)).taken_local == datetime(2001, 1, 1, 1, 1, 1)
    del dates[EXIF.DateTimeOriginal]
    assert read(exif_jpeg(changed, dates)).taken_local == datetime(2002, 2, 2, 2, 2, 2)
    assert read(exif_jpeg(changed)).taken_local == datetime(2003, 3, 3, 3, 3, 3)


def test_each_date_has_its_own_offset(read) -> None:
    tags = {
        EXIF.DateTimeDigitized: "2002:02:02 02:02:02",
        EXIF.OffsetTimeDigitized: "-03:30",
        EXIF.OffsetTime: "+01:00",
    }
    assert read(exif_jpeg({}, tags)).offset_minutes == -210


@pytest.mark.req("ING-7")
@pytest.mark.parametrize(
    "written",
    [
        "0000:00:00 00:00:00",
        "0001:01:01 00:00:00",
        "1825:12:31 23:59:59",
        "9999:12:31 23:59:59",
        "2021:02:30 10:00:00",
        "2021:02:03 25:61:61",
        "    :  :     :  :  ",
        "not a date at all!!",
        "2020:05",
        "-001:01:01 00:00:00",
        f"{utc_now().year + 2}:01:01 00:00:00",
    ],
)
def test_absurd_dates_are_dropped_with_a_note(read, written: str) -> None:
    metadata = read(exif_jpeg({}, {EXIF.DateTimeOriginal: written}))
    assert metadata.taken_local is None
    assert metadata.taken_source is None
    assert any(note.startswith("date.") for note in metadata.notes)


def test_the_next_date_stands_in_for_an_absurd_one(read) -> None:
    metadata = read(exif_jpeg({IFD0.DateTime: "2016:04:16 17:07:46"}, {EXIF.DateTimeOriginal: "0000:00:00 00:00:00"}))
    assert metadata.taken_local == datetime(2016, 4, 16, 17, 7, 46)
    assert "date.absurd: 0000:00:00 00:00:00" in metadata.notes


@pytest.mark.parametrize(
    ("written", "local", "offset"),
    [
        ("1826:01:01 00:00:00", datetime(1826, 1, 1), None),
        ("2021-02-03T04:05:06", datetime(2021, 2, 3, 4, 5, 6), None),
        ("2020:05:05 10:10:10+02:00", datetime(2020, 5, 5, 10, 10, 10), 120),
        ("2009:09:09 20:27:09.60:04:00", datetime(2009, 9, 9, 20, 27, 9, 600_000), None),
    ],
)
def test_unusual_dates_that_can_be_understood(read, written: str, local: datetime, offset: int | None) -> None:
    metadata = read(exif_jpeg({}, {EXIF.DateTimeOriginal: written}))
    assert (metadata.taken_local, metadata.offset_minutes) == (local, offset)


@pytest.mark.parametrize(
    ("written", "offset"),
    [
        ("+05:45", 345),
        ("-12:00", -720),
        ("+14:00", 840),
        ("Z", 0),
        ("+99:99", None),
        ("abcdef", None),
        ("-12:30", None),
    ],
)
def test_offsets(read, written: str, offset: int | None) -> None:
    tags = {EXIF.DateTimeOriginal: "2022:06:15 12:00:00", EXIF.OffsetTimeOriginal: written}
    metadata = read(exif_jpeg({}, tags))
    assert metadata.offset_minutes == offset
    assert any(note.startswith("offset.absurd") for note in metadata.notes) == (offset is None)


@pytest.mark.req("ING-7")
@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({GPS.GPSLatitude: ((0, 1),) * 3, GPS.GPSLongitude: ((0, 1),) * 3}, "gps.zero"),
        ({GPS.GPSLatitude: ((91, 1), (0, 1), (0, 1))}, "gps.out-of-range"),
        ({GPS.GPSLongitude: ((181, 1), (0, 1), (0, 1))}, "gps.out-of-range"),
        ({GPS.GPSLatitude: ((4294967295, 1), (0, 1), (0, 1))}, "gps.out-of-range"),
        ({GPS.GPSLatitude: ((48, 1), (61, 1), (0, 1))}, "gps.unreadable"),
        ({GPS.GPSLatitude: ((48, 0), (51, 1), (0, 1))}, "gps.unreadable"),
        ({GPS.GPSLatitude: ((0, 0), (0, 0), (0, 0))}, "gps.unreadable"),
        ({GPS.GPSLatitudeRef: "Q"}, "gps.unreadable"),
        ({GPS.GPSLatitudeRef: ""}, "gps.unreadable"),
    ],
)
def test_absurd_positions_are_dropped_with_a_note(read, change: dict, note: str) -> None:
    metadata = read(exif_jpeg({}, {}, PARIS | change))
    assert (metadata.latitude, metadata.longitude) == (None, None)
    assert note in metadata.notes


def test_south_and_west_are_negative(read) -> None:
    metadata = read(exif_jpeg({}, {}, PARIS | {GPS.GPSLatitudeRef: "S", GPS.GPSLongitudeRef: "W"}))
    assert (metadata.latitude, metadata.longitude) == (pytest.approx(-48.8584), pytest.approx(-2.2945))


def test_time_of_the_fix_is_utc(read) -> None:
    clock = {GPS.GPSDateStamp: "2023:06:07", GPS.GPSTimeStamp: ((12, 1), (45, 1), (55, 1))}
    assert read(exif_jpeg({}, {}, clock)).gps_utc == datetime(2023, 6, 7, 12, 45, 55, tzinfo=UTC)
    for absurd in ({GPS.GPSDateStamp: "9999:99:99"}, {GPS.GPSTimeStamp: ((99, 1), (0, 1), (0, 1))}):
        metadata = read(exif_jpeg({}, {}, clock | absurd))
        assert metadata.gps_utc is None
        assert any(note.startswith("gps.time-absurd") for note in metadata.notes)


@pytest.mark.parametrize(("metres", "altitude"), [((8848, 1), 8848), ((4294967295, 1), None), ((1, 0), None)])
def test_altitudes(read, metres: tuple[int, int], altitude: float | None) -> None:
    assert read(exif_jpeg({}, {}, {GPS.GPSAltitudeRef: 0, GPS.GPSAltitude: metres})).altitude_m == altitude


def test_apex_values_stand_in_for_missing_ones(read) -> None:
    metadata = read(exif_jpeg({}, {EXIF.ShutterSpeedValue: (6, 1), EXIF.ApertureValue: (4, 1)}))
    assert (metadata.exposure_s, metadata.aperture) == (1 / 64, 4.0)


@pytest.mark.parametrize("tag", [EXIF.FNumber, EXIF.ExposureTime, EXIF.FocalLength])
@pytest.mark.parametrize("fraction", [(1, 0), (0, 0), (0, 1), (4294967295, 1)])
def test_impossible_exposure_is_not_told(read, tag: int, fraction: tuple[int, int]) -> None:
    metadata = read(exif_jpeg({}, {tag: fraction}))
    assert (metadata.aperture, metadata.exposure_s, metadata.focal_length_mm) == (None, None, None)


def test_sensitivity_beyond_sixteen_bits(read) -> None:
    assert read(exif_jpeg({}, {EXIF.ISOSpeedRatings: 65535, EXIF.RecommendedExposureIndex: 102400})).iso == 102400


@pytest.mark.parametrize(
    "stock", ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "Exif_JPEG_PICTURE", "DCIM\\100MEDIA\\DJI_1.JPG"]
)
def test_what_a_camera_writes_into_every_picture_is_no_description(read, stock: str) -> None:
    metadata = read(exif_jpeg({IFD0.ImageDescription: stock}))
    assert metadata.description is None
    assert "description.stock" in metadata.notes
    assert metadata.tags["IFD0:ImageDescription"] == stock


def test_words_that_name_a_maker_are_a_description(read) -> None:
    assert read(exif_jpeg({IFD0.ImageDescription: "Sony building, Tokyo"})).description == "Sony building, Tokyo"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Gdańsk 👩‍👩‍👧".encode(), "Gdańsk 👩‍👩‍👧"),
        (b"caf\xe9", "café"),
        (b"before\0after", "before"),
        (b"a\r\nb\x1b[31m", "a\nb[31m"),
        (b"x" * 60_000, "x" * 4096),
    ],
)
def test_text_is_valid_whatever_was_written(read, written: bytes, text: str) -> None:
    assert read(exif_jpeg({IFD0.ImageDescription: written})).description == text


def test_windows_words_and_rating(read) -> None:
    tags = {
        IFD0.XPKeywords: "lake;summer; lake".encode("utf-16-le") + b"\0\0",
        IFD0.XPTitle: "Ünder".encode("utf-16-le"),
    }
    metadata = read(exif_jpeg(tags | {IFD0.Rating: 4}))
    assert (metadata.keywords, metadata.description, metadata.rating) == (("lake", "summer"), "Ünder", 4)


def test_a_comment_in_unicode_follows_the_byte_order_of_the_file(read) -> None:
    comment = b"UNICODE\0" + "späť".encode("utf-16-be")  # piexif writes big-endian files
    metadata = read(exif_jpeg({}, {EXIF.UserComment: comment}))
    assert metadata.description == metadata.tags["EXIF:UserComment"] == "späť"


@pytest.mark.req("ING-7")
def test_the_raw_tag_set_is_kept_by_name(read) -> None:
    metadata = read(
        exif_jpeg({IFD0.Make: "Canon"}, {EXIF.ExposureTime: (1, 250), EXIF.MakerNote: b"\0\1" * 600}, PARIS)
    )
    assert metadata.tags["IFD0:Make"] == "Canon"
    assert metadata.tags["EXIF:ExposureTime"] == "1/250"
    assert metadata.tags["EXIF:MakerNote"] == {"bytes": 1200}
    assert metadata.tags["GPS:GPSLatitude"] == ["48/1", "51/1", "3024/100"]


def test_unknown_tags_are_named_by_their_number(read) -> None:
    block = tiff_block((0xFDE8, 3, 1, b"\7\0\0\0"), (0xFDE9, 7, 2, b"\xab\xcd\0\0"), (0xFDEA, 11, 1, b"\0\0\xc0\x7f"))
    tags = read(jpeg_with_exif(block)).tags
    assert tags == {"IFD0:0xfde8": 7, "IFD0:0xfde9": {"hex": "abcd"}, "IFD0:0xfdea": None}


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders(read, order: str) -> None:
    make = tiff_block(
        (0x10F, 2, 3, b"Ab\0\0"), (0x112, 3, 1, b"\0\3\0\0" if order == ">" else b"\3\0\0\0"), order=order
    )
    metadata = read(jpeg_with_exif(make))
    assert (metadata.camera_make, metadata.orientation) == ("Ab", 3)


def test_garbage_between_segments_is_stepped_over(read) -> None:
    plain = jpeg(quadrants(40, 24), exif=exif({IFD0.Make: "Kodak"}))
    length = 4 + int.from_bytes(plain[4:6], "big")
    metadata = read(plain[:length] + b"\0garbage\0" + b"\xff" * 5 + plain[length:])
    assert (metadata.width, metadata.height) == (40, 24)


def test_the_first_of_two_exif_segments_counts(read) -> None:
    first, second = (tiff_block((0x10F, 2, 2, name)) for name in (b"A\0\0\0", b"B\0\0\0"))
    both = jpeg_with_exif(first)
    extra = b"\xff\xe1" + (len(second) + 8).to_bytes(2, "big") + b"Exif\0\0" + second
    at = 4 + int.from_bytes(both[4:6], "big")
    metadata = read(both[:at] + extra + both[at:])
    assert metadata.camera_make == "A"
    assert "exif.second-segment" in metadata.notes


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param((0x8769, 4, 1, b"\x08\0\0\0"), id="a directory that points to itself"),
        pytest.param((0x8769, 4, 1, b"\xff\xff\xff\xff"), id="a directory outside the file"),
        pytest.param((0x10F, 2, 0xFFFFFFFF, b"\xff\xff\xff\x7f"), id="a text outside the file"),
        pytest.param((0x10F, 99, 1, b"\0\0\0\0"), id="a type that does not exist"),
    ],
)
def test_broken_structure_costs_a_note(read, entry: tuple[int, int, int, bytes]) -> None:
    metadata = read(jpeg_with_exif(tiff_block(entry, (0x112, 3, 1, b"\6\0\0\0"))))
    assert metadata.orientation == 6
    assert any(note.startswith("exif.") for note in metadata.notes)


def test_a_huge_count_reads_what_is_there(read) -> None:
    block = tiff_block((0x10F, 2, 0xFFFFFFFF, (26).to_bytes(4, "little")), tail=b"Leica\0")
    assert read(jpeg_with_exif(block)).camera_make == "Leica"


def test_xmp_gives_words_and_rating(read) -> None:
    packet = xmp_packet(
        ' xmp:Rating="5" photoshop:DateCreated="2013-01-31T12:34:56+01:00"><dc:subject><rdf:Bag><rdf:li>lake</rdf:li>'
        "<rdf:li>summer</rdf:li></rdf:Bag></dc:subject><dc:description><rdf:Alt>"
        '<rdf:li xml:lang="x-default">By the lake</rdf:li></rdf:Alt></dc:description>'
    )
    metadata = read(with_xmp(packet))
    assert (metadata.rating, metadata.keywords, metadata.description) == (5, ("lake", "summer"), "By the lake")
    assert (metadata.taken_local, metadata.offset_minutes) == (datetime(2013, 1, 31, 12, 34, 56), 60)
    assert metadata.taken_source == "xmp"


@pytest.mark.parametrize("rating", ["-1", "6", "many", "1e999", "nan"])
def test_impossible_ratings_are_dropped(read, rating: str) -> None:
    metadata = read(with_xmp(xmp_packet(f' xmp:Rating="{rating}">')))
    assert metadata.rating is None
    assert any(note.startswith("rating.") for note in metadata.notes)


@pytest.mark.req("ING-5", "ING-7")
def test_xmp_with_entities_is_refused_unread(read) -> None:
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    metadata = read(with_xmp(entities + xmp_packet(' xmp:Rating="5">').replace(b"5", b"&b;")))
    assert metadata.rating is None
    assert "xmp.refused" in metadata.notes


@pytest.mark.parametrize("packet", [b"<x Rating", b"Rating" + b"<a>" * 15_000, b"\xff\xfeRating", b"Rating=\0&"])
def test_broken_xmp_costs_a_note(read, packet: bytes) -> None:
    assert {"xmp.unreadable", "xmp.refused"} & set(read(with_xmp(packet)).notes)


def test_deeply_nested_xmp_is_survived(read) -> None:
    depth = 9_000
    metadata = read(with_xmp(b"<Rating>" + b"<a>" * depth + b"</a>" * depth + b"</Rating>"))
    assert metadata.width == 16


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"PK\3\4", b"%PDF-1.7", b"plain text"])
def test_other_files_tell_nothing(read, content: bytes) -> None:
    assert read(content) == EMPTY


def test_a_film_behind_the_picture_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "motion.jpg"
    path.write_bytes(exif_jpeg({IFD0.Make: "Google"}))
    with path.open("r+b") as file:
        file.truncate(50 * 1024**3)  # sparse
    assert read_metadata(path).camera_make == "Google"


def test_a_directory_far_behind_in_a_large_tiff_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    block = tiff_block((0x100, 4, 1, b"\x10\0\0\0"), (0x101, 4, 1, b"\x20\0\0\0"))
    with path.open("wb") as file:
        file.write(b"II*\0" + (1_000_000_000).to_bytes(4, "little"))
        file.seek(1_000_000_000)
        file.write(block[8:])
    metadata = read_metadata(path)
    assert (metadata.width, metadata.height) == (16, 32)


def test_a_missing_file_is_the_callers_business(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_metadata(tmp_path / "missing.jpg")
