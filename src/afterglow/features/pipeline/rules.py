"""The plan of a photo's steps and the status that follows from them; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from afterglow.features.photos.models import PhotoStatus
from afterglow.features.steps.models import UNFINISHED, NewStep, Step, StepState

FORMAT_UNSUPPORTED: Final = "format.unsupported"


class StepKind(StrEnum):
    """What a step is for, as far as the status is concerned."""

    DERIVE = "derive"
    """Needed to show the photo: metadata and image derivatives. Exhausted, it makes the photo FAILED."""
    STORE = "store"
    """Brings the original home."""
    KEEP = "keep"
    """Writes down what is known; never changes the status."""


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """A stage of the pipeline.

    Attributes:
        name: The step's name, which is also its task's.
        version: Grows when the result would differ; older results are planned anew.
        algorithm: What the version stands for, in words.
    """

    name: str
    version: int
    algorithm: str
    kind: StepKind


METADATA: Final = StepDefinition("metadata", 1, "exif-reader", StepKind.DERIVE)
DERIVE: Final = StepDefinition("derive", 1, "jpegli-2000+square-64-512", StepKind.DERIVE)
OFFLOAD: Final = StepDefinition("offload", 1, "local", StepKind.STORE)
SIDECAR: Final = StepDefinition("sidecar", 1, "json-1", StepKind.KEEP)

DEFINITIONS: Final[Mapping[str, StepDefinition]] = {
    definition.name: definition for definition in (METADATA, DERIVE, OFFLOAD, SIDECAR)
}
BACKFILL_PRIORITY: Final = 10
SIDECAR_PATIENCE: Final = timedelta(minutes=1)
"""How long a new photo's sidecar waits for the derivatives, should their end never come."""


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """What the plan has to know of a photo.

    Attributes:
        is_derivable: Whether this version can decode its format.
        is_metadata_read: Whether ingest has read its metadata already.
        is_stored: Whether its original is verified at home.
    """

    is_derivable: bool
    is_metadata_read: bool
    is_stored: bool


def plan(photo: PhotoFacts, steps: Iterable[Step] = (), priority: int = 0) -> tuple[NewStep, ...]:
    """Return the steps that are missing or stale, in the state that each starts in.

    A step of the present version is never planned again, whatever its state; so planning twice plans nothing more.

    Args:
        photo: What is known of the photo.
        steps: Its steps so far.
        priority: Of the planned steps; larger waits behind smaller.
    """
    known = {step.name: step.version for step in steps}
    return tuple(
        _new_step(definition, photo, priority)
        for definition in DEFINITIONS.values()
        if known.get(definition.name, 0) < definition.version
    )


def plan_again(definition: StepDefinition, priority: int = 0) -> NewStep:
    """Return the step as waiting, whatever it was: for a step whose input has changed."""
    return NewStep(definition.name, definition.version, definition.algorithm, StepState.WAITING, priority=priority)


def status_of(steps: Iterable[Step | NewStep]) -> PhotoStatus:
    """Return the status of an ingested photo, which follows from its steps alone.

    FAILED when a step that it takes to show the photo is exhausted; PROCESSING from the first attempt of one until
    all are over; then STORED or PROCESSED, by whether the original is home.
    """
    by_kind: dict[StepKind, list[Step | NewStep]] = {kind: [] for kind in StepKind}
    for step in steps:
        if definition := DEFINITIONS.get(step.name):
            by_kind[definition.kind].append(step)
    needed = by_kind[StepKind.DERIVE]
    if any(step.state is StepState.FAILED for step in needed):
        return PhotoStatus.FAILED
    unfinished = [step for step in needed if step.state in UNFINISHED]
    if unfinished or not needed:
        begun = any(map(_is_begun, unfinished))
        return PhotoStatus.PROCESSING if begun else PhotoStatus.INGESTED
    home = by_kind[StepKind.STORE]
    return PhotoStatus.STORED if home and all(_is_over(step) for step in home) else PhotoStatus.PROCESSED


def is_stale(definition: StepDefinition, steps: Iterable[Step]) -> bool:
    """Return whether the step is over and was last done as an older version."""
    return any(
        step.name == definition.name and step.version < definition.version and step.state not in UNFINISHED
        for step in steps
    )


def is_processing(steps: Iterable[Step]) -> bool:
    """Return whether any step that it takes to show the photo is unfinished."""
    return any(
        step.state in UNFINISHED
        for step in steps
        if (definition := DEFINITIONS.get(step.name)) and definition.kind is StepKind.DERIVE
    )


def _new_step(definition: StepDefinition, photo: PhotoFacts, priority: int) -> NewStep:
    state, reason = StepState.WAITING, None
    if definition is DERIVE and not photo.is_derivable:
        state, reason = StepState.SKIPPED, FORMAT_UNSUPPORTED
    elif (definition is METADATA and photo.is_metadata_read) or (definition is OFFLOAD and photo.is_stored):
        state = StepState.DONE
    # The derivatives' end wakes the sidecar: written before it, it would be written twice.
    is_awaited = definition is SIDECAR and photo.is_derivable
    delay = SIDECAR_PATIENCE if is_awaited else timedelta(0)
    return NewStep(definition.name, definition.version, definition.algorithm, state, reason, priority, delay)


def _is_begun(step: Step | NewStep) -> bool:
    return isinstance(step, Step) and bool(step.state is StepState.RUNNING or step.attempts or step.waits)


def _is_over(step: Step | NewStep) -> bool:
    return step.state in {StepState.DONE, StepState.SKIPPED}
