"""What an embedded XMP packet adds: rating, words and a date.

Nothing is resolved or expanded: a packet with a document type declaration, the only way to define an entity, is
refused unread.

References:
    ISO 16684-1:2019 (XMP), chapter 7; property names of Dublin Core, XMP Basic, Photoshop and Exif for XMP.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from afterglow.infra.imaging.metadata.text import clean
from afterglow.infra.imaging.metadata.times import LocalTime, parse_local
from afterglow.kernel.units import MIB

MAX_PACKET_BYTES: Final = MIB
MAX_NAMESPACE_BYTES: Final = 256
"""The parser writes a namespace out before each name that is in it; those of real packets stay below 80 bytes."""
MAX_KEYWORDS: Final = 200

_DC: Final = "{http://purl.org/dc/elements/1.1/}"
_XMP: Final = "{http://ns.adobe.com/xap/1.0/}"
_EXIF: Final = "{http://ns.adobe.com/exif/1.0/}"
_PHOTOSHOP: Final = "{http://ns.adobe.com/photoshop/1.0/}"
_LIST_ITEM: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"

_DATES: Final = (f"{_EXIF}DateTimeOriginal", f"{_PHOTOSHOP}DateCreated", f"{_XMP}CreateDate")
_WORTH_PARSING: Final = (b"Rating", b"subject", b"description", b"DateTimeOriginal", b"DateCreated", b"CreateDate")
_OPENED_NAMESPACE = re.compile(rb"[^=<>\"'\s]*\s*=\s*([\"'])")
_FORBIDDEN: Final = (b"<!DOCTYPE", b"<!ENTITY", b"\0")  # NUL: UTF-16 and UTF-32 could hide the other two


@dataclass(frozen=True, slots=True)
class XmpFields:
    """What is taken from a packet, as it was written."""

    rating: str | None = None
    description: str | None = None
    keywords: tuple[str, ...] = ()
    taken: LocalTime | None = None


NOTHING: Final = XmpFields()


def read_xmp(packet: bytes, notes: list[str]) -> XmpFields:
    """Return the fields of a packet, nothing with a note where it cannot be read safely."""
    packet = packet.rstrip(b"\0 \r\n\t")
    if not any(name in packet for name in _WORTH_PARSING):
        return NOTHING
    if len(packet) > MAX_PACKET_BYTES or any(word in packet for word in _FORBIDDEN) or _has_long_namespace(packet):
        notes.append("xmp.refused")
        return NOTHING
    try:
        # Expat resolves nothing external, and no entity can be defined without the declaration refused above.
        # Always UTF-8, as XMP in pictures is: a packet does not choose which of Python's codecs is loaded.
        root = ET.fromstring(packet, ET.XMLParser(encoding="utf-8"))  # noqa: S314
    except (ET.ParseError, ValueError, LookupError):
        notes.append("xmp.unreadable")
        return NOTHING
    return _fields(root, notes)


def _has_long_namespace(packet: bytes) -> bool:
    """Whether a namespace is so long that a small packet could become gigabytes of names."""
    keyword = b"xmlns"
    at = 0
    for piece in packet.split(keyword):  # in pieces, so that nothing is looked at twice
        opened = _OPENED_NAMESPACE.match(piece) if at else None
        if opened:
            start = at + opened.end()
            if packet.find(opened[1], start, start + MAX_NAMESPACE_BYTES + 1) < 0:
                return True
        at += len(piece) + len(keyword)
    return False


def _fields(root: ET.Element, notes: list[str]) -> XmpFields:
    texts: dict[str, list[str]] = {}
    for name, text in _properties(root):
        texts.setdefault(name, []).append(text)
    dates = [text for name in _DATES for text in texts.get(name, ())]
    keywords = [word for word in map(clean, texts.get(f"{_DC}subject", ())) if word]
    return XmpFields(
        rating=next(iter(texts.get(f"{_XMP}Rating", ())), None),
        description=next(filter(None, map(clean, texts.get(f"{_DC}description", ()))), None),
        keywords=tuple(dict.fromkeys(keywords))[:MAX_KEYWORDS],
        taken=next(filter(None, (parse_local(clean(text), notes) for text in dates)), None),
    )


def _properties(root: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield names and texts: RDF writes simple properties as attributes or elements, lists as items inside."""
    for element in root.iter():
        yield from element.attrib.items()
        if element.text and element.text.strip():
            yield element.tag, element.text
        for container in element:
            for item in container:
                if item.tag == _LIST_ITEM and item.text:
                    yield element.tag, item.text
