"""What an account may take up: its quota and its number of unfinished uploads.

The sum of an owner's files and of what their open sessions have announced never passes the quota. Whoever adds to it,
be it a session that is opened or a file that becomes a photo, holds the lock of the owner's usage from before its look
until its commit; so of two at once the second sees what the first has taken.
"""

from afterglow.features.accounts import service as accounts
from afterglow.features.uploads import repository
from afterglow.features.uploads.errors import QuotaExceededError, TooManySessionsError
from afterglow.features.uploads.models import Usage
from afterglow.features.uploads.service.ports import UploadPorts
from afterglow.infra.db.database import Tx
from afterglow.kernel.ids import UserId


async def get_usage(tx: Tx, owner_id: UserId) -> Usage:
    """Return what the owner's files take up, and what their open sessions have announced."""
    return await repository.get_usage(tx, owner_id)


async def claim_session(ports: UploadPorts, tx: Tx, owner_id: UserId, size_bytes: int) -> None:
    """Let the owner open a session for a file of this size in this transaction, and nobody else meanwhile.

    Raises:
        TooManySessionsError: The owner has too many.
        QuotaExceededError: The file is larger than what the quota leaves.
    """
    await repository.lock_usage(tx, owner_id)
    usage = await repository.get_usage(tx, owner_id)
    if usage.open_sessions >= ports.limits.max_sessions:
        raise TooManySessionsError(limit=ports.limits.max_sessions)
    if (limit := await _find_limit(tx, owner_id)) is not None:
        _require_within(limit, usage, size_bytes)


async def require_quota(tx: Tx, owner_id: UserId, size_bytes: int) -> None:
    """Refuse a file that is larger than what the quota leaves at present.

    Raises:
        QuotaExceededError: It is.
    """
    limit = await _find_limit(tx, owner_id)
    if limit is not None:
        _require_within(limit, await repository.get_usage(tx, owner_id), size_bytes)


async def _find_limit(tx: Tx, owner_id: UserId) -> int | None:
    return (await accounts.get_account(tx, owner_id)).quota_bytes


def _require_within(limit: int, usage: Usage, size_bytes: int) -> None:
    used_bytes = usage.used_bytes + usage.announced_bytes
    if used_bytes + size_bytes > limit:
        raise QuotaExceededError(limit=limit, used=used_bytes, needed=size_bytes)
