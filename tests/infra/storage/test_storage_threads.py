"""Blocking work that is never left behind."""

import asyncio
import threading

import pytest

from afterglow.infra.storage.threads import finish_in_thread, open_in_thread


class Opened:
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


async def test_a_cancelled_caller_leaves_only_after_the_work() -> None:
    started, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        may_end.wait(30)
        ended.set()

    task = asyncio.create_task(finish_in_thread(work))
    await asyncio.to_thread(started.wait, 30)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # an impatient caller changes nothing
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_what_was_opened_for_a_cancelled_caller_is_closed() -> None:
    started, may_end, opened = threading.Event(), threading.Event(), Opened()

    def work() -> Opened:
        started.set()
        may_end.wait(30)
        return opened

    task = asyncio.create_task(open_in_thread(work))
    await asyncio.to_thread(started.wait, 30)
    task.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert opened.is_closed


async def test_errors_and_results_pass() -> None:
    with pytest.raises(ZeroDivisionError):
        await finish_in_thread(lambda: 1 // 0)
    assert await finish_in_thread(divmod, 7, 2) == (3, 1)
    assert not (await open_in_thread(Opened)).is_closed
