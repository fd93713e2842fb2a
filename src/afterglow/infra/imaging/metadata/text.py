"""Text as strangers write it: any encoding, any length, NUL and control characters."""

import re
from typing import Final

MAX_TEXT_CHARS: Final = 4096

# Control characters but tab and line feed, and lone surrogates: PostgreSQL refuses NUL, XML and terminals the others.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_COMMENT_CODE_BYTES: Final = 8


def clean(text: str) -> str:
    """Return the text in valid Unicode without control characters, stripped, at most `MAX_TEXT_CHARS` long."""
    text = text[: 2 * MAX_TEXT_CHARS].replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub("", text).strip()[:MAX_TEXT_CHARS]


def decode(content: bytes) -> str:
    """Return text that is UTF-8 or else Latin-1, up to the first NUL."""
    content = content.split(b"\0", 1)[0][: 4 * MAX_TEXT_CHARS]
    try:
        return clean(content.decode("utf-8"))
    except UnicodeDecodeError:
        return clean(content.decode("latin-1"))


def decode_utf16(content: bytes) -> str:
    """Return little-endian UTF-16 text up to the first NUL, as Windows writes its XP tags."""
    return clean(content[: 4 * MAX_TEXT_CHARS].decode("utf-16-le", errors="replace").split("\0", 1)[0])


def decode_comment(content: bytes, *, big_endian: bool = False) -> str:
    """Return an EXIF UserComment: eight bytes that name the character code, then the text.

    References:
        Exif 3.0, section 4.6.6.4 (UserComment). The byte order of UNICODE is that of the file, by usage.
    """
    code, body = content[:_COMMENT_CODE_BYTES], content[_COMMENT_CODE_BYTES:]
    if code == b"UNICODE\0":
        order = "utf-16-be" if big_endian else "utf-16-le"
        return clean(body[: 4 * MAX_TEXT_CHARS].decode(order, errors="replace").split("\0", 1)[0])
    if code == b"JIS\0\0\0\0\0":
        return clean(body[: 4 * MAX_TEXT_CHARS].decode("iso2022_jp", errors="replace").split("\0", 1)[0])
    return decode(body) if code in (b"ASCII\0\0\0", b"\0" * _COMMENT_CODE_BYTES) else ""
