"""Group commit: alone at once, in company together, and nobody pays for a neighbour."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from afterglow.infra.db.batches import Batches
from afterglow.kernel.errors import CorruptError, UnavailableError

LONG = timedelta(hours=1)


class Answering:
    """A call that doubles numbers, remembers what it was asked, and may be told to hold on."""

    def __init__(self, *, holds: bool = False) -> None:
        self.calls: list[list[int]] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        if not holds:
            self.go_on.set()

    async def __call__(self, questions: Sequence[int]) -> list[int]:
        self.calls.append(list(questions))
        self.begun.set()
        await self.go_on.wait()
        if 13 in questions:
            raise CorruptError("an unlucky number")
        if 0 in questions:
            raise UnavailableError
        return [2 * question for question in questions]


async def test_a_question_that_comes_alone_is_passed_on_at_once() -> None:
    answer = Answering()
    assert await Batches(answer, most=4, patience=LONG).ask(1) == 2
    assert answer.calls == [[1]]


async def test_questions_of_one_moment_are_answered_together() -> None:
    answer = Answering()
    batches = Batches(answer, most=4)
    assert await asyncio.gather(*(batches.ask(number) for number in (1, 2, 3))) == [2, 4, 6]
    assert answer.calls == [[1, 2, 3]]


async def test_what_comes_meanwhile_goes_into_the_next_call_and_no_call_grows_too_large() -> None:
    answer = Answering(holds=True)
    batches = Batches(answer, most=2)
    first = asyncio.create_task(batches.ask(1))
    await answer.begun.wait()
    others = [asyncio.create_task(batches.ask(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    answer.go_on.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8]
    assert answer.calls == [[1], [2, 3], [4]]


async def test_company_that_is_sure_to_come_is_waited_for() -> None:
    answer = Answering()
    batches = Batches(answer, most=4, patience=LONG, expected=lambda: 2 - len(asked))
    asked = [asyncio.create_task(batches.ask(1))]
    await asyncio.sleep(0.01)
    assert answer.calls == []
    asked.append(asyncio.create_task(batches.ask(2)))
    assert await asyncio.gather(*asked) == [2, 4]
    assert answer.calls == [[1, 2]]


async def test_nobody_waits_for_company_once_the_call_is_full_or_patience_is_over() -> None:
    answer = Answering()
    full = Batches(answer, most=2, patience=LONG, expected=lambda: 1)
    assert await asyncio.gather(full.ask(1), full.ask(2)) == [2, 4]
    impatient = Batches(answer, most=2, patience=timedelta(milliseconds=1), expected=lambda: 1)
    assert await impatient.ask(3) == 6


async def test_a_question_that_cannot_be_answered_does_not_take_its_neighbours_with_it() -> None:
    answer = Answering()
    batches = Batches(answer, most=4)
    first, bad, last = await asyncio.gather(*(batches.ask(number) for number in (1, 13, 3)), return_exceptions=True)
    assert (first, last) == (2, 6)
    assert isinstance(bad, CorruptError)
    assert answer.calls == [[1, 13, 3], [1], [13], [3]]
    assert await batches.ask(4) == 8


async def test_a_part_that_is_away_is_not_asked_again_for_each() -> None:
    answer = Answering()
    batches = Batches(answer, most=4)
    errors = await asyncio.gather(*(batches.ask(number) for number in (1, 0, 3)), return_exceptions=True)
    assert [type(error) for error in errors] == [UnavailableError] * 3
    assert answer.calls == [[1, 0, 3]]


async def test_who_goes_away_leaves_the_others_their_answers() -> None:
    answer = Answering(holds=True)
    batches = Batches(answer, most=4)
    going, staying = (asyncio.create_task(batches.ask(number)) for number in (1, 2))
    await answer.begun.wait()
    going.cancel()
    await asyncio.sleep(0)
    answer.go_on.set()
    assert await staying == 4
    assert going.cancelled()


async def test_nobody_waits_for_ever_when_the_call_is_cancelled() -> None:
    answer = Answering(holds=True)
    batches = Batches(answer, most=1)
    asked = [asyncio.create_task(batches.ask(number)) for number in (1, 2)]
    await answer.begun.wait()
    assert batches._task
    batches._task.cancel()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 2


@pytest.mark.parametrize("bad", [13, 0])
async def test_the_error_of_a_lone_question_is_its_own(bad: int) -> None:
    answer = Answering()
    with pytest.raises((CorruptError, UnavailableError)):
        await Batches(answer, most=4).ask(bad)
    assert answer.calls == [[bad]]
