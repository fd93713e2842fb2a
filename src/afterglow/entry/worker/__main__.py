"""`python -m afterglow.entry.worker`: takes wake-ups off the queue until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog

from afterglow.bootstrap import Node, WorkerParts, open_node, open_worker
from afterglow.config import Settings, load_settings
from afterglow.entry.worker.runner import StepRunner
from afterglow.infra.telemetry.logs import configure_logs
from afterglow.kernel.errors import AfterglowError

RECONCILE_EVERY_S = 15.0
_CONNECTIONS = 8

log = structlog.get_logger()


def main() -> int:
    """Work until SIGTERM or SIGINT; return the exit code."""
    settings = load_settings()
    configure_logs("worker", settings.log_level)
    try:
        asyncio.run(_serve(settings))
    except AfterglowError as error:
        log.critical("worker ends", code=error.code, message=error.message)
        return 1
    return 0


async def _serve(settings: Settings) -> None:
    async with open_node(settings, "worker", max_connections=_CONNECTIONS) as node, open_worker(node) as parts:
        await _work(node, parts)


async def _work(node: Node, parts: WorkerParts) -> None:
    settings = node.settings
    runner = StepRunner(
        node.database,
        parts.steps,
        lease=timedelta(seconds=settings.step_lease_s),
        max_attempts=settings.step_attempts,
    )
    for definition in parts.steps:
        parts.consumer.register(
            definition.name, partial(runner.handle, definition), concurrency=settings.decoders + settings.step_batch
        )
    for name, cron, handler in parts.schedules:
        parts.consumer.schedule(name, cron, partial(_quietly, name, handler))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, parts.consumer.stop)
    beside = [
        asyncio.ensure_future(runner.keep_leases()),
        *(asyncio.ensure_future(_repeat(handler)) for handler in parts.at_start),
    ]
    log.info("worker works", steps=[definition.name for definition in parts.steps])
    try:
        await parts.consumer.run()
    finally:
        for task in beside:
            task.cancel()


async def _repeat(handler: Callable[[], Awaitable[None]]) -> None:
    while True:
        await _quietly("reconcile", handler)
        await asyncio.sleep(RECONCILE_EVERY_S)


async def _quietly(name: str, handler: Callable[[], Awaitable[None]]) -> None:
    """Run a recurring job; a failure is logged, and the next time comes."""
    try:
        await handler()
    except Exception as error:
        log.warning(
            "recurring job failed",
            job=name,
            error=repr(error)[:500],
            exc_info=not isinstance(error, AfterglowError),
        )


if __name__ == "__main__":
    sys.exit(main())
