"""Passwords, tokens, keys and signatures; no accounts."""
