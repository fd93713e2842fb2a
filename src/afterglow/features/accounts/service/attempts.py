"""Counts attempts at secrets, and slows down whoever makes many."""

import math
import time
from dataclasses import dataclass, field

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from afterglow.features.accounts.errors import TooManyAttemptsError
from afterglow.features.accounts.rules import limiting_key


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many attempts are allowed in a moving window.

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

    Nothing is counted by account alone, so nobody locks an owner out from another address.
    """

    def __init__(self, limits: AttemptLimits | None = None) -> None:
        self._limits = limits or AttemptLimits()
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    async def count_login(self, address: str, email: str) -> None:
        """Count an attempt to log in.

        Raises:
            TooManyAttemptsError: There were too many from this address, or from it to this account; the error says in
                how many seconds to try again.
        """
        key = limiting_key(address)
        await self._count(self._limits.per_address, "login", key)
        await self._count(self._limits.per_account, "login", key, email)

    async def forgive_login(self, address: str, email: str) -> None:
        """Forget the attempts at an account from an address where the right password was given."""
        await self._windows.clear(self._limits.per_account, "login", limiting_key(address), email)

    async def count_claim(self, address: str) -> None:
        """Count an attempt to claim the server.

        Raises:
            TooManyAttemptsError: There were too many from this address.
        """
        await self._count(self._limits.per_claim, "claim", limiting_key(address))

    async def _count(self, limit: RateLimitItem, *key: str) -> None:
        if await self._windows.hit(limit, *key):
            return
        window = await self._windows.get_window_stats(limit, *key)
        raise TooManyAttemptsError(retryAfter=max(1, math.ceil(window.reset_time - time.time())))
