"""Waiting for what another process or task does, without betting on how long it takes."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_S = 30.0
_PAUSE_S = 0.01


async def until(condition: Callable[[], Awaitable[object]], patience_s: float = PATIENCE_S) -> None:
    """Return as soon as the condition holds; fail when it still does not after all patience."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, "what was waited for did not come about"
        await asyncio.sleep(_PAUSE_S)
