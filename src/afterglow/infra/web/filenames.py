"""Names of files as they travel in headers; a name is only ever shown, it never becomes a path."""

import re
import unicodedata
from email.message import Message
from email.utils import collapse_rfc2231_value
from urllib.parse import quote

UNNAMED = "unnamed"
MAX_NAME_BYTES = 255

# What RFC 5987 lets stand unescaped (attr-char).
_ATTR_CHARS = "!#$&+-.^_`|~"
# Invisible characters that turn the direction of text around and so disguise an extension.
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]")
# The only escapes that browsers write into a quoted name (WHATWG HTML, multipart/form-data).
_BROWSER_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}


def clean_name(text: str) -> str:
    """Return a plain file name: no folders, control characters or tricks, at most 255 bytes, never empty."""
    name = re.split(r"[/\\]", text)[-1]
    name = "".join(char for char in name if unicodedata.category(char) not in ("Cc", "Cs"))
    name = unicodedata.normalize("NFC", _DIRECTION.sub("", name)).strip()
    return _shorten(name) if name.strip(". ") else UNNAMED


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = dot + extension if stem and len(extension.encode()) < 32 else ""  # noqa: PLR2004 - longer is no extension
    room = MAX_NAME_BYTES - len(ending.encode())
    return name.encode()[:room].decode(errors="ignore").rstrip() + ending


def parse_disposition(header: bytes) -> tuple[str | None, str | None]:
    """Return the `name` and the (not yet cleaned) `filename` of a part's Content-Disposition; None where absent.

    Takes what browsers send (raw UTF-8, `%22` for a quote), what curl sends (backslashes), and the extended forms of
    RFC 2231 and RFC 5987, which win over the plain one.
    """
    message = Message()
    message["Content-Disposition"] = re.sub(r"[\r\n]", " ", _decode(header))
    return _parameter(message, "name"), _parameter(message, "filename")


def _decode(header: bytes) -> str:
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")


def _parameter(message: Message, name: str) -> str | None:
    parameters = message.get_params(header="content-disposition") or []
    values = [value for found, value in parameters[1:] if found.lower() == name]
    for value in values:
        if isinstance(value, tuple):  # the extended form, with its charset
            return collapse_rfc2231_value(value)
    if not values:
        return None
    plain = values[0]
    for escape, char in _BROWSER_ESCAPES.items():
        plain = plain.replace(escape, char)
    return plain


def content_disposition(kind: str, filename: str | None) -> str:
    """Return a Content-Disposition header: the name in full, and an ASCII rendering for old clients.

    Args:
        kind: `inline` or `attachment`.
        filename: Name to save under; None for none.

    References:
        RFC 6266, section 4.3 and appendix D; RFC 8187, section 3.2.
    """
    if filename is None:
        return kind
    name = clean_name(filename)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r'[^\x20-\x7e]|["\\%]', "_", plain).strip() or UNNAMED
    if plain == name:
        return f'{kind}; filename="{plain}"'
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"
