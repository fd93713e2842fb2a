"""The sweep: finishes what clients completed, forgets what nobody completed."""

from datetime import timedelta

import structlog

from afterglow.features.uploads import repository
from afterglow.features.uploads.service.completing import accept_session
from afterglow.features.uploads.service.ports import UploadPorts
from afterglow.features.uploads.service.sessions import keep_alive
from afterglow.infra.storage.errors import UploadBusyError
from afterglow.kernel.errors import AfterglowError, UnavailableError
from afterglow.kernel.faults import fault_point
from afterglow.kernel.ids import UploadId, UserId

# Parts whose upload nobody knows are left alone for this long: a plain upload has no session.
STRAY_PART_AGE = timedelta(hours=1)
# A client that is told to come back later does so sooner than this.
UNFINISHED_AGE = timedelta(minutes=10)
_BATCH = 500

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def sweep(
    ports: UploadPorts, stray_age: timedelta = STRAY_PART_AGE, unfinished_age: timedelta = UNFINISHED_AGE
) -> int:
    """Finish completed sessions, forget expired ones, remove parts that no session owns; return how many parts went.

    Args:
        ports: Of uploads.
        stray_age: A part counts as nobody's when it is older: a plain upload has no session while it runs.
        unfinished_age: A completed session is finished here when its last byte is older.
    """
    await _finish_completed(ports, unfinished_age)
    expired = await ports.ingest.database.run([], lambda tx: repository.expire_sessions(tx, _BATCH))
    fault_point("upload.after-expiry")
    removed = 0
    for upload_id in expired:
        removed += await _discard_idle(ports, upload_id)
    strays = [part.upload_id for part in await ports.ingest.spool.list_parts(stray_age)]
    for start in range(0, len(strays), _BATCH):
        batch = strays[start : start + _BATCH]
        for upload_id in set(batch) - (await _list_open(ports, batch)).keys():
            removed += await _discard_idle(ports, upload_id)
    return removed


async def _finish_completed(ports: UploadPorts, age: timedelta) -> None:
    """Make photos of what clients completed while the store was away; until then it does not expire (ING-11).

    A sealed part is what tells: only completing seals.
    """
    sealed = [part.upload_id for part in await ports.ingest.spool.list_parts(age) if part.is_sealed]
    is_home = await _is_home(ports)
    for start in range(0, len(sealed), _BATCH):
        for upload_id, owner_id in (await _list_open(ports, sealed[start : start + _BATCH])).items():
            await _finish(ports, owner_id, upload_id, is_home=is_home)


async def _is_home(ports: UploadPorts) -> bool:
    try:
        await ports.ingest.store.check()
    except UnavailableError:
        return False
    return True


async def _finish(ports: UploadPorts, owner_id: UserId, upload_id: UploadId, *, is_home: bool) -> None:
    session = await keep_alive(ports, owner_id, upload_id)
    if session is None or not is_home:
        return
    try:
        accepted = await accept_session(ports, session)
    except AfterglowError as error:
        log.warning("upload not finished", upload_id=str(upload_id), code=error.code, message=error.message)
    else:
        log.info("upload finished", upload_id=str(upload_id), photo_id=str(accepted.photo_id))


async def _list_open(ports: UploadPorts, upload_ids: list[UploadId]) -> dict[UploadId, UserId]:
    return await ports.ingest.database.run([], lambda tx: repository.list_open(tx, upload_ids), read_only=True)


async def _discard_idle(ports: UploadPorts, upload_id: UploadId) -> bool:
    try:
        return await ports.ingest.spool.discard(upload_id)
    except UploadBusyError:
        return False
