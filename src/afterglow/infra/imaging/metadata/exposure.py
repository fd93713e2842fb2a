"""Camera, lens and exposure, as far as the values are possible."""

import math
from typing import Final

from afterglow.infra.imaging.metadata.text import decode
from afterglow.infra.imaging.metadata.tiff import Directories

MAX_NAME_CHARS: Final = 128
MAX_ISO: Final = 10_000_000
ISO_OVERFLOW: Final = 65_535  # "more than this tag can hold": Exif 3.0, section 4.6.6.3
MAX_APERTURE: Final = 1024.0  # pinholes reach a few hundred
MAX_EXPOSURE_S: Final = 7 * 24 * 3600.0
MAX_FOCAL_LENGTH_MM: Final = 20_000.0
MAX_APEX: Final = 64

_MAKE, _MODEL, _UNIQUE_MODEL = 0x010F, 0x0110, 0xC614
_LENS_MODEL, _EXPOSURE_TIME, _F_NUMBER, _ISO, _FOCAL_LENGTH = 0xA434, 0x829A, 0x829D, 0x8827, 0x920A
_SHUTTER_APEX, _APERTURE_APEX = 0x9201, 0x9202
_ISO_ALTERNATIVES: Final = (0x8833, 0x8832, 0x8831)


def camera_make(found: Directories) -> str | None:
    """Return the maker of the camera."""
    return _name(found, "IFD0", _MAKE)


def camera_model(found: Directories) -> str | None:
    """Return the model of the camera."""
    return _name(found, "IFD0", _MODEL) or _name(found, "IFD0", _UNIQUE_MODEL)


def lens(found: Directories) -> str | None:
    """Return the model of the lens; cameras write dashes or zeros for a lens they do not know."""
    name = _name(found, "EXIF", _LENS_MODEL)
    return name if name and any(char in "123456789" or char.isalpha() for char in name.replace("mm", "")) else None


def iso(found: Directories) -> int | None:
    """Return the sensitivity; the tag of 16 bits overflows, others then hold it."""
    sensitivity = found.number("EXIF", _ISO)
    if sensitivity is None or sensitivity >= ISO_OVERFLOW:
        others = (found.number("EXIF", tag) for tag in _ISO_ALTERNATIVES)
        sensitivity = next((other for other in others if other), sensitivity)
    possible = _within(found, "iso", sensitivity, MAX_ISO)
    return round(possible) if possible and possible >= 1 else None


def aperture(found: Directories) -> float | None:
    """Return the f-number, from the APEX value where it is not given itself."""
    number = found.number("EXIF", _F_NUMBER)
    apex = _apex(found, _APERTURE_APEX)
    if not number and apex is not None:
        number = round(2 ** (apex / 2), 1)
    return _within(found, "aperture", number, MAX_APERTURE)


def exposure_s(found: Directories) -> float | None:
    """Return the exposure time in seconds, from the APEX value where it is not given itself."""
    seconds = found.number("EXIF", _EXPOSURE_TIME)
    apex = _apex(found, _SHUTTER_APEX)
    if not seconds and apex is not None:
        seconds = 2**-apex
    return _within(found, "exposure", seconds, MAX_EXPOSURE_S)


def focal_length_mm(found: Directories) -> float | None:
    """Return the actual focal length in millimetres."""
    return _within(found, "focal-length", found.number("EXIF", _FOCAL_LENGTH), MAX_FOCAL_LENGTH_MM)


def _name(found: Directories, directory: str, tag: int) -> str | None:
    return decode(found.raw(directory, tag)).replace("\n", " ")[:MAX_NAME_CHARS].strip() or None


def _apex(found: Directories, tag: int) -> float | None:
    value = found.number("EXIF", tag)
    return value if value is not None and abs(value) <= MAX_APEX else None


def _within(found: Directories, name: str, value: float | None, limit: float) -> float | None:
    """Return a value that is positive and at most `limit`; zero means "not known", the rest costs a note."""
    if not value:
        return None
    if not 0 < value <= limit or not math.isfinite(value):
        found.notes.append(f"{name}.absurd: {value:g}")
        return None
    return float(f"{value:.6g}")
