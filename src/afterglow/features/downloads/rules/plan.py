"""What an archive will be: who is in it, under which name, at which offset; pure."""

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from afterglow.features.downloads.models import (
    FORMAT,
    MANIFEST_NAME,
    ArchivePlan,
    ChosenFile,
    Entry,
    Item,
    MissingFile,
    MissingReason,
)
from afterglow.features.downloads.rules.layout import directory_end, directory_record, entry_bytes
from afterglow.features.downloads.rules.manifest import manifest_end, manifest_parts
from afterglow.features.downloads.rules.names import assign_names
from afterglow.kernel.checksums import Checksum


def plan_archive(
    files: Sequence[ChosenFile], held_bytes: Mapping[Checksum, int | None], created_at: datetime
) -> ArchivePlan:
    """Return the archive of these files. It follows from the arguments alone.

    Args:
        files: In the order in which they are to be in it; a photo's files follow each other.
        held_bytes: Sizes of the originals that the store holds.
        created_at: When it was ordered.
    """
    missing = [MissingFile(file, reason) for file in files if (reason := _why_missing(file, held_bytes))]
    unplaced = _named([file for file in files if _why_missing(file, held_bytes) is None])
    end = manifest_end(missing)
    tag, manifest_bytes, manifest_crc32 = hashlib.sha256(f"{FORMAT}\n".encode()), 0, 0
    for part in manifest_parts(created_at, unplaced, end):
        tag.update(part)
        manifest_bytes += len(part)
        manifest_crc32 = zlib.crc32(part, manifest_crc32)
    manifest = Entry(MANIFEST_NAME, manifest_bytes, created_at.replace(tzinfo=None), 0)
    items = list(_placed(manifest, unplaced))
    last = items[-1] if items else None
    directory_offset = last.offset_bytes + entry_bytes(last.entry) if last else entry_bytes(manifest)
    final = last.entry if last else manifest
    directory_bytes = (last.record_offset if last else 0) + len(directory_record(final, 0))
    ending = directory_end(len(items) + 1, directory_offset, directory_bytes)
    return ArchivePlan(
        items=items,
        missing=missing,
        filename=f"afterglow-{created_at:%Y-%m-%d}.zip",
        size_bytes=directory_offset + directory_bytes + len(ending),
        directory_offset=directory_offset,
        manifest_bytes=manifest_bytes,
        manifest_crc32=manifest_crc32,
        missing_text=end,
        tag=tag.digest(),
    )


def _why_missing(file: ChosenFile, held_bytes: Mapping[Checksum, int | None]) -> MissingReason | None:
    if file.is_in_trash:
        return MissingReason.IN_TRASH
    if file.checksum is None:
        return MissingReason.NOT_HELD
    found = held_bytes.get(file.checksum)
    if found is None:
        return MissingReason.MISSING
    return None if found == file.size_bytes else MissingReason.DAMAGED


def _named(files: Sequence[ChosenFile]) -> list[Item]:
    photos = [list(group) for _, group in groupby(files, lambda file: file.photo_id)]
    names = assign_names([[file.name for file in photo] for photo in photos], taken=[MANIFEST_NAME])
    pairs = [pair for photo, given in zip(photos, names, strict=True) for pair in zip(photo, given, strict=True)]
    return [
        Item(
            position=position,
            photo_id=file.photo_id,
            role=file.role,
            checksum=file.checksum,
            size_bytes=file.size_bytes,
            name=name,
            original_name=file.name,
            taken_local=file.taken_local,
            taken_at=file.taken_at,
        )
        for position, (file, name) in enumerate(pairs)
        if file.checksum is not None
    ]


def _placed(manifest: Entry, items: Sequence[Item]) -> Iterator[Item]:
    offset_bytes, record_offset = entry_bytes(manifest), len(directory_record(manifest, 0))
    for item in items:
        placed = replace(item, offset_bytes=offset_bytes, record_offset=record_offset)
        yield placed
        offset_bytes += entry_bytes(placed.entry)
        record_offset += len(directory_record(placed.entry, 0))
