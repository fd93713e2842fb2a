"""Names of tags, and the raw tag set as JSON can hold it.

References:
    Exif 3.0, tables 6 to 27; TIFF 6.0, appendix A; Windows' XP tags and rating by usage.
"""

from typing import Final

from afterglow.infra.imaging.metadata.model import TagValue
from afterglow.infra.imaging.metadata.text import decode, decode_comment, decode_utf16
from afterglow.infra.imaging.metadata.tiff import Directories, Opaque, Rational, RawValue

MAX_TAGS: Final = 400
MAX_LIST: Final = 64
MAX_OPAQUE_BYTES: Final = 64
MAX_TOTAL_CHARS: Final = 48_000

_XP_TAGS: Final = range(0x9C9B, 0x9CA0)
_COMMENT_TAGS: Final = frozenset({0x9286, 0x001B, 0x001C})  # UserComment, GPSProcessingMethod, GPSAreaInformation
_VERSION_TAGS: Final = frozenset({0x9000, 0xA000, 0x0002})  # undefined by type, digits by content

_IMAGE_NAMES: Final = {
    0x00FE: "NewSubfileType", 0x0100: "ImageWidth", 0x0101: "ImageLength", 0x0102: "BitsPerSample",
    0x0103: "Compression", 0x0106: "PhotometricInterpretation", 0x010D: "DocumentName", 0x010E: "ImageDescription",
    0x010F: "Make", 0x0110: "Model", 0x0111: "StripOffsets", 0x0112: "Orientation", 0x0115: "SamplesPerPixel",
    0x0116: "RowsPerStrip", 0x0117: "StripByteCounts", 0x011A: "XResolution", 0x011B: "YResolution",
    0x011C: "PlanarConfiguration", 0x0128: "ResolutionUnit", 0x012D: "TransferFunction", 0x0131: "Software",
    0x0132: "DateTime", 0x013B: "Artist", 0x013C: "HostComputer", 0x013E: "WhitePoint",
    0x013F: "PrimaryChromaticities", 0x014A: "SubIFDs", 0x0211: "YCbCrCoefficients", 0x0212: "YCbCrSubSampling",
    0x0213: "YCbCrPositioning", 0x0214: "ReferenceBlackWhite", 0x4746: "Rating", 0x4749: "RatingPercent",
    0x8298: "Copyright", 0x8769: "ExifIFDPointer", 0x8825: "GPSInfoIFDPointer", 0x9C9B: "XPTitle",
    0x9C9C: "XPComment", 0x9C9D: "XPAuthor", 0x9C9E: "XPKeywords", 0x9C9F: "XPSubject", 0xC4A5: "PrintImageMatching",
    0xC612: "DNGVersion", 0xC614: "UniqueCameraModel",
}  # fmt: skip
_EXIF_NAMES: Final = {
    0x829A: "ExposureTime", 0x829D: "FNumber", 0x8822: "ExposureProgram", 0x8824: "SpectralSensitivity",
    0x8827: "PhotographicSensitivity", 0x8830: "SensitivityType", 0x8831: "StandardOutputSensitivity",
    0x8832: "RecommendedExposureIndex", 0x8833: "ISOSpeed", 0x9000: "ExifVersion", 0x9003: "DateTimeOriginal",
    0x9004: "DateTimeDigitized", 0x9010: "OffsetTime", 0x9011: "OffsetTimeOriginal", 0x9012: "OffsetTimeDigitized",
    0x9101: "ComponentsConfiguration", 0x9102: "CompressedBitsPerPixel", 0x9201: "ShutterSpeedValue",
    0x9202: "ApertureValue", 0x9203: "BrightnessValue", 0x9204: "ExposureBiasValue", 0x9205: "MaxApertureValue",
    0x9206: "SubjectDistance", 0x9207: "MeteringMode", 0x9208: "LightSource", 0x9209: "Flash",
    0x920A: "FocalLength", 0x9214: "SubjectArea", 0x927C: "MakerNote", 0x9286: "UserComment",
    0x9290: "SubSecTime", 0x9291: "SubSecTimeOriginal", 0x9292: "SubSecTimeDigitized", 0x9400: "AmbientTemperature",
    0x9401: "Humidity", 0x9402: "Pressure", 0x9403: "WaterDepth", 0x9404: "Acceleration",
    0x9405: "CameraElevationAngle", 0xA000: "FlashpixVersion", 0xA001: "ColorSpace", 0xA002: "PixelXDimension",
    0xA003: "PixelYDimension", 0xA004: "RelatedSoundFile", 0xA005: "InteroperabilityIFDPointer",
    0xA20B: "FlashEnergy", 0xA20E: "FocalPlaneXResolution", 0xA20F: "FocalPlaneYResolution",
    0xA210: "FocalPlaneResolutionUnit", 0xA214: "SubjectLocation", 0xA215: "ExposureIndex", 0xA217: "SensingMethod",
    0xA300: "FileSource", 0xA301: "SceneType", 0xA302: "CFAPattern", 0xA401: "CustomRendered",
    0xA402: "ExposureMode", 0xA403: "WhiteBalance", 0xA404: "DigitalZoomRatio", 0xA405: "FocalLengthIn35mmFilm",
    0xA406: "SceneCaptureType", 0xA407: "GainControl", 0xA408: "Contrast", 0xA409: "Saturation", 0xA40A: "Sharpness",
    0xA40B: "DeviceSettingDescription", 0xA40C: "SubjectDistanceRange", 0xA420: "ImageUniqueID",
    0xA430: "CameraOwnerName", 0xA431: "BodySerialNumber", 0xA432: "LensSpecification", 0xA433: "LensMake",
    0xA434: "LensModel", 0xA435: "LensSerialNumber", 0xA460: "CompositeImage",
    0xA461: "SourceImageNumberOfCompositeImage", 0xA500: "Gamma",
}  # fmt: skip
_GPS_NAMES: Final = dict(
    enumerate(
        (
            "GPSVersionID", "GPSLatitudeRef", "GPSLatitude", "GPSLongitudeRef", "GPSLongitude", "GPSAltitudeRef",
            "GPSAltitude", "GPSTimeStamp", "GPSSatellites", "GPSStatus", "GPSMeasureMode", "GPSDOP", "GPSSpeedRef",
            "GPSSpeed", "GPSTrackRef", "GPSTrack", "GPSImgDirectionRef", "GPSImgDirection", "GPSMapDatum",
            "GPSDestLatitudeRef", "GPSDestLatitude", "GPSDestLongitudeRef", "GPSDestLongitude", "GPSDestBearingRef",
            "GPSDestBearing", "GPSDestDistanceRef", "GPSDestDistance", "GPSProcessingMethod", "GPSAreaInformation",
            "GPSDateStamp", "GPSDifferential", "GPSHPositioningError",
        )
    )
)  # fmt: skip
_INTEROP_NAMES: Final = {0x0001: "InteroperabilityIndex", 0x0002: "InteroperabilityVersion"}
_NAMES: Final = {
    # Writers mix up the two directories; a tag keeps its name in either.
    "IFD0": _EXIF_NAMES | _IMAGE_NAMES,
    "EXIF": _IMAGE_NAMES | _EXIF_NAMES,
    "GPS": _GPS_NAMES,
    "Interop": _INTEROP_NAMES,
}


def raw_tags(found: Directories) -> dict[str, TagValue]:
    """Return all tags by name; adds a note where the set was cut to keep it small."""
    tags: dict[str, TagValue] = {}
    left_chars = MAX_TOTAL_CHARS
    for directory, values in found.tags.items():
        names = _NAMES[directory]
        for tag, value in values.items():
            json_value = _json_value(tag, value, big_endian=found.big_endian)
            left_chars -= len(str(json_value))
            if len(tags) >= MAX_TAGS or left_chars < 0:
                found.notes.append("tags.cut")
                return tags
            tags[f"{directory}:{names.get(tag) or f'0x{tag:04x}'}"] = json_value
    return tags


def _json_value(tag: int, value: RawValue, *, big_endian: bool) -> TagValue:
    if tag in _XP_TAGS:
        return decode_utf16(bytes(item & 0xFF for item in value if isinstance(item, int)))
    if isinstance(value, Opaque):
        return _json_opaque(tag, value, big_endian=big_endian)
    if isinstance(value, bytes):
        return decode(value)
    items = [_json_number(item) for item in value[:MAX_LIST]]
    return items[0] if len(value) == 1 else items


def _json_number(item: float | Rational) -> TagValue:
    """Fractions stay exact, as text; numbers that JSON lacks become null."""
    if isinstance(item, Rational):
        return f"{item.numerator}/{item.denominator}"
    return item if isinstance(item, int) or abs(item) < float("inf") else None


def _json_opaque(tag: int, value: Opaque, *, big_endian: bool) -> TagValue:
    """Text where the tag means text; else hex digits, and of long values only their length."""
    if tag in _COMMENT_TAGS:
        return decode_comment(value, big_endian=big_endian)
    if tag in _VERSION_TAGS:
        return decode(value)
    return {"hex": value.hex()} if len(value) <= MAX_OPAQUE_BYTES else {"bytes": len(value)}
