"""A decoder process: reads requests from standard input, answers on standard output, and knows nothing else.

Started by `sandbox` as `python -m afterglow.infra.imaging.child`. The end of its input is the end of it.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from afterglow.infra.imaging import limits, wire
from afterglow.infra.imaging.errors import DecoderDiedError, SourceUnreadableError
from afterglow.infra.imaging.metadata import read_metadata
from afterglow.infra.imaging.port import DeriveRequest, DeriveResult
from afterglow.kernel.errors import AfterglowError

Derive = Callable[[DeriveRequest], DeriveResult]


def main() -> None:
    """Confine this process, load the decoders, then answer until the input ends."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--memory-bytes", type=int, required=True)
    arguments.add_argument("--parent", type=int, required=True)
    options = arguments.parse_args()
    limits.confine(options.memory_bytes, options.parent)
    questions, answers = sys.stdin.buffer, _claim_output()
    # Only now: whatever the libraries allocate counts, and none of them runs unconfined.
    from afterglow.infra.imaging.derive.pipeline import Deriver  # noqa: PLC0415

    serve(questions, answers, Deriver().derive)


def serve(questions: BinaryIO, answers: BinaryIO, derive: Derive) -> None:
    """Say that all is ready, then answer one question after the other."""
    _say(answers, {"ready": True})
    while len(prefix := questions.read(wire.LENGTH.size)) == wire.LENGTH.size:
        question = wire.parse(questions.read(wire.body_length(prefix)))
        limits.allow_cpu(question["cpu_s"])
        _say(answers, _answer(question, derive))


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


def _say(answers: BinaryIO, message: wire.Message) -> None:
    answers.write(wire.frame(message | {"resident_bytes": limits.resident_bytes()}))
    answers.flush()


def _claim_output() -> BinaryIO:
    """Keep standard output for answers; what a library prints goes where errors go."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
