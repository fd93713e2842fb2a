"""HTTP of queues, for the owner and administrators."""

from fastapi import APIRouter

from afterglow.features.admin import service
from afterglow.features.admin.routes.administrator import Administrator, Ports
from afterglow.features.admin.schemas import QueueOut, QueuesOut, RetriedOut, RunAgainIn, RunAgainOut
from afterglow.infra.web.tx import ReadTx, TransactionalRoute, WriteTx

router = APIRouter(prefix="/api/admin/queues", tags=["admin"], route_class=TransactionalRoute)


@router.get("")
async def list_queues(tx: ReadTx, principal: Administrator) -> QueuesOut:
    """List the queues, one for each step of the pipeline."""
    return QueuesOut(items=[QueueOut.of(queue) for queue in await service.list_queues(tx, principal)])


@router.post("/{name}/pause")
async def pause_queue(name: str, tx: WriteTx, principal: Administrator) -> QueueOut:
    """Let no worker start a job of this queue; what runs ends as usual. Holds until it is resumed, over restarts."""
    return QueueOut.of(await service.pause_queue(tx, principal, name))


@router.post("/{name}/resume")
async def resume_queue(name: str, tx: WriteTx, principal: Administrator) -> QueueOut:
    """Let workers start jobs of this queue again."""
    return QueueOut.of(await service.resume_queue(tx, principal, name))


@router.post("/{name}/retry")
async def retry_failed(name: str, ports: Ports, principal: Administrator) -> RetriedOut:
    """Try failed jobs of this queue again, at most 200 of them; `hasMore` asks to call again."""
    retried = await service.retry_failed(ports, principal, name)
    return RetriedOut(count=retried.count, has_more=retried.has_more)


@router.post("/{name}/run")
async def run_again(name: str, body: RunAgainIn, ports: Ports, principal: Administrator) -> RunAgainOut:
    """Run this queue's step again for a selection of photos, whatever became of it before."""
    return RunAgainOut(count=await service.run_again(ports, principal, name, body.photo_ids))
