"""Conditional and partial requests: what of a representation is sent. Pure.

References:
    RFC 9110, sections 8.8.3 (entity tags), 13 (conditional requests) and 14 (range requests).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)
_ENTITY_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_OPAQUE = re.compile(r"[\x21\x23-\x7e]+")


@dataclass(frozen=True, slots=True)
class Selection:
    """What to send: bytes from `start` up to, not including, `end`, or none of them (304, 416)."""

    status: int
    start: int = 0
    end: int = 0


def plan_selection(
    method: str, headers: Mapping[str, str], size_bytes: int, etag: str, last_modified: datetime | None = None
) -> Selection:
    """Return the status of the answer to a GET or HEAD, and the bytes that belong to it.

    One range is honoured; several are answered with the whole, as is what can't be understood, both of which the
    standard allows.

    Args:
        method: GET or HEAD.
        headers: Of the request, by lower-case name.
        size_bytes: Size of the whole.
        etag: Opaque tag, without quotes; compared strongly for If-Range.
        last_modified: When the representation last changed.
    """
    whole = Selection(200, 0, size_bytes)
    if is_known(headers, etag, last_modified):
        return Selection(304)
    requested = headers.get("range")
    if method != "GET" or requested is None or not _may_continue(headers.get("if-range"), etag, last_modified):
        return whole
    return _select(requested, size_bytes) or whole


def quote_tag(etag: str) -> str:
    """Return a strong entity tag as it is sent.

    Raises:
        ValueError: It is empty, or holds a character that a tag must not hold.
    """
    if _OPAQUE.fullmatch(etag) is None:
        raise ValueError(f"not an entity tag: {etag!r}")
    return f'"{etag}"'


def http_date(moment: datetime) -> str:
    """Return a moment in the form of HTTP, to the second."""
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def is_known(headers: Mapping[str, str], etag: str, last_modified: datetime | None = None) -> bool:
    """Return whether the client has this representation already, so that 304 is the answer."""
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or etag in _ENTITY_TAG.findall(tags)
    since = _parse_date(headers.get("if-modified-since"))
    return since is not None and last_modified is not None and last_modified.replace(microsecond=0) <= since


def _may_continue(if_range: str | None, etag: str, last_modified: datetime | None) -> bool:
    if if_range is None:
        return True
    if if_range.strip().startswith(('"', "W/")):
        return if_range.strip() == quote_tag(etag)
    date = _parse_date(if_range)
    return date is not None and last_modified is not None and last_modified.replace(microsecond=0) == date


def _select(requested: str, size_bytes: int) -> Selection | None:
    matched = _RANGE.fullmatch(requested.strip())
    if matched is None:
        return None
    first, last = matched.groups()
    if not first and not last:
        return None
    if not first:
        start, end = max(size_bytes - int(last), 0), size_bytes
    else:
        start, end = int(first), size_bytes if not last else min(int(last) + 1, size_bytes)
        if last and int(last) < start:
            return None
    return Selection(206, start, end) if start < end else Selection(416)


def _parse_date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
