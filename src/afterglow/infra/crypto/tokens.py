"""Opaque tokens: refresh tokens, API keys, share links, codes. Only their hash is stored."""

import hashlib
import secrets

TOKEN_BYTES = 32  # 256 random bits: guessing is hopeless, so a plain hash protects them, without salt or stretching


def new_token() -> str:
    """Return a fresh token: 256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> bytes:
    """Return the SHA-256 of a token (32 bytes): what is stored and looked up.

    Looking it up in an index may take a time that depends on the hash, never on the token.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
