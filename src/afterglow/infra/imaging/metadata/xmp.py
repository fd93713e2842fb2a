"""What an embedded XMP packet adds: rating, words and a date.

Nothing is resolved or expanded: a packet with a document type declaration, the only way to define an entity, is
refused unread.

References:
    ISO 16684-1:2019 (XMP), chapter 7; property names of Dublin Core, XMP Basic, Photoshop and Exif for XMP.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from afterglow.infra.imaging.metadata.text import clean
from afterglow.infra.imaging.metadata.times import LocalTime, parse_local
from afterglow.kernel.units import MIB

MAX_PACKET_BYTES: Final = MIB
MAX_KEYWORDS: Final = 200

_DC: Final = "{http://purl.org/dc/elements/1.1/}"
_XMP: Final = "{http://ns.adobe.com/xap/1.0/}"
_EXIF: Final = "{http://ns.adobe.com/exif/1.0/}"
_PHOTOSHOP: Final = "{http://ns.adobe.com/photoshop/1.0/}"
_LIST_ITEM: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"

_DATES: Final = (f"{_EXIF}DateTimeOriginal", f"{_PHOTOSHOP}DateCreated", f"{_XMP}CreateDate")
_WORTH_PARSING: Final = (b"Rating", b"subject", b"description", b"DateTimeOriginal", b"DateCreated", b"CreateDate")
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
    if len(packet) > MAX_PACKET_BYTES or any(word in packet for word in _FORBIDDEN):
        notes.append("xmp.refused")
        return NOTHING
    try:
        # Expat resolves nothing external, and no entity can be defined without the declaration refused above.
        root = ET.fromstring(packet)  # noqa: S314
    except (ET.ParseError, ValueError, LookupError):
        notes.append("xmp.unreadable")
        return NOTHING
    return _fields(root, notes)


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
