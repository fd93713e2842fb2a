"""Dates, zones and orientation of real cameras' files.

The expected values were read with ExifTool 12.57 (`-EXIF:DateTimeOriginal -EXIF:OffsetTimeOriginal -IFD0:Orientation`),
not with the reader under test.
"""

from datetime import datetime
from pathlib import Path

import pytest

from afterglow.infra.imaging.metadata import read_metadata

pytestmark = [pytest.mark.corpus, pytest.mark.req("ING-7")]

FILES = [
    ("Lychee/mongolia.jpeg", "2011-08-17 16:39:37", None, 1),
    ("exif-samples/32-lens_data.jpeg", "2012-07-14 16:30:12", None, 1),
    ("exif-samples/Canon_PowerShot_S40.jpg", "2003-12-14 12:01:44", None, 1),
    ("exif-samples/DSCN0012.jpg", "2008-10-22 16:29:49", None, 1),
    ("exif-samples/Fujifilm_FinePix_E500.jpg", "2006-08-17 09:24:48", None, 1),
    ("exif-samples/HMD_Nokia_8.3_5G.jpg", "2022-08-14 14:12:31", "+03:00", 1),
    ("exif-samples/Konica_Minolta_DiMAGE_Z3.jpg", "2005-03-10 15:10:48", None, 1),
    ("exif-samples/Nikon_D70.jpg", "2008-03-15 09:52:01", None, 1),
    ("exif-samples/Pentax_K10D.jpg", "2008-05-04 16:47:24", None, 1),
    ("exif-samples/Ricoh_Caplio_RR330.jpg", "2004-08-31 19:52:58", None, 1),
    ("exif-samples/Sony_HDR-HC3.jpg", "2007-06-15 04:42:32", None, 1),
    ("exif-samples/sanyo-vpcg250.jpg", "1998-01-01 00:00:00", None, 1),
    ("exiftool/Canon1DmkIII.jpg", "2007-02-22 17:02:42", None, 1),
    ("exiftool/Casio2.jpg", "2003-06-18 16:54:37", None, 1),
    ("exiftool/GE.jpg", "2008-09-17 04:18:57", None, 1),
    ("exiftool/GoPro.jpg", "2017-10-03 10:58:29", None, 1),
    ("exiftool/Minolta.jpg", "2002-06-01 12:37:27", None, 1),
    ("exiftool/Olympus2.jpg", "2007-02-16 15:09:13", None, 1),
    ("exiftool/Panasonic.jpg", "2004-08-28 15:55:46", None, 1),
    ("exiftool/Sigma.jpg", "2003-11-27 10:31:34", None, 1),
    ("libavif/paris_exif_xmp_gainmap_bigendian.jpg", "2022-08-24 20:07:42", "+00:00", 1),
    ("libavif/paris_exif_xmp_icc.jpg", "2022-08-22 20:30:46", "+02:00", 1),
    ("libavif/paris_icc_exif_xmp.png", "2022-08-22 20:30:46", "+02:00", 1),
    ("metadata-extractor-images/Apple iPhone 5.jpg", "2012-09-29 16:11:25", None, 3),
    ("metadata-extractor-images/Canon EOS REBEL T3i.jpg", "2014-03-05 05:28:09", None, 1),
    ("metadata-extractor-images/FujiFilm DS-7 (2).jpg", "1996-11-04 14:55:52", None, 1),
    ("metadata-extractor-images/HP PhotoSmart 735.jpg", "2004-10-19 06:10:01", None, 1),
    ("metadata-extractor-images/Issue 508.jpg", "2020-09-02 18:52:42", None, 1),
    ("metadata-extractor-images/Kodak DC3400.jpg", "2002-01-09 22:07:02", None, 1),
    ("metadata-extractor-images/Nikon D5000.jpg", "2011-03-12 15:36:11", None, 1),
    ("metadata-extractor-images/Pentax Optio S4.jpg", "2004-09-04 19:52:06", None, 1),
    ("metadata-extractor-images/Ricoh DC-3Z (low res).jpg", "1997-02-02 00:50:30", None, 1),
    ("metadata-extractor-images/Sony DSC-P12.jpg", "2003-08-27 13:09:56", None, 1),
    ("nom-exif/exif-both.png", "2023-07-09 20:36:33", "+08:00", 1),
    ("nom-exif/exif-legacy.png", "2023-07-09 20:36:33", "+08:00", 1),
    ("nom-exif/exif.png", "2023-07-09 20:36:33", "+08:00", 1),
    ("pigallery2/Chars.jpg", "2024-01-31 00:02:07", "+01:00", 1),
    ("pigallery2/UTC-20240413-203430-Auckland.jpg", "2024-04-14 08:34:30", "+12:00", 1),
    ("pigallery2/UTC-20240413-203530-Montevideo.jpg", "2024-04-13 17:35:30", "-03:00", 1),
    ("pigallery2/UTC-20240413-203531-Kathmandu.jpg", "2024-04-14 02:20:31", "+05:45", 1),
    ("pigallery2/UTC-20240413-203730-Reykjavik.jpg", "2024-04-13 20:37:30", "+00:00", 1),
    ("pigallery2/big_ben.jpg", "2023-06-07 13:45:55", "+01:00", 1),
    ("pigallery2/imageSizeError.jpg", "2022-06-10 15:50:57", None, 1),
    ("pigallery2/newyear_sydney.jpg", "2019-01-01 00:15:00", None, 1),
    ("pigallery2/orientation__broken_orientation_exif.jpg", "2018-02-18 14:38:32", None, 6),
    ("pigallery2/sydney_opera_house.jpg", "2020-09-19 20:55:57", "+10:00", 1),
    ("pigallery2/xmp__xmp_subject.jpg", "2021-03-02 16:47:36", "+01:00", 1),
    ("test-assets/date-priority-test.jpg", "2023-02-02 02:00:00", None, 1),
    ("test-assets/mongolels.jpg", "2009-08-29 13:18:08", None, 1),
    ("test-assets/picasa.jpg", "2010-02-13 14:55:31", None, 1),
]  # fmt: skip
"""File, local time, offset as written, orientation (1 where the file says nothing or zero)."""

POSITIONS = [
    ("exif-samples/DSCN0012.jpg", 43.467157, 11.885395),
    ("exif-samples/HMD_Nokia_8.3_5G.jpg", 60.146706, 24.906772),
    ("exiftool/GPS.jpg", 54.989667, -1.914167),
    ("metadata-extractor-images/Apple iPhone 5.jpg", 47.627167, -122.337333),
    ("nom-exif/exif.png", 22.531133, 114.021481),
    ("pigallery2/UTC-20240413-203430-Auckland.jpg", -36.854351, 174.755402),
    ("pigallery2/UTC-20240413-203530-Montevideo.jpg", -34.862412, -56.154556),
    ("pigallery2/UTC-20240413-203730-Reykjavik.jpg", 64.141166, -21.943130),
    ("pigallery2/big_ben.jpg", 51.500694, -0.124575),
    ("pigallery2/sydney_opera_house.jpg", -33.855698, 151.210381),
]
"""File, degrees north, degrees east."""

PORTRAITS = [(0, 1), *((orientation, orientation) for orientation in range(1, 9))]
"""Number in the name, which is what is written in the file, and orientation that follows."""


def minutes(offset: str | None) -> int | None:
    if offset is None:
        return None
    sign = -1 if offset[0] == "-" else 1
    return sign * (int(offset[1:3]) * 60 + int(offset[4:6]))


@pytest.mark.parametrize(("name", "taken", "offset", "orientation"), FILES)
def test_real_files_tell_when_they_were_taken(
    corpus: Path, name: str, taken: str, offset: str | None, orientation: int
) -> None:
    metadata = read_metadata(corpus / "exif" / name)
    assert metadata.taken_local is not None
    assert metadata.taken_local.replace(microsecond=0) == datetime.fromisoformat(taken)
    assert (metadata.offset_minutes, metadata.orientation) == (minutes(offset), orientation)
    assert metadata.taken_source == "exif"


@pytest.mark.parametrize(("name", "latitude", "longitude"), POSITIONS)
def test_real_files_tell_where_they_were_taken(corpus: Path, name: str, latitude: float, longitude: float) -> None:
    metadata = read_metadata(corpus / "exif" / name)
    assert metadata.latitude == pytest.approx(latitude, abs=1e-5)
    assert metadata.longitude == pytest.approx(longitude, abs=1e-5)


@pytest.mark.parametrize(("number", "orientation"), PORTRAITS)
def test_portraits_are_upright_in_every_orientation(corpus: Path, number: int, orientation: int) -> None:
    metadata = read_metadata(corpus / "exif" / "exif-orientation-examples" / f"Portrait_{number}.jpg")
    assert metadata.orientation == orientation
    assert (metadata.width, metadata.height) == (1200, 1800)
