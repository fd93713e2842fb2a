"""Use cases of the composed photo."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afterglow.features.access.rules import Action
from afterglow.features.details.models import PhotoDetails
from afterglow.features.details.rules import SIDECAR_FORMAT, iso, sidecar_path, without_nothing
from afterglow.features.ingest.models import Receipt, ReceiptState
from afterglow.features.photos import service as photos
from afterglow.features.photos.models import Photo, PhotoFilter
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import DEFINITIONS, is_processing
from afterglow.features.pipeline.service import Completion
from afterglow.features.steps import service as steps
from afterglow.features.steps.models import Step
from afterglow.infra.db.database import Database, Tx
from afterglow.infra.storage import files
from afterglow.infra.storage.errors import storage_errors
from afterglow.kernel.checksums import Checksum
from afterglow.kernel.errors import UnavailableError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import PhotoId, UserId
from afterglow.kernel.pages import Page
from afterglow.kernel.principal import Principal


class SidecarUnwritableError(UnavailableError):
    """The disk does not take the sidecar now."""

    code = "sidecar.unwritable"


@dataclass(frozen=True, slots=True)
class SidecarPorts:
    """What writing sidecars needs of the outside: the folder `sidecars/`."""

    database: Database
    root: Path


async def get_details(tx: Tx, principal: Principal, photo_id: PhotoId) -> PhotoDetails:
    """Return everything that is known of a photo.

    Raises:
        PhotoNotFoundError: No such photo, or none that the principal may see.
    """
    photo = await photos.get_photo(tx, principal, photo_id)
    return _compose(photo, await steps.list_steps(tx, photo.owner_id, [photo.id]))


async def compose_photos(tx: Tx, owner_id: UserId, photo_ids: Sequence[PhotoId]) -> dict[PhotoId, PhotoDetails]:
    """Return everything that is known of some of an owner's photos, by two statements for all of them.

    Those that are gone are left out. The caller has asked whether they may be seen.
    """
    found = await photos.list_owned_photos(tx, dict.fromkeys(photo_ids, owner_id))
    return {details.photo.id: details for details in await _compose_all(tx, owner_id, list(found.values()))}


async def list_details(
    tx: Tx, principal: Principal, which: PhotoFilter, cursor: str | None, limit: int
) -> Page[PhotoDetails]:
    """Return a page of the principal's photos, newest first.

    Raises:
        BadCursorError: The cursor was not made by this list.
    """
    return await _compose_page(tx, principal, await photos.list_photos(tx, principal, which, cursor, limit))


async def list_trash(tx: Tx, principal: Principal, cursor: str | None, limit: int) -> Page[PhotoDetails]:
    """Return a page of the principal's trash, newest deletion first.

    Raises:
        BadCursorError: The cursor was not made by this list.
    """
    return await _compose_page(tx, principal, await photos.list_trash(tx, principal, cursor, limit))


async def get_raw_tags(tx: Tx, principal: Principal, photo_id: PhotoId) -> tuple[str, list[str]]:
    """Return the whole raw tag set as JSON text, and what was dropped from it.

    Raises:
        PhotoNotFoundError: No such photo, or none that the principal may see.
    """
    photo = await photos.get_photo(tx, principal, photo_id)
    return await photos.find_raw_tags(tx, photo.owner_id, photo.id) or ("{}", [])


async def retry_step(tx: Tx, principal: Principal, photo_id: PhotoId, step: str) -> PhotoDetails:
    """Try a failed step again.

    Raises:
        PhotoNotFoundError: No such photo, or none that the principal may see.
        StepNotFoundError: The photo has no such step.
        StepNotRetryableError: It has not failed.
    """
    photo = await photos.get_photo(tx, principal, photo_id, Action.CHANGE)
    await pipeline.retry_step(tx, photo.owner_id, photo.id, step)
    return await get_details(tx, principal, photo_id)


async def write_sidecar(ports: SidecarPorts, photo: Photo) -> Completion:
    """Write what is known of a photo beside its original, readable without Afterglow; idempotent.

    Raises:
        SidecarUnwritableError: The disk does not take it.
    """
    if photo.checksum is None:
        return Completion(skipped_because="original.not-hashed")
    content = json.dumps(sidecar_of(photo), ensure_ascii=False, indent=1, sort_keys=True).encode()
    path = ports.root / sidecar_path(photo.owner_id, photo.checksum)
    try:
        await asyncio.to_thread(_replace_durably, path, content)
    except OSError as error:
        raise SidecarUnwritableError(f"{error.strerror} ({path.name})") from error
    return Completion()


async def remove_sidecar(ports: SidecarPorts, owner_id: UserId, checksum: Checksum) -> None:
    """Remove an owner's sidecar of an original that the owner has no photo of any more; idempotent.

    Raises:
        StoreIoError: The disk does not let it go.
    """
    path = ports.root / sidecar_path(owner_id, checksum)
    with storage_errors(f"remove sidecar {path.name}"):
        await asyncio.to_thread(_remove_durably, path)


def sidecar_of(photo: Photo) -> dict[str, Any]:
    """Return the sidecar's content: enough to make the photo's row anew from its original."""
    camera, position = photo.camera, photo.position
    return without_nothing(
        {
            "format": SIDECAR_FORMAT,
            "photoId": str(photo.id),
            "ownerId": str(photo.owner_id),
            "checksum": str(photo.checksum),
            "size": photo.size_bytes,
            "filename": photo.filename,
            "mime": photo.mime,
            "kind": photo.kind,
            "width": photo.width,
            "height": photo.height,
            "takenLocal": iso(photo.taken.local),
            "takenAt": iso(photo.taken.at),
            "offsetMinutes": photo.taken.offset_minutes,
            "takenSource": photo.taken.source,
            "position": position
            and without_nothing(
                {
                    "latitude": position.latitude,
                    "longitude": position.longitude,
                    "altitude": position.altitude_m,
                }
            ),
            "camera": without_nothing({"make": camera.make, "model": camera.model, "lens": camera.lens}),
            "favorite": photo.favorite or None,
            "archived": photo.archived or None,
            "sensitive": photo.sensitive or None,
            "category": photo.category,
            "rating": photo.rating,
            "description": photo.description,
            "tags": list(photo.tags),
            "organizationStatus": photo.organization_status,
            "organizedAt": iso(photo.organized_at),
            "deletedAt": iso(photo.deleted_at),
            "createdAt": iso(photo.created_at),
        }
    )


async def _compose_page(tx: Tx, principal: Principal, page: Page[Photo]) -> Page[PhotoDetails]:
    return Page(await _compose_all(tx, principal.user_id, page.items), page.next_cursor)


async def _compose_all(tx: Tx, owner_id: UserId, items: Sequence[Photo]) -> list[PhotoDetails]:
    by_photo: dict[PhotoId, list[Step]] = {photo.id: [] for photo in items}
    for step in await steps.list_steps(tx, owner_id, list(by_photo)) if by_photo else []:
        by_photo[step.photo_id].append(step)
    return [_compose(photo, by_photo[photo.id]) for photo in items]


def _compose(photo: Photo, of_photo: Sequence[Step]) -> PhotoDetails:
    if photo.stored_at:
        receipt = Receipt(ReceiptState.STORED, photo.stored_at)
    else:
        receipt = Receipt(ReceiptState.RECEIVED, photo.created_at)
    return PhotoDetails(photo, sorted(of_photo, key=_place_in_pipeline), is_processing(of_photo), receipt)


def _place_in_pipeline(step: Step) -> tuple[int, str]:
    """Return what sorts steps as they follow each other; one that this version does not know comes last."""
    names = list(DEFINITIONS)
    return (names.index(step.name) if step.name in DEFINITIONS else len(names), step.name)


def _remove_durably(path: Path) -> None:
    """Remove a file and what writes to it left that were killed."""
    if path.parent.is_dir():
        for left in list(path.parent.glob(f"{path.name}*")):
            left.unlink(missing_ok=True)
        files.sync_folder_of(path)


def _replace_durably(path: Path, content: bytes) -> None:
    """Put a file in place whole, old or new, whatever happens: a sidecar is what a lost database is made anew from."""
    files.ensure_folder(path.parent, files.FOLDER_MODE)
    for leftover in path.parent.glob(f"{path.name}.*.part"):
        leftover.unlink(missing_ok=True)
    # A name of its own: a run that has lost its lease may still be writing.
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            file.write(content)
            file.flush()
            files.sync_file(file.fileno())
        fault_point("sidecar.before-rename")
        part.replace(path)
        fault_point("sidecar.after-rename")
    finally:
        part.unlink(missing_ok=True)
    files.sync_folder_of(path)
