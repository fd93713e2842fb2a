"""`python -m afterglow.entry.worker`: takes wake-ups off the queue until it is told to stop."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog
import uvloop

import afterglow
from afterglow.bootstrap import Node, WorkerParts, open_node, open_worker
from afterglow.config import Settings, load_settings
from afterglow.entry.worker.runner import StepRunner
from afterglow.infra.queue.port import Consumer
from afterglow.infra.telemetry.logs import configure_logs
from afterglow.infra.telemetry.traces import configure_traces
from afterglow.kernel.errors import AfterglowError

# The supervisor kills a worker that has not ended some seconds after it was asked to.
GIVE_UP_AFTER_S = 2.0
_CONNECTIONS = 8

log = structlog.get_logger()


def main() -> int:
    """Work until SIGTERM or SIGINT; return the exit code."""
    settings = load_settings()
    configure_logs("worker", settings.log_level)
    try:
        configure_traces("worker", settings.otlp_endpoint, afterglow.__version__)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings))
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
        ledger=parts.ledger,
    )
    for definition in parts.steps:
        parts.consumer.register(
            definition.name, partial(runner.handle, definition), concurrency=settings.decoders + settings.step_batch
        )
    for name, cron, handler in parts.schedules:
        parts.consumer.schedule(name, cron, partial(_quietly, name, handler))
    _stop_on_signals(parts.consumer, runner)
    beside = [
        asyncio.ensure_future(runner.keep_leases()),
        # The work of a worker that died is taken over within a lease and a half: 45 s, where LIFE-5 allows 60.
        *(asyncio.ensure_future(_repeat(handler, settings.step_lease_s / 2)) for handler in parts.at_start),
    ]
    log.info("worker works", steps=[definition.name for definition in parts.steps])
    try:
        await parts.consumer.run()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


def _stop_on_signals(consumer: Consumer, runner: StepRunner) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        consumer.stop()
        loop.call_later(GIVE_UP_AFTER_S, runner.give_up)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def _repeat(handler: Callable[[], Awaitable[None]], pause_s: float) -> None:
    while True:
        await _quietly("reconcile", handler)
        await asyncio.sleep(pause_s)


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
