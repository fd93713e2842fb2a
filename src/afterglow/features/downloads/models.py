"""Archives of photos: what is chosen, what is in them, and what is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from afterglow.kernel.checksums import Checksum
from afterglow.kernel.ids import PhotoId, UserId

DownloadId = NewType("DownloadId", UUID)

FORMAT: Final = 1
"""How an archive's bytes follow from its rows; grows whenever the same rows would give other bytes."""
MANIFEST_NAME: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class ChosenFile:
    """A file of a photo that somebody wants.

    Attributes:
        name: As it arrived; only ever shown.
        checksum: None where its bytes are not known here.
        taken_local: What the clock on the wall said; naive.
    """

    photo_id: PhotoId
    role: str
    name: str
    checksum: Checksum | None
    size_bytes: int
    taken_local: datetime
    taken_at: datetime
    is_in_trash: bool


class MissingReason(StrEnum):
    """Why a chosen file is not in its archive."""

    IN_TRASH = "in-trash"
    """Its photo lies in the trash."""
    NOT_HELD = "not-held"
    """Its bytes were never kept here."""
    MISSING = "missing"
    """The store does not hold its original."""
    DAMAGED = "damaged"
    """The original has another size than it had."""


@dataclass(frozen=True, slots=True)
class MissingFile:
    """A chosen file that is not in the archive."""

    file: ChosenFile
    reason: MissingReason


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as an archive has it.

    Attributes:
        name: Plain, and no other entry's, whatever the case of its letters.
        modified: Wall clock; naive.
        offset_bytes: Where it begins in the archive.
    """

    name: str
    size_bytes: int
    modified: datetime
    offset_bytes: int


@dataclass(frozen=True, slots=True)
class Item:
    """A photo's file in an archive.

    Attributes:
        position: Its place among the items (≥ 0).
        name: Its name in the archive.
        original_name: Its name as it arrived.
        offset_bytes: Where its entry begins in the archive.
        record_offset: Where its record begins in the archive's directory [bytes].
        crc32: Of its bytes, proven; None while nobody has read them whole.
        is_purged: The owner has it no longer, though others may have the same bytes.
    """

    position: int
    photo_id: PhotoId
    role: str
    checksum: Checksum
    size_bytes: int
    name: str
    original_name: str
    taken_local: datetime
    taken_at: datetime
    offset_bytes: int = 0
    record_offset: int = 0
    crc32: int | None = None
    is_purged: bool = False

    @property
    def entry(self) -> Entry:
        """The file as the archive has it."""
        return Entry(self.name, self.size_bytes, self.taken_local, self.offset_bytes)


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that was ordered; its bytes follow from this and its items.

    Attributes:
        filename: Name to save it under.
        size_bytes: Of the whole archive.
        count: Number of items; the manifest is one more entry.
        directory_offset: Where its directory begins [bytes].
        tag: SHA-256 of all that its bytes follow from.
    """

    id: DownloadId
    owner_id: UserId
    filename: str
    size_bytes: int
    count: int
    directory_offset: int
    manifest_bytes: int
    manifest_crc32: int
    tag: bytes
    created_at: datetime
    expires_at: datetime

    @property
    def manifest(self) -> Entry:
        """The manifest's entry, the first one."""
        return Entry(MANIFEST_NAME, self.manifest_bytes, self.created_at.replace(tzinfo=None), 0)


@dataclass(frozen=True, slots=True)
class ArchivePlan:
    """An archive to be; see `Archive`, which it becomes.

    Attributes:
        missing_text: The end of the manifest.
    """

    items: Sequence[Item]
    missing: Sequence[MissingFile]
    filename: str
    size_bytes: int
    directory_offset: int
    manifest_bytes: int
    manifest_crc32: int
    missing_text: str
    tag: bytes
