"""Names in an archive: safe to unpack on any system, and no two the same; pure."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

UNNAMED: Final = "unnamed"
# NAME_MAX of the usual file systems; NTFS and APFS allow 255 UTF-16 units, which are never more than bytes.
MAX_NAME_BYTES: Final = 255
# " (1234567)": what may be put behind a name to tell it from others.
_NUMBER_BYTES: Final = 10
_MAX_EXTENSION_BYTES: Final = 32  # longer is no extension

# What Windows takes for folders, streams, wildcards and redirections.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
# Invisible characters that turn the direction of text around and so disguise an extension.
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]")
# Windows opens devices under these names, whatever the extension (Microsoft, "Naming Files, Paths, and Namespaces").
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(?:\..*)?", re.IGNORECASE
)


def safe_name(text: str) -> str:
    """Return a plain file name that every usual system takes as it is: never empty, with room for a number."""
    name = "".join(char for char in text if unicodedata.category(char) not in ("Cc", "Cs"))
    name = _FORBIDDEN.sub("_", _DIRECTION.sub("", name))
    name = _trimmed(unicodedata.normalize("NFC", name))
    if _DEVICE.fullmatch(name):
        name = f"_{name}"
    stem, extension = split_name(name)
    room = MAX_NAME_BYTES - _NUMBER_BYTES - len(extension.encode())
    stem = stem.encode()[:room].decode(errors="ignore")
    return _trimmed(stem + extension) or UNNAMED


def _trimmed(name: str) -> str:
    # Windows drops dots and spaces at the end, and so would make two names one.
    return name.strip().rstrip(". ")


def split_name(name: str) -> tuple[str, str]:
    """Return stem and extension, the dot with the latter; a name that begins with its only dot has no extension."""
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > _MAX_EXTENSION_BYTES:
        return name, ""
    return stem, dot + extension


def folded(name: str) -> str:
    """Return what is the same for names that some system takes for one, whatever their case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def assign_names(groups: Iterable[Sequence[str]], taken: Iterable[str] = ()) -> list[list[str]]:
    """Return safe names, each once: `a.jpg`, `a (1).jpg`, …; the same input gives the same names.

    The files of a group belong together, like a live photo and its film, and get the same number.

    Args:
        groups: Names as they arrived, by photo.
        taken: Names that are not to be given.
    """
    used = {folded(name) for name in taken}
    next_number: dict[str, int] = {}
    return [_name_group([safe_name(name) for name in group], used, next_number) for group in groups]


def _name_group(names: list[str], used: set[str], next_number: dict[str, int]) -> list[str]:
    if len({folded(name) for name in names}) < len(names):
        return [given for name in names for given in _name_group([name], used, next_number)]
    if not names:
        return []
    first = folded(names[0])
    number = next_number.get(first, 0)
    while True:
        candidates = [_numbered(name, number) for name in names]
        number += 1
        if used.isdisjoint(keys := {folded(name) for name in candidates}):
            used |= keys
            next_number[first] = number
            return candidates


def _numbered(name: str, number: int) -> str:
    if number == 0:
        return name
    stem, extension = split_name(name)
    return f"{stem} ({number}){extension}"
