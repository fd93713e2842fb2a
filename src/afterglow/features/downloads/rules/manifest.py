"""The manifest: what an archive holds, and what it should hold and does not, as JSON of a line for each file; pure."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from afterglow.features.downloads.models import Item, MissingFile

MANIFEST_FORMAT: Final = "afterglow.archive/1"


def manifest_start(created_at: datetime) -> str:
    """Return its first line."""
    return f'{{"format": "{MANIFEST_FORMAT}", "createdAt": "{_utc(created_at)}", "files": ['


def manifest_items(items: Iterable[Item]) -> str:
    """Return the lines of items that follow each other."""
    return "".join((",\n" if item.position else "\n") + _line(_item_facts(item)) for item in items)


def manifest_end(missing: Sequence[MissingFile]) -> str:
    """Return its last lines."""
    lines = ",".join("\n" + _line(_missing_facts(entry)) for entry in missing)
    return f'\n], "missing": [{lines}\n]}}\n'


def manifest_parts(created_at: datetime, items: Iterable[Item], end: str) -> Iterator[bytes]:
    """Yield the whole manifest in parts."""
    yield manifest_start(created_at).encode()
    for item in items:
        yield manifest_items([item]).encode()
    yield end.encode()


def _item_facts(item: Item) -> dict[str, Any]:
    return {
        "name": item.name,
        "photoId": str(item.photo_id),
        "role": item.role,
        "originalName": item.original_name,
        "size": item.size_bytes,
        "sha256": str(item.checksum),
        "takenLocal": item.taken_local.isoformat(timespec="milliseconds"),
        "takenAt": _utc(item.taken_at),
    }


def _missing_facts(missing: MissingFile) -> dict[str, Any]:
    file = missing.file
    return {
        "photoId": str(file.photo_id),
        "role": file.role,
        "originalName": file.name,
        "size": file.size_bytes,
        "sha256": str(file.checksum) if file.checksum else None,
        "reason": missing.reason.value,
    }


def _line(facts: dict[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
