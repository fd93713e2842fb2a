"""Use cases of derivatives: make them, and find them."""

import asyncio
import contextlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from afterglow.features.derivatives.errors import (
    DerivativeEvictedError,
    DerivativeNotReadyError,
    NoDerivativeError,
    UnknownSizeError,
)
from afterglow.features.derivatives.events import CacheLookedThrough
from afterglow.features.derivatives.rules import (
    FOLDER_DEPTH,
    PREVIEW,
    THUMBNAIL_SIZES,
    CacheBounds,
    folder_of,
    is_older,
    plan_eviction,
)
from afterglow.features.photos import service as photos
from afterglow.features.photos.models import Derived, Photo
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import DERIVE, FORMAT_UNSUPPORTED, SIDECAR
from afterglow.features.pipeline.service import Completion
from afterglow.features.steps import service as steps
from afterglow.features.steps.models import UNFINISHED, Run, StepState
from afterglow.infra.db.database import Database, Tx
from afterglow.infra.imaging.errors import UnsupportedFormatError
from afterglow.infra.imaging.port import DeriveRequest, DeriveResult, Imaging
from afterglow.infra.storage.cached_folders import (
    CacheUsage,
    Removed,
    ends_with,
    measure_folders,
    remove_folders,
    touch_folder,
)
from afterglow.infra.storage.errors import storage_errors
from afterglow.infra.storage.port import ObjectStore, original_key
from afterglow.infra.storage.room import disk_usage
from afterglow.infra.storage.threads import finish_in_thread
from afterglow.infra.telemetry.counts import Counts
from afterglow.kernel.clock import utc_now
from afterglow.kernel.errors import NotFoundError, UnavailableError
from afterglow.kernel.ids import PhotoId, UserId
from afterglow.kernel.principal import Principal

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

MIMES: Final = {".jpg": "image/jpeg", ".png": "image/png"}
"""Media types of derivatives, by the suffix of their files."""

_ENDS: Final = {".jpg": b"\xff\xd9", ".png": b"IEND\xaeB`\x82"}
"""How a whole file ends. Derivatives are not flushed, so a power cut may leave one without its bytes under its name;
such a one is none, and is made again."""


class OriginalAwayError(UnavailableError):
    """The original can't be reached now."""

    code = "original.away"


@dataclass(frozen=True, slots=True)
class DerivativeCache:
    """Where derivatives lie; the whole folder may be deleted at any time.

    Attributes:
        root: The folder.
        counts: Where it is counted how often they are there when somebody asks.
    """

    root: Path
    counts: Counts = field(default_factory=Counts)

    def folder(self, owner_id: UserId, photo_id: PhotoId, version: int) -> Path:
        """Return the folder of a photo's derivatives."""
        return self.root / folder_of(owner_id, photo_id, version)


@dataclass(frozen=True, slots=True)
class DerivePorts:
    """What making derivatives needs of the outside."""

    database: Database
    store: ObjectStore
    imaging: Imaging
    cache: DerivativeCache
    max_pixels: int


@dataclass(frozen=True, slots=True)
class FoundDerivative:
    """A derivative that lies on the disk."""

    photo: Photo
    path: Path
    name: str

    @property
    def version(self) -> int:
        """Version of the algorithm that made it."""
        return self.photo.derive_version

    @property
    def etag(self) -> str:
        """Tag of its bytes: derivatives of a version never change."""
        return f"{self.photo.id}-{self.name}-{self.version}"

    @property
    def mime(self) -> str:
        """Its media type."""
        return MIMES[self.path.suffix]


async def derive(ports: DerivePorts, run: Run, photo: Photo) -> Completion:
    """Make all derivatives of a photo from one decode; idempotent.

    Raises:
        OriginalAwayError: Its original can't be reached now.
        UndecodableError: Nothing of the picture can be read.
        TooManyPixelsError: It is larger than the bound.
        DecoderDiedError, DecoderTimeoutError: The decoder broke on it.
    """
    source = await _local_original(ports.store, photo)
    folder = ports.cache.folder(run.owner_id, run.photo_id, run.version)
    try:
        result = await ports.imaging.derive(DeriveRequest(source, photo.mime, folder, ports.max_pixels))
    except UnsupportedFormatError:
        return Completion(skipped_because=FORMAT_UNSUPPORTED)
    if photo.derive_version:
        await asyncio.to_thread(_remove_older, folder, run.version)
    return Completion(derived=_derived(result, run.version), wakes=(SIDECAR,))


async def remove_derivatives(cache: DerivativeCache, owner_id: UserId, photo_id: PhotoId) -> None:
    """Remove all derivatives of a photo that is purged, of all versions, half-made ones too; idempotent.

    Raises:
        StoreIoError: The disk does not let them go.
    """
    with storage_errors(f"remove derivatives of {photo_id}"):
        await finish_in_thread(_remove_tree, cache.folder(owner_id, photo_id, DERIVE.version).parent)


async def find_thumbnail(
    database: Database, cache: DerivativeCache, principal: Principal, photo_id: PhotoId, size: int
) -> FoundDerivative:
    """Return a photo's thumbnail.

    Raises:
        UnknownSizeError: There is no such size.
        PhotoNotFoundError: No such photo, or none that the principal may see.
        DerivativeNotReadyError: It is still being made.
        DerivativeEvictedError: It was made and is gone; it is being made again.
        NoDerivativeError: There will be none.
    """
    if size not in THUMBNAIL_SIZES:
        raise UnknownSizeError(sizes=sorted(THUMBNAIL_SIZES))
    return await _find_or_remake(database, cache, principal, photo_id, str(size))


async def find_preview(
    database: Database, cache: DerivativeCache, principal: Principal, photo_id: PhotoId
) -> FoundDerivative:
    """Return a photo's preview.

    Raises:
        PhotoNotFoundError: No such photo, or none that the principal may see.
        DerivativeNotReadyError: It is still being made.
        DerivativeEvictedError: It was made and is gone; it is being made again.
        NoDerivativeError: There will be none.
    """
    return await _find_or_remake(database, cache, principal, photo_id, PREVIEW)


async def _find_or_remake(
    database: Database, cache: DerivativeCache, principal: Principal, photo_id: PhotoId, name: str
) -> FoundDerivative:
    async def find(tx: Tx) -> FoundDerivative:
        return await _find(tx, principal, cache, photo_id, name)

    try:
        found = await database.run(principal.owners, find, read_only=True)
    except DerivativeNotReadyError as absent:
        cache.counts.count_lookup(is_hit=False)
        if isinstance(absent, DerivativeEvictedError):
            await database.run(principal.owners, lambda tx: _remake(tx, principal, photo_id))
        raise
    cache.counts.count_lookup(is_hit=True)
    return found


async def _find(tx: Tx, principal: Principal, cache: DerivativeCache, photo_id: PhotoId, name: str) -> FoundDerivative:
    photo = await photos.get_photo(tx, principal, photo_id)
    folder = cache.folder(photo.owner_id, photo.id, photo.derive_version)
    path = await asyncio.to_thread(_existing, folder, name) if photo.derive_version else None
    if path is None:
        raise await _reason_for_absence(tx, photo)
    return FoundDerivative(photo, path, name)


async def _remake(tx: Tx, principal: Principal, photo_id: PhotoId) -> None:
    """Have a photo's derivatives made again if that is not under way already."""
    photo = await photos.get_photo(tx, principal, photo_id)
    known = await steps.list_steps(tx, photo.owner_id, [photo.id])
    if any(step.name == DERIVE.name and step.state is StepState.DONE for step in known):
        await pipeline.wake_step(tx, photo.owner_id, photo.id, DERIVE)


async def _reason_for_absence(tx: Tx, photo: Photo) -> NotFoundError:
    """Return what it means that a photo has no derivatives on the disk."""
    known = await steps.list_steps(tx, photo.owner_id, [photo.id])
    step = next((step for step in known if step.name == DERIVE.name), None)
    if step is None or step.state in UNFINISHED:
        return DerivativeNotReadyError()
    if step.state is StepState.DONE:
        return DerivativeEvictedError()
    return NoDerivativeError(reason=step.reason or step.error_code)


async def _local_original(store: ObjectStore, photo: Photo) -> Path:
    await store.check()
    path = store.local_path(original_key(photo.checksum)) if photo.checksum else None
    if path is None or not await asyncio.to_thread(path.exists):
        raise OriginalAwayError
    return path


def _derived(result: DeriveResult, version: int) -> Derived:
    return Derived(
        width=result.width,
        height=result.height,
        placeholder=result.placeholder,
        perceptual_hash=result.perceptual_hash,
        damaged=result.damaged,
        version=version,
    )


def _existing(folder: Path, name: str) -> Path | None:
    """Return the derivative of this name, which is used now; a lossless one is a PNG."""
    path = next((path for suffix, end in _ENDS.items() if ends_with(path := folder / f"{name}{suffix}", end)), None)
    if path is not None:
        touch_folder(folder, utc_now())
    return path


def _remove_tree(folder: Path) -> None:
    while folder.exists():
        # Eviction may be at it too.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _remove_older(folder: Path, version: int) -> None:
    """Remove the photo's derivatives of earlier versions; those of a later one belong to the run that overtook us."""
    for sibling in folder.parent.iterdir():
        if is_older(sibling.name, version):
            shutil.rmtree(sibling, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class EvictionPorts:
    """What eviction works with.

    Attributes:
        reserve_bytes: Room that is to stay free on the cache's disk; below it derivatives go.
        reserve_percent: The same as a share of the disk [%]; the larger one counts.
    """

    database: Database
    cache: DerivativeCache
    bounds: CacheBounds
    reserve_bytes: int
    reserve_percent: float


async def evict(ports: EvictionPorts) -> Removed:
    """Remove derivatives, those not used for longest first, until the cache keeps its bounds and the disk has room.

    Whoever asks for one that is gone has it made again. Without a bound, and with room on the disk, nothing is looked
    at. Those younger than an hour stay, whatever the need.

    Raises:
        OSError: The disk failed.
        UnavailableError: The database is away.
    """
    root, bounds = ports.cache.root, ports.bounds
    missing_bytes = await asyncio.to_thread(_missing_bytes, ports)
    if not missing_bytes and not bounds.budget_bytes:
        return Removed()
    now = utc_now()
    usage: CacheUsage = await finish_in_thread(measure_folders, root, FOLDER_DEPTH, now)
    plan = plan_eviction(usage.bytes_by_day, usage.size_bytes, missing_bytes, bounds, now.date())
    removed = Removed()
    if plan:
        removed = await finish_in_thread(remove_folders, root, FOLDER_DEPTH, now, plan.before, plan.share_bytes)
        ports.cache.counts.count_evicted(removed.size_bytes)
        log.info("derivatives evicted", photos=removed.folders, size_bytes=removed.size_bytes)
    async with ports.database.transaction([]) as tx:
        tx.emit(CacheLookedThrough(usage.folders - removed.folders, usage.size_bytes - removed.size_bytes))
    return removed


def _missing_bytes(ports: EvictionPorts) -> int:
    """Return what the disk lacks of the room that is to stay free (STO-5)."""
    if not ports.cache.root.exists():
        return 0
    usage = disk_usage(ports.cache.root)
    reserve = max(ports.reserve_bytes, int(usage.total_bytes * ports.reserve_percent / 100))
    return max(reserve - usage.free_bytes, 0)
