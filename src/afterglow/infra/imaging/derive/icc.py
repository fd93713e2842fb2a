"""Whether an ICC profile is sRGB, by its numbers: names lie, and many writers have their own.

References:
    ICC.1:2022, sections 7.2 (header), 7.3 (tag table), 10.6 (curveType), 10.18 (parametricCurveType).
    IEC 61966-2-1: the sRGB primaries and transfer curve, here adapted to D50 as profiles store them.
"""

import struct
from typing import Final

_HEADER_BYTES: Final = 128
_MAX_TAGS: Final = 100
_FIXED_ONE: Final = 65_536

_COLORANTS: Final = {
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
_COLORANT_TOLERANCE: Final = 0.003
_CURVES: Final = (b"rTRC", b"gTRC", b"bTRC")
_CURVE_POINTS: Final = ((0.02, 0.00155), (0.25, 0.0509), (0.5, 0.2140), (0.75, 0.5225))
_CURVE_TOLERANCE: Final = 0.004  # less than a step of eight bits at the dark end


def is_srgb(profile: bytes) -> bool:
    """Whether colours of this profile can be shown as they are.

    False for profiles made of look-up tables, other spaces and anything unreadable: those are converted.
    """
    if profile[16:20] != b"RGB " or b"A2B0" in profile[_HEADER_BYTES : _HEADER_BYTES + 4 + 12 * _MAX_TAGS]:
        return False
    tags = _tag_table(profile)
    try:
        return all(_is_colorant(tags[name], wanted) for name, wanted in _COLORANTS.items()) and all(
            _is_srgb_curve(tags[name]) for name in _CURVES
        )
    except (KeyError, struct.error, OverflowError, ZeroDivisionError, ValueError, TypeError):
        return False


def _tag_table(profile: bytes) -> dict[bytes, bytes]:
    count = int.from_bytes(profile[_HEADER_BYTES : _HEADER_BYTES + 4], "big")
    tags: dict[bytes, bytes] = {}
    for at in range(_HEADER_BYTES + 4, _HEADER_BYTES + 4 + 12 * min(count, _MAX_TAGS), 12):
        entry = profile[at : at + 12]
        offset, length = int.from_bytes(entry[4:8], "big"), int.from_bytes(entry[8:12], "big")
        tags[entry[:4]] = profile[offset : offset + length]
    return tags


def _is_colorant(tag: bytes, wanted: tuple[float, ...]) -> bool:
    stored = struct.unpack_from(">3i", tag, 8)
    return all(abs(part / _FIXED_ONE - want) < _COLORANT_TOLERANCE for part, want in zip(stored, wanted, strict=True))


def _is_srgb_curve(tag: bytes) -> bool:
    return all(abs(_curve_at(tag, x) - y) < _CURVE_TOLERANCE for x, y in _CURVE_POINTS)


def _curve_at(tag: bytes, x: float) -> float:
    """Return the value of a sampled or parametric curve at `x` (0-1)."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count <= 1:
            gamma = struct.unpack_from(">H", tag, 12)[0] / 256 if count else 1.0
            return float(x**gamma)
        position = x * (count - 1)
        low, high = struct.unpack_from(">2H", tag, 12 + 2 * int(position))
        return float(low + (high - low) * (position % 1)) / 0xFFFF
    if tag[:4] == b"para" and tag[8:10] == b"\0\3":
        gamma, a, b, c, d = (part / _FIXED_ONE for part in struct.unpack_from(">5i", tag, 12))
        return float((a * x + b) ** gamma if x >= d else c * x)
    raise ValueError("not a curve that sRGB is written with")
