"""Passwords: Argon2id, computed beside the event loop and never more than a few at a time."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, TypeVarTuple, Unpack

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from afterglow.kernel.errors import CorruptError

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class BadStoredHashError(CorruptError):
    """The stored password hash is damaged."""

    code = "password.bad-stored-hash"


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one hash costs.

    The default is the second recommended option of RFC 9106, section 4, for servers with little memory; it is above
    the minimum of the OWASP Password Storage Cheat Sheet (19 MiB, 2 passes, 1 lane).
    """

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


class Passwords:
    """Hashes and verifies passwords, a bounded number at once; the others wait."""

    def __init__(self, cost: Argon2Cost | None = None, max_concurrent: int = 2) -> None:
        """Set the cost of a hash.

        Args:
            cost: Memory and time of one hash.
            max_concurrent: Hashes at the same time; times `cost.memory_kib` it bounds the memory that logins take.
        """
        cost = cost or Argon2Cost()
        self._hasher = PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=cost.lanes, hash_len=32, salt_len=16
        )
        self._threads = ThreadPoolExecutor(max_concurrent, thread_name_prefix="passwords")

    async def hash(self, password: str) -> str:
        """Return the PHC string of a password, with a fresh salt."""
        return await self._run(self._hasher.hash, _canonical(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Return whether a password belongs to a stored hash.

        Args:
            stored: PHC string; None for an account that does not exist or has no password: then a hash is computed
                all the same, so that the time of the answer does not tell which accounts exist.
            password: What was typed.

        Raises:
            BadStoredHashError: `stored` is not an Argon2 hash.
        """
        matches = await self._run(self._matches, stored, _canonical(password))
        return matches and stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """Return whether a hash was made at another cost; then store a new one at the next login.

        Raises:
            BadStoredHashError: `stored` is not an Argon2 hash.
        """
        try:
            return self._hasher.check_needs_rehash(stored)
        except InvalidHashError as error:
            raise BadStoredHashError from error

    def close(self) -> None:
        """Let the threads go; hashes that run are finished."""
        self._threads.shutdown(wait=True)

    @cached_property
    def _nobodys_hash(self) -> str:
        return self._hasher.hash("nobody's password")

    def _matches(self, stored: str | None, password: bytes) -> bool:
        try:
            return self._hasher.verify(self._nobodys_hash if stored is None else stored, password)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError) as error:
            raise BadStoredHashError from error

    async def _run(self, work: Callable[[Unpack[Arguments]], Result], *arguments: *Arguments) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def _canonical(password: str) -> bytes:
    """Return one spelling for what looks the same on two keyboards (NIST SP 800-63B-4, section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")  # JSON may hold half a pair
