"""The queue's port: wake-ups that ride in the caller's transaction.

A job says "step S of photo P may be due". It carries no state: attempts, leases and results live in `steps`. So a job
that is lost, doubled or picked twice is harmless, and the table behind it may be lost in a crash: the reconciler wakes
every due step again.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from afterglow.kernel.ids import PhotoId

Connection = asyncpg.Connection | PoolConnectionProxy


@dataclass(frozen=True, slots=True)
class Job:
    """A wake-up for one step of one photo.

    Attributes:
        task: Name of the task, which is the step's name.
        photo_id: The photo whose step may be due.
        priority: 0 for new photos; larger numbers wait behind smaller ones (the port's order).
        delay: Not before this much from now.
    """

    task: str
    photo_id: PhotoId
    priority: int = 0
    delay: timedelta = timedelta(0)


class Enqueue(Protocol):
    """Puts wake-ups on the queue, inside the transaction of the given connection.

    A job equal in task and photo to one that is queued is skipped silently.
    """

    async def __call__(self, connection: Connection, jobs: Sequence[Job]) -> None:
        """Enqueue; visible to workers when the caller's transaction commits."""


JobHandler = Callable[[PhotoId], Awaitable[None]]
ScheduledHandler = Callable[[], Awaitable[None]]


class Consumer(Protocol):
    """Takes wake-ups off the queue and hands them to the registered handlers, several at a time."""

    def register(self, task: str, handler: JobHandler, *, concurrency: int) -> None:
        """Have `handler` called for each job of `task`, at most `concurrency` at once in this process."""

    def schedule(self, name: str, cron: str, handler: ScheduledHandler) -> None:
        """Have `handler` called at the times of a cron expression, once in the whole system."""

    async def run(self) -> None:
        """Work until `stop`; returns when the running handlers have ended.

        Raises:
            UnavailableError: The queue is away; what it holds is not lost for long, the reconciler wakes it again.
        """

    def stop(self) -> None:
        """Take no more jobs; `run` returns soon after."""
