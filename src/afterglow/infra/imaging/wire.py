"""What parent and child say to each other: JSON in frames of known length.

No pickle: a child that a picture has taken over can say what it likes, so the parent takes nothing but plain values of
the expected types, and makes paths itself.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, Final

from afterglow.infra.imaging.metadata import Metadata, TagValue
from afterglow.infra.imaging.port import DERIVATIVE_NAMES, Derivative, DeriveResult
from afterglow.kernel.units import MIB

Message = dict[str, Any]

LENGTH: Final = struct.Struct(">I")
MAX_FRAME_BYTES: Final = 2 * MIB
MAX_PLACEHOLDER_BYTES: Final = 64
PERCEPTUAL_HASH_BYTES: Final = 8
MAX_TAG_DEPTH: Final = 8

_MIMES: Final = {"jpg": "image/jpeg", "png": "image/png"}
_TEXT: Final = (str, NoneType)
_WHOLE: Final = (int, NoneType)
_NUMBER: Final = (int, float, NoneType)
_FIELD_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "width": _WHOLE,
    "height": _WHOLE,
    "orientation": (int,),
    "offset_minutes": _WHOLE,
    "taken_source": _TEXT,
    "latitude": _NUMBER,
    "longitude": _NUMBER,
    "altitude_m": _NUMBER,
    "camera_make": _TEXT,
    "camera_model": _TEXT,
    "lens": _TEXT,
    "iso": _WHOLE,
    "aperture": _NUMBER,
    "exposure_s": _NUMBER,
    "focal_length_mm": _NUMBER,
    "rating": _WHOLE,
    "description": _TEXT,
}
_MOMENTS: Final = ("taken_local", "gps_utc")


class ProtocolError(ValueError):
    """The other side said something that is not in the protocol."""


def frame(message: Message) -> bytes:
    """Return a message as it travels."""
    body = json.dumps(message, separators=(",", ":"), allow_nan=False).encode()
    return LENGTH.pack(len(body)) + body


def body_length(prefix: bytes) -> int:
    """Return how many bytes follow.

    Raises:
        ProtocolError: More than a frame may have.
    """
    (length,) = LENGTH.unpack(prefix)
    if length > MAX_FRAME_BYTES:
        raise ProtocolError(f"a frame of {length} bytes")
    return int(length)


def parse(body: bytes) -> Message:
    """Return a message.

    Raises:
        ProtocolError: It is not a JSON object.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("not JSON") from error
    if not isinstance(message, dict):
        raise ProtocolError("not an object")
    return message


def metadata_to_wire(metadata: Metadata) -> Message:
    """Return metadata as JSON can hold it."""
    message: Message = {field.name: getattr(metadata, field.name) for field in fields(Metadata)}
    for name in _MOMENTS:
        moment = message[name]
        message[name] = moment.isoformat() if moment else None
    return message | {"tags": dict(metadata.tags)}


def metadata_from_wire(message: Message) -> Metadata:
    """Return metadata that a child told.

    Raises:
        ProtocolError: It is not metadata.
    """
    values = {name: _typed(message.get(name), types) for name, types in _FIELD_TYPES.items()}
    tags = _plain(message.get("tags"), MAX_TAG_DEPTH)
    if not isinstance(tags, dict):
        raise ProtocolError("tags are no object")
    return Metadata(
        **values,
        taken_local=_moment(message.get("taken_local")),
        gps_utc=_moment(message.get("gps_utc")),
        keywords=_texts(message.get("keywords")),
        tags=tags,
        notes=_texts(message.get("notes")),
    )


def result_to_wire(result: DeriveResult) -> Message:
    """Return a result as JSON can hold it; of a path only what the other side cannot know."""
    return {
        "width": result.width,
        "height": result.height,
        "derivatives": [
            [item.name, item.path.suffix[1:], item.width, item.height, item.size_bytes] for item in result.derivatives
        ],
        "placeholder": result.placeholder.hex(),
        "perceptual_hash": result.perceptual_hash.hex(),
        "damaged": result.damaged,
    }


def result_from_wire(message: Message, output_dir: Path) -> DeriveResult:
    """Return a result that a child told.

    Raises:
        ProtocolError: It is not a result.
    """
    listed = message.get("derivatives")
    if not isinstance(listed, list) or len(listed) != len(DERIVATIVE_NAMES):
        raise ProtocolError("not all derivatives")
    return DeriveResult(
        width=_positive(message.get("width")),
        height=_positive(message.get("height")),
        derivatives=tuple(map(_derivative, DERIVATIVE_NAMES, listed, [output_dir] * len(listed))),
        placeholder=_bytes(message.get("placeholder"), 1, MAX_PLACEHOLDER_BYTES),
        perceptual_hash=_bytes(message.get("perceptual_hash"), PERCEPTUAL_HASH_BYTES, PERCEPTUAL_HASH_BYTES),
        damaged=_typed(message.get("damaged"), _TEXT),
    )


def text(value: object) -> str:
    """Return a text that a child told.

    Raises:
        ProtocolError: It is not text that can be stored.
    """
    return str(_typed(value, (str,)))


def numbers(value: object) -> dict[str, int]:
    """Return named whole numbers that a child told; anything else among them is left out.

    Raises:
        ProtocolError: It is not an object.
    """
    if not isinstance(value, dict):
        raise ProtocolError("not an object")
    return {text(name): number for name, number in value.items() if type(number) is int}


def _derivative(name: str, listed: object, output_dir: Path) -> Derivative:
    if not isinstance(listed, list) or len(listed) != len(("name", "extension", "width", "height", "size")):
        raise ProtocolError("not a derivative")
    told_name, extension, width, height, size_bytes = listed
    if told_name != name or text(extension) not in _MIMES:
        raise ProtocolError("an unknown derivative")
    path = output_dir / f"{name}.{extension}"
    return Derivative(name, path, _MIMES[extension], _positive(width), _positive(height), _positive(size_bytes))


def _typed(value: Any, types: tuple[type, ...]) -> Any:
    """Return a plain value of one of these types (a truth value is not a number)."""
    if isinstance(value, bool) or not isinstance(value, types):
        raise ProtocolError(f"a {type(value).__name__} where {types[0].__name__} belongs")
    return _plain(value, 0)


def _plain(value: Any, depth: int) -> TagValue:
    """Return a value that PostgreSQL's jsonb takes: finite numbers, valid Unicode without NUL, not too deep."""
    match value:
        case str() if "\0" not in value and (value.isascii() or not any("\ud800" <= c <= "\udfff" for c in value)):
            return value
        case int() | None:
            return value
        case float() if math.isfinite(value):
            return value
        case list() if depth:
            return [_plain(item, depth - 1) for item in value]
        case dict() if depth:
            return {str(_plain(key, 0)): _plain(item, depth - 1) for key, item in value.items()}
        case _:
            raise ProtocolError("a value that cannot be stored")


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ProtocolError("not a list of texts")
    return tuple(map(text, value))


def _moment(value: object) -> datetime | None:
    written = _typed(value, _TEXT)
    try:
        return datetime.fromisoformat(written) if written else None
    except ValueError as error:
        raise ProtocolError("not a time") from error


def _positive(value: object) -> int:
    number = int(_typed(value, (int,)))
    if number < 1:
        raise ProtocolError("a number below one")
    return number


def _bytes(value: object, least: int, most: int) -> bytes:
    try:
        content = bytes.fromhex(text(value))
    except ValueError as error:
        raise ProtocolError("not hexadecimal") from error
    if not least <= len(content) <= most:
        raise ProtocolError(f"{len(content)} bytes where {least} to {most} belong")
    return content
