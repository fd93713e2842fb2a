"""A decoder process: reads requests from standard input, answers on standard output, and knows nothing else.

Started by `sandbox` as `python -m afterglow.infra.imaging.child`. The end of its input is the end of it.
"""

import argparse
import codecs
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from afterglow.infra.imaging import confinement, limits, wire
from afterglow.infra.imaging.confinement import Borders
from afterglow.infra.imaging.errors import DecoderDiedError, SourceUnreadableError
from afterglow.infra.imaging.metadata import read_metadata
from afterglow.infra.imaging.port import DeriveRequest, DeriveResult
from afterglow.kernel.errors import AfterglowError

Derive = Callable[[DeriveRequest], DeriveResult]

TEXT_CODINGS: Final = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "iso2022_jp")
"""What `metadata.text` decodes: Python loads each, some as machine code, when it is first used."""


def main() -> None:
    """Be a decoder until the input ends."""
    run(_load_deriver)


def run(load: Callable[[], Derive]) -> None:
    """Confine this process, load the decoders, lock it in, then answer until the input ends.

    Args:
        load: Loads all libraries; what it returns makes derivatives.
    """
    options = _options()
    holds = limits.confine(options.memory_bytes, options.parent)
    questions, answers = sys.stdin.buffer, _claim_output()
    # Only now: whatever the libraries allocate counts.
    derive = load()
    for coding in TEXT_CODINGS:
        codecs.lookup(coding)
    conversation = _Conversation(questions, answers, limits.memory_meter())
    holds |= confinement.lock(Borders(options.readable, options.writable))
    conversation.say({"ready": True, "measures": sorted(holds)})
    conversation.hold(derive)


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--memory-bytes", type=int, required=True)
    arguments.add_argument("--parent", type=int, required=True)
    arguments.add_argument("--readable", type=Path, action="append", default=[])
    arguments.add_argument("--writable", type=Path, action="append", default=[])
    return arguments.parse_args()


def _load_deriver() -> Derive:
    from afterglow.infra.imaging.derive.pipeline import Deriver  # noqa: PLC0415 (not before the limits hold)

    return Deriver().derive


class _Conversation:
    """Questions in, answers out; each answer tells how much memory is held."""

    def __init__(self, questions: BinaryIO, answers: BinaryIO, resident_bytes: Callable[[], int]) -> None:
        self._questions = questions
        self._answers = answers
        self._resident_bytes = resident_bytes

    def hold(self, derive: Derive) -> None:
        """Answer one question after the other."""
        while len(prefix := self._questions.read(wire.LENGTH.size)) == wire.LENGTH.size:
            question = wire.parse(self._questions.read(wire.body_length(prefix)))
            limits.allow_cpu(question["cpu_s"])
            self.say(_answer(question, derive))

    def say(self, message: wire.Message) -> None:
        """Send one message."""
        self._answers.write(wire.frame(message | {"resident_bytes": self._resident_bytes()}))
        self._answers.flush()


def _answer(question: wire.Message, derive: Derive) -> wire.Message:
    try:
        return {"result": _act(question, derive)}
    except AfterglowError as error:
        return {"error": error.code, "message": error.message, "fields": error.fields}
    except MemoryError:
        return {"error": DecoderDiedError.code, "message": "the decoder ran out of memory", "fields": {}}
    except Exception as error:  # noqa: BLE001 - entry loop: the parent replaces this process after such an answer
        message = f"{type(error).__name__}: {error}"[:200]
        return {"error": DecoderDiedError.code, "message": message, "fields": {}}


def _act(question: wire.Message, derive: Derive) -> wire.Message:
    source = Path(question["source"])
    if "mime" not in question:
        try:
            return wire.metadata_to_wire(read_metadata(source))
        except OSError as error:
            raise SourceUnreadableError(f"the original cannot be read: {error.strerror}") from error
    output_dir = Path(question["output_dir"])
    request = DeriveRequest(source, question["mime"], output_dir, question["max_pixels"])
    return wire.result_to_wire(derive(request))


def _claim_output() -> BinaryIO:
    """Keep standard output for answers; what a library prints goes where errors go."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
