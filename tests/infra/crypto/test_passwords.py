"""Passwords."""

import asyncio
from collections.abc import Iterator

import argon2
import pytest

from afterglow.infra.crypto.passwords import Argon2Cost, BadStoredHashError, Passwords

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(CHEAP)
    yield passwords
    passwords.close()


async def test_the_right_password_matches_and_no_other(passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert await passwords.verify(stored, "correct horse")
    assert not await passwords.verify(stored, "correct horse ")
    assert not await passwords.verify(stored, "")


async def test_the_same_password_gives_another_hash(passwords) -> None:
    assert await passwords.hash("x") != await passwords.hash("x")


async def test_a_password_may_be_typed_in_either_unicode_form(passwords) -> None:
    stored = await passwords.hash("Zoe\u0308 ﬁ")
    assert await passwords.verify(stored, "Zo\u00eb fi")


async def test_half_a_surrogate_pair_does_not_break_it(passwords) -> None:
    stored = await passwords.hash("\ud800")
    assert await passwords.verify(stored, "\ud800")


async def test_nobody_has_no_password_but_costs_the_same_work(passwords, monkeypatch) -> None:
    verified = []
    real = argon2.PasswordHasher.verify

    def verify(hasher: argon2.PasswordHasher, stored: str, password: bytes) -> bool:
        verified.append(stored)
        return real(hasher, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    assert not await passwords.verify(None, "nobody's password")
    assert not await passwords.verify(None, "x")
    assert len(verified) == 2
    assert all(argon2.extract_parameters(stored).memory_cost == CHEAP.memory_kib for stored in verified)


async def test_a_hash_of_another_cost_is_to_be_renewed(passwords) -> None:
    stored = await passwords.hash("x")
    assert not passwords.needs_rehash(stored)
    dearer = Passwords(Argon2Cost(memory_kib=128, passes=1, lanes=1))
    assert dearer.needs_rehash(stored)
    assert await dearer.verify(stored, "x")
    dearer.close()


async def test_a_damaged_hash_is_an_error_not_a_refusal(passwords) -> None:
    for stored in ("", "plain", "$argon2id$v=19$m=64,t=1,p=1$x"):
        with pytest.raises(BadStoredHashError):
            await passwords.verify(stored, "x")
    with pytest.raises(BadStoredHashError):
        passwords.needs_rehash("plain")


async def test_many_logins_at_once_all_get_their_answer(passwords) -> None:
    stored = await passwords.hash("x")
    assert all(await asyncio.gather(*(passwords.verify(stored, "x") for _ in range(20))))


def test_the_default_cost_is_rfc_9106s_second_option() -> None:
    cost, reference = Argon2Cost(), argon2.profiles.RFC_9106_LOW_MEMORY
    assert (cost.memory_kib, cost.passes, cost.lanes) == (
        reference.memory_cost,
        reference.time_cost,
        reference.parallelism,
    )
