"""What a decoder does to itself costs one photo its picture, and the others nothing: end to end."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from afterglow.features.derivatives.service import DerivePorts
from afterglow.features.derivatives.tasks import Derive
from afterglow.features.pipeline.rules import DERIVE
from afterglow.infra.imaging.confinement import Measure
from afterglow.infra.imaging.sandbox import Sandbox
from afterglow.kernel.ids import PhotoId
from afterglow.kernel.units import GIB, MIB
from factories import pictures
from factories.product import Person, Product
from factories.sending import sent
from factories.waiting import until

pytestmark = pytest.mark.req("DER-5")

FAULTY = (sys.executable, "-P", str(Path(__file__).with_name("faulty_decoder.py")))
TIMEOUT_S = 6.0
ATTEMPTS = 2

OpenFaulty = Callable[..., Sandbox]


@pytest.fixture
async def decode_faultily(product: Product) -> AsyncIterator[OpenFaulty]:
    """Have the product decode with decoders that hang, die or leak when a picture says so."""
    async with AsyncExitStack() as opened:

        def run(**options: int) -> Sandbox:
            node = product.node
            sandbox = Sandbox(
                **({"children": 2} | options),
                timeout_s=TIMEOUT_S,
                memory_bytes=2 * GIB,
                readable=[node.store.root],
                writable=[node.cache.root],
                command=FAULTY,
            )
            opened.push_async_callback(sandbox.close)
            ports = DerivePorts(node.database, node.store, sandbox, node.cache, node.settings.max_pixels)
            product.steps[DERIVE] = Derive(ports)
            return sandbox

        yield run


def photo_that(mark: bytes, seed: int) -> bytes:
    return pictures.jpeg(seed, width=64, height=48) + mark


async def get_photo(person: Person, photo_id: str) -> dict[str, Any]:
    photo: dict[str, Any] = (await person.http.get(f"/api/photos/{photo_id}")).json()
    return photo


def derive_step(photo: dict[str, Any]) -> dict[str, Any]:
    return next(step for step in photo["steps"] if step["step"] == DERIVE.name)


async def try_again_now(as_owner: asyncpg.Connection) -> None:
    await as_owner.execute("UPDATE steps SET next_try_at = now() WHERE state = 'waiting'")


@pytest.mark.parametrize(("mark", "code"), [(b"HANG", "decoder.timeout"), (b"DIES", "decoder.died")])
async def test_a_photo_that_breaks_its_decoder_fails_alone(
    ana: Person,
    product: Product,
    decode_faultily: OpenFaulty,
    as_owner: asyncpg.Connection,
    mark: bytes,
    code: str,
) -> None:
    sandbox = decode_faultily()
    bad = await sent(ana, photo_that(mark, 0))
    others = [await sent(ana, photo_that(b"fine", seed)) for seed in range(1, 5)]
    runner = product.runner(max_attempts=ATTEMPTS)

    async def is_running() -> bool:
        return derive_step(await get_photo(ana, bad))["state"] == "running"

    for attempt in range(ATTEMPTS):
        breaking = asyncio.create_task(runner.handle(DERIVE, PhotoId(UUID(bad))))
        if not attempt:
            if mark == b"HANG":
                await until(is_running)
            for photo_id in others:
                await runner.handle(DERIVE, PhotoId(UUID(photo_id)))
            if mark == b"HANG":
                assert not breaking.done(), "the others waited for the one that hangs"
        await breaking
        await try_again_now(as_owner)
    failed = await get_photo(ana, bad)
    step = derive_step(failed)
    assert (failed["status"], step["state"], step["errorCode"], step["attempts"]) == (
        "FAILED",
        "failed",
        code,
        ATTEMPTS,
    )
    assert [(await get_photo(ana, photo_id))["status"] for photo_id in others] == ["STORED"] * len(others)
    assert Measure.LIMITS in await sandbox.measures()  # and the next picture finds a decoder
    assert len(sandbox._alive) <= 2
    assert (await ana.http.get(f"/api/photos/{bad}/original")).content == photo_that(mark, 0)


async def test_a_decoder_that_leaks_is_replaced_before_it_is_large(
    ana: Person, product: Product, decode_faultily: OpenFaulty
) -> None:
    bound, leak_bytes = 300 * MIB, 64 * MIB
    sandbox = decode_faultily(children=1, recycle_resident_bytes=bound)
    photo_ids = [await sent(ana, photo_that(b"LEAK", seed)) for seed in range(12)]
    runner, pids, largest_bytes = product.runner(), set(), 0
    for photo_id in photo_ids:
        before = set(sandbox._alive)
        await runner.handle(DERIVE, PhotoId(UUID(photo_id)))
        for child in sandbox._alive | before:
            pids.add(child.pid)
            largest_bytes = max(largest_bytes, child.resident_bytes)
    assert {(await get_photo(ana, photo_id))["status"] for photo_id in photo_ids} == {"STORED"}
    assert 2 <= len(pids) < len(photo_ids)
    assert leak_bytes < largest_bytes < bound + 2 * leak_bytes
