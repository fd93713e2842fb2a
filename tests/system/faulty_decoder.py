"""A decoder that works, but for pictures that say otherwise behind their end: hang, crash or leak."""

import os
import time

from afterglow.infra.imaging import child
from afterglow.infra.imaging.derive.pipeline import Deriver
from afterglow.infra.imaging.port import DeriveRequest, DeriveResult
from afterglow.kernel.units import MIB

LEAK_BYTES = 64 * MIB

leaked: list[bytes] = []


def load() -> child.Derive:
    deriver = Deriver()

    def derive(request: DeriveRequest) -> DeriveResult:
        match request.source.read_bytes()[-4:]:
            case b"HANG":
                time.sleep(600)
            case b"DIES":
                os.abort()
            case b"LEAK":
                leaked.append(b"x" * LEAK_BYTES)
        return deriver.derive(request)

    return derive


child.run(load)
