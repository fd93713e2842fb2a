"""Counts failed attempts at secrets, and slows down whoever makes many."""

import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from afterglow.features.accounts.errors import TooManyAttemptsError, WrongClaimCodeError, WrongCredentialsError
from afterglow.features.accounts.rules import limiting_key


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many failures are allowed in a moving window.

    Attributes:
        per_address: Log-ins from one address, to whatever account.
        per_account: Log-ins from one address to one account.
        per_claim: Claim codes from one address.

    References:
        NIST SP 800-63B, "Rate Limiting (Throttling)": at most 100 consecutive failures on one account; we stay far
        below it for each address.
    """

    per_address: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(60, 5))
    per_account: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(10, 5))
    per_claim: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(10, 5))


class AttemptLimiter:
    """Counts in this process's memory: several HTTP processes each count their own, and a restart forgets.

    Nothing is counted by account alone, so nobody locks an owner out from another address. Success costs nothing. An
    attempt that is under way counts as a failure until its outcome is known, so that a burst gains nothing.
    """

    def __init__(self, limits: AttemptLimits | None = None) -> None:
        self._limits = limits or AttemptLimits()
        self._failures = MovingWindowRateLimiter(MemoryStorage())
        self._under_way: Counter[tuple[str, ...]] = Counter()

    @asynccontextmanager
    async def login(self, address: str, email: str) -> AsyncIterator[None]:
        """Guard an attempt to log in; it counts if it ends with WrongCredentialsError.

        Raises:
            TooManyAttemptsError: Too many failed from this address, or from it at this account; the error says in how
                many seconds to try again.
        """
        key = limiting_key(address)
        async with AsyncExitStack() as guards:
            await guards.enter_async_context(self._guard(self._limits.per_address, WrongCredentialsError, "login", key))
            await guards.enter_async_context(
                self._guard(self._limits.per_account, WrongCredentialsError, "login", key, email)
            )
            yield

    @asynccontextmanager
    async def claim(self, address: str) -> AsyncIterator[None]:
        """Guard an attempt to claim the server; it counts if it ends with WrongClaimCodeError.

        Raises:
            TooManyAttemptsError: Too many failed from this address.
        """
        async with self._guard(self._limits.per_claim, WrongClaimCodeError, "claim", limiting_key(address)):
            yield

    @asynccontextmanager
    async def _guard(self, limit: RateLimitItem, failure: type[Exception], *key: str) -> AsyncIterator[None]:
        self._under_way[key] += 1
        try:
            if not await self._failures.test(limit, *key, cost=self._under_way[key]):
                window = await self._failures.get_window_stats(limit, *key)
                raise TooManyAttemptsError(retry_after=max(1, math.ceil(window.reset_time - time.time())))
            yield
        except failure:
            await self._failures.hit(limit, *key)
            raise
        finally:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]
