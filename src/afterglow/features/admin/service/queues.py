"""Use cases of queues: how long they are, pause and resume, and running many jobs again."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final
from uuid import UUID

from afterglow.features.admin.errors import JobNotRetryableError, QueueNotFoundError
from afterglow.features.admin.models import Depth, Ended, Queue
from afterglow.features.admin.repository import jobs as jobs_repository
from afterglow.features.admin.repository import node as node_repository
from afterglow.features.admin.repository import queues as repository
from afterglow.features.admin.rules import COUNT_BOUND, RATES_OVER, queue_of
from afterglow.features.admin.service.ports import AdminPorts, require_administrator
from afterglow.features.photos.errors import PhotoNotFoundError
from afterglow.features.pipeline import service as pipeline
from afterglow.features.pipeline.rules import DEFINITIONS, StepDefinition
from afterglow.features.steps import service as steps
from afterglow.infra.db.database import Tx
from afterglow.infra.queue.port import Job as WakeUp
from afterglow.kernel.ids import PhotoId, UserId
from afterglow.kernel.principal import Principal

RETRIED_AT_ONCE: Final = 200
"""Failed jobs that one call tries again: each in a transaction of its own, together about a second."""
_WOKEN_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Retried:
    """What a call to try all failed jobs again has done; `has_more` asks to call again."""

    count: int
    has_more: bool


async def list_queues(tx: Tx, principal: Principal) -> list[Queue]:
    """Return the queue of each step, in the order of the pipeline.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
    """
    require_administrator(principal)
    return await read_queues(tx)


async def read_queues(tx: Tx) -> list[Queue]:
    """Return all queues, for whoever was let in."""
    depths = {depth.step: depth for depth in await repository.list_depths(tx, COUNT_BOUND)}
    pauses = {pause.step: pause for pause in await repository.list_pauses(tx)}
    counted = await node_repository.list_measures(tx)
    ended: dict[str, list[Ended]] = defaultdict(list)
    for entry in await repository.list_results(tx, tx.now - RATES_OVER):
        ended[entry.step].append(entry)
    # Steps of another version of this program may be waiting too.
    names = dict.fromkeys([*DEFINITIONS, *sorted(depths)])
    return [
        queue_of(name, depths.get(name, Depth(name)), ended[name], pauses.get(name), counted, tx.now) for name in names
    ]


async def pause_queue(tx: Tx, principal: Principal, name: str) -> Queue:
    """Let no worker start a step from now on; what runs ends as usual, and what comes waits. Idempotent.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
        QueueNotFoundError: There is no such step.
    """
    require_administrator(principal)
    _require_known(name)
    await repository.insert_pause(tx, name, principal.user_id)
    return await _get_queue(tx, name)


async def resume_queue(tx: Tx, principal: Principal, name: str) -> Queue:
    """Let workers start a step again; what is due is woken at once. Idempotent.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
        QueueNotFoundError: There is no such step.
    """
    require_administrator(principal)
    _require_known(name)
    if await repository.delete_pause(tx, name):
        # The first ones; the reconciler wakes what is beyond.
        for due in await steps.list_due(tx, name, _WOKEN_AT_ONCE):
            tx.defer(WakeUp(task=name, photo_id=due.photo_id, priority=due.priority))
    return await _get_queue(tx, name)


async def retry_failed(ports: AdminPorts, principal: Principal, name: str) -> Retried:
    """Try failed jobs of a queue again, those that failed longest ago first, at most `RETRIED_AT_ONCE` of them.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
        QueueNotFoundError: There is no such step.
        JobNotRetryableError: No worker of this node does such steps.
    """
    definition = _require_worked(ports, principal, name)
    async with ports.database.transaction([], read_only=True) as tx:
        failed = await jobs_repository.list_failed(tx, name, RETRIED_AT_ONCE + 1)
    count = await _wake(ports, definition, failed[:RETRIED_AT_ONCE])
    return Retried(count, has_more=len(failed) > RETRIED_AT_ONCE)


async def run_again(ports: AdminPorts, principal: Principal, name: str, photo_ids: Sequence[UUID]) -> int:
    """Run a step again for some photos, whatever became of it before; return for how many.

    Photos that are not there, or have no such step, are passed over. A step that runs now runs once more after.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
        QueueNotFoundError: There is no such step.
        JobNotRetryableError: No worker of this node does such steps.
    """
    definition = _require_worked(ports, principal, name)
    async with ports.database.transaction([], read_only=True) as tx:
        owned = await jobs_repository.list_owners(tx, name, photo_ids)
    return await _wake(ports, definition, owned)


async def _wake(ports: AdminPorts, definition: StepDefinition, owned: Sequence[tuple[UserId, PhotoId]]) -> int:
    count = 0
    for owner_id, photo_id in owned:
        # Each in a transaction of its own, so that no photo is locked for long; it may be deleted meanwhile.
        with suppress(PhotoNotFoundError):
            await ports.database.run([owner_id], partial(_wake_one, definition, owner_id, photo_id))
            count += 1
    return count


async def _wake_one(definition: StepDefinition, owner_id: UserId, photo_id: PhotoId, tx: Tx) -> None:
    await pipeline.wake_step(tx, owner_id, photo_id, definition)


async def _get_queue(tx: Tx, name: str) -> Queue:
    return next(queue for queue in await read_queues(tx) if queue.name == name)


def _require_known(name: str) -> StepDefinition:
    if name not in DEFINITIONS:
        raise QueueNotFoundError(queues=list(DEFINITIONS))
    return DEFINITIONS[name]


def _require_worked(ports: AdminPorts, principal: Principal, name: str) -> StepDefinition:
    require_administrator(principal)
    definition = _require_known(name)
    if name not in ports.worked:
        raise JobNotRetryableError
    return definition
