"""The plan and the status that follows from steps, over every state that steps can get into."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from afterglow.features.photos.models import PhotoStatus
from afterglow.features.photos.rules import TRANSITIONS
from afterglow.features.pipeline.rules import (
    DEFINITIONS,
    DERIVE,
    FORMAT_UNSUPPORTED,
    METADATA,
    OFFLOAD,
    SIDECAR,
    PhotoFacts,
    StepKind,
    is_processing,
    is_stale,
    plan,
    plan_again,
    status_of,
)
from afterglow.features.steps.models import UNFINISHED, NewStep, Step, StepState
from afterglow.kernel.ids import PhotoId, new_id

PHOTO = PhotoId(new_id())
OVER = set(StepState) - UNFINISHED

facts = st.builds(PhotoFacts, is_derivable=st.booleans(), is_metadata_read=st.booleans(), is_stored=st.booleans())


def step_of(new: NewStep) -> Step:
    """The row that a planned step becomes."""
    return Step(
        photo_id=PHOTO,
        name=new.name,
        version=new.version,
        algorithm=new.algorithm,
        state=new.state,
        reason=new.reason,
        attempts=0,
        waits=0,
        next_try_at=None,
        error=None,
        error_code=None,
        run_id=None,
        worker=None,
    )


def a_step(name: str, state: StepState = StepState.DONE, **values: object) -> Step:
    new = plan_again(DEFINITIONS[name]) if name in DEFINITIONS else NewStep(name, 1, "other", state)
    return replace(step_of(new), state=state, **values)


any_steps = st.lists(
    st.builds(
        a_step,
        st.sampled_from([*DEFINITIONS, "faces"]),
        st.sampled_from(StepState),
        version=st.integers(0, 3),
        attempts=st.integers(0, 4),
        waits=st.integers(0, 2),
    ),
    unique_by=lambda step: step.name,
)


class TestPlan:
    @given(facts)
    def test_a_new_photo_gets_every_step_once(self, photo: PhotoFacts) -> None:
        assert [step.name for step in plan(photo)] == list(DEFINITIONS)

    @given(facts, any_steps, st.integers(0, 20))
    def test_planning_twice_plans_nothing_more(self, photo: PhotoFacts, known: list[Step], priority: int) -> None:
        planned = plan(photo, known, priority)
        after = {step.name: step for step in known} | {step.name: step_of(step) for step in planned}
        assert plan(photo, after.values(), priority) == ()
        assert {step.priority for step in planned} <= {priority}

    @given(facts, any_steps)
    def test_only_what_is_missing_or_stale_is_planned_whatever_its_state(
        self, photo: PhotoFacts, known: list[Step]
    ) -> None:
        fresh = {step.name for step in known if step.name in DEFINITIONS and step.version >= 1}
        assert {step.name for step in plan(photo, known)} == DEFINITIONS.keys() - fresh

    @given(facts)
    def test_what_is_done_or_impossible_does_not_wait(self, photo: PhotoFacts) -> None:
        state = {step.name: step.state for step in plan(photo)}
        assert (state[METADATA.name] is StepState.DONE) == photo.is_metadata_read
        assert (state[OFFLOAD.name] is StepState.DONE) == photo.is_stored
        assert state[DERIVE.name] is (StepState.WAITING if photo.is_derivable else StepState.SKIPPED)
        assert state[SIDECAR.name] is StepState.WAITING

    def test_a_format_that_cannot_be_decoded_says_so(self) -> None:
        (derive,) = [step for step in plan(PhotoFacts(False, True, True)) if step.name == DERIVE.name]
        assert derive.reason == FORMAT_UNSUPPORTED

    @given(any_steps)
    def test_stale_is_what_is_over_in_an_older_version(self, known: list[Step]) -> None:
        newer = replace(DERIVE, version=2)
        expected = any(step.name == DERIVE.name and step.version < 2 and step.state in OVER for step in known)
        assert is_stale(newer, known) == expected


@pytest.mark.req("LIFE-1")
class TestStatus:
    @given(any_steps)
    def test_any_steps_give_a_status_after_ingest(self, known: list[Step]) -> None:
        assert status_of(known) is not PhotoStatus.UPLOADED

    @given(any_steps, st.randoms())
    def test_the_order_of_the_steps_says_nothing(self, known: list[Step], random: object) -> None:
        shuffled = list(known)
        random.shuffle(shuffled)
        assert status_of(shuffled) is status_of(known)

    @given(any_steps, st.sampled_from(["sidecar", "faces"]), st.sampled_from(StepState))
    def test_steps_that_only_keep_or_enrich_never_change_it(
        self, known: list[Step], name: str, state: StepState
    ) -> None:
        without = [step for step in known if step.name != name]
        assert status_of([*without, a_step(name, state)]) is status_of(without)

    @given(any_steps)
    def test_failed_is_what_lacks_metadata_or_derivatives_for_good(self, known: list[Step]) -> None:
        failed = {step.name for step in known if step.state is StepState.FAILED}
        assert (status_of(known) is PhotoStatus.FAILED) == bool(failed & {METADATA.name, DERIVE.name})

    @given(any_steps)
    def test_stored_and_processed_are_displayable_and_stored_is_home(self, known: list[Step]) -> None:
        status, by_name = status_of(known), {step.name: step for step in known}
        needed = [by_name[name] for name in (METADATA.name, DERIVE.name) if name in by_name]
        ready = bool(needed) and all(step.state in (StepState.DONE, StepState.SKIPPED) for step in needed)
        assert (status in (PhotoStatus.PROCESSED, PhotoStatus.STORED)) == ready
        if status is PhotoStatus.STORED:
            assert by_name[OFFLOAD.name].state in (StepState.DONE, StepState.SKIPPED)

    @given(any_steps)
    def test_processing_is_from_the_first_attempt_on_also_while_a_part_is_away(self, known: list[Step]) -> None:
        unfinished = [
            step
            for step in known
            if step.name in DEFINITIONS and DEFINITIONS[step.name].kind is StepKind.DERIVE and step.state in UNFINISHED
        ]
        begun = any(step.attempts or step.waits or step.state is StepState.RUNNING for step in unfinished)
        if status_of(known) is PhotoStatus.PROCESSING:
            assert begun
        if status_of(known) is PhotoStatus.INGESTED:
            assert not begun
        assert is_processing(known) == bool(unfinished)

    def test_the_usual_life(self) -> None:
        steps = {step.name: step_of(step) for step in plan(PhotoFacts(True, True, True))}
        told = [status_of(steps.values())]
        for state in (StepState.RUNNING, StepState.DONE):
            steps[DERIVE.name] = replace(steps[DERIVE.name], state=state, attempts=1)
            told.append(status_of(steps.values()))
        assert told == [PhotoStatus.INGESTED, PhotoStatus.PROCESSING, PhotoStatus.STORED]


class Life(RuleBasedStateMachine):
    """All that can happen to the steps of a photo; the status may only go where the transition table lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[str, Step] = {}
        self.status = PhotoStatus.INGESTED

    def change(self, name: str, state: StepState, **values: object) -> None:
        self.steps[name] = replace(self.steps[name], state=state, **values)

    def names(self, *states: StepState) -> list[str]:
        return sorted(name for name, step in self.steps.items() if step.state in states)

    @precondition(lambda self: not self.steps)
    @rule(photo=facts)
    def ingest(self, photo: PhotoFacts) -> None:
        self.steps = {step.name: step_of(step) for step in plan(photo)}

    @precondition(lambda self: self.names(*UNFINISHED))
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.names(*UNFINISHED)))
        self.change(name, StepState.RUNNING, attempts=self.steps[name].attempts + 1)

    @precondition(lambda self: self.names(StepState.RUNNING))
    @rule(data=st.data(), state=st.sampled_from([StepState.DONE, StepState.SKIPPED, StepState.FAILED]))
    def end(self, data: st.DataObject, state: StepState) -> None:
        self.change(data.draw(st.sampled_from(self.names(StepState.RUNNING))), state, waits=0)

    @precondition(lambda self: self.names(StepState.RUNNING))
    @rule(data=st.data(), counts=st.booleans())
    def try_again_later(self, data: st.DataObject, counts: bool) -> None:
        name = data.draw(st.sampled_from(self.names(StepState.RUNNING)))
        step = self.steps[name]
        values = {"waits": 0} if counts else {"attempts": step.attempts - 1, "waits": step.waits + 1}
        self.change(name, StepState.WAITING, **values)

    @precondition(lambda self: self.names(*OVER))
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        self.change(data.draw(st.sampled_from(self.names(*OVER))), StepState.WAITING, attempts=0, waits=0)

    @invariant()
    def the_transition_is_allowed(self) -> None:
        status = status_of(self.steps.values())
        assert status is self.status or (self.status, status) in TRANSITIONS
        self.status = status


TestLife = Life.TestCase
TestLife.pytestmark = [pytest.mark.req("LIFE-1")]
