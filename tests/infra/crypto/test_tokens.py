"""Opaque tokens."""

import hashlib
from base64 import urlsafe_b64decode

from afterglow.infra.crypto.tokens import hash_token, new_token


def test_a_token_carries_256_random_bits() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert {len(urlsafe_b64decode(token + "=")) for token in tokens} == {32}


def test_what_is_stored_is_the_sha256() -> None:
    assert hash_token("abc") == hashlib.sha256(b"abc").digest()


def test_what_is_no_text_has_a_hash_too() -> None:
    assert hash_token("\ud800") != hash_token("?")
