"""Group commit: what is asked for while a batch is under way goes into the next one."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from datetime import timedelta
from typing import Generic, TypeVar

from afterglow.kernel.errors import UnavailableError

Q = TypeVar("Q")
A = TypeVar("A")
Waiting = tuple[Q, asyncio.Future[A]]


class Batches(Generic[Q, A]):
    """Answers single questions by calls that answer several at once, one call at a time.

    A question that comes alone is passed on at once; it has company from those of the same turn of the event loop, and
    from those that came while the call before it was under way. A call that fails is taken apart, so that a question
    which can't be answered does not take its neighbours with it.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        *,
        most: int,
        patience: timedelta = timedelta(0),
        expected: Callable[[], int] = lambda: 0,
    ) -> None:
        """Name the call.

        Args:
            answer: Returns an answer to each question, in their order. Called again, with fewer, where it failed.
            most: Questions of one call.
            patience: Longest wait for questions that are expected.
            expected: Returns how many questions are sure to come, not counting those that wait for their answers.
        """
        self._answer = answer
        self._most = most
        self._patience_s = patience.total_seconds()
        self._expected = expected
        self._waiting: deque[Waiting[Q, A]] = deque()
        self._asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """Return the answer to one question; raises what its call raises."""
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        self._asked.set()
        if self._task is None:
            # In a context of its own: what it logs does not belong to whoever happened to ask first.
            self._task = asyncio.create_task(self._work_off(), context=Context())
        return await future

    async def _work_off(self) -> None:
        batch: list[Waiting[Q, A]] = []
        try:
            while self._waiting:
                await self._wait_for_company()
                batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                await self._work_on(batch)
        finally:
            self._task = None
            # Nobody waits for ever when this process stops in the middle.
            for _, future in [*batch, *self._waiting]:
                future.cancel()
            self._waiting.clear()

    async def _wait_for_company(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        while len(self._waiting) < self._most and self._expected() and (rest_s := until - loop.time()) > 0:
            self._asked.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), rest_s)

    async def _work_on(self, batch: Sequence[Waiting[Q, A]]) -> None:
        questions = [question for question, _ in batch]
        (outcome,) = await asyncio.gather(self._answer(questions), return_exceptions=True)
        if not isinstance(outcome, BaseException):
            for (_, future), answer in zip(batch, outcome, strict=True):
                if not future.done():
                    future.set_result(answer)
        elif len(batch) == 1 or isinstance(outcome, UnavailableError):
            for _, future in batch:
                if not future.done():
                    future.set_exception(outcome)
        else:
            for one in batch:
                await self._work_on([one])
