"""Keys of objects."""

import os
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.infra.storage.errors import BadKeyError
from afterglow.infra.storage.port import is_key, original_key, require_key
from afterglow.kernel.checksums import CHECKSUM_BYTES, Checksum

# Texts that are more likely than chance to be accepted wrongly.
nasty = st.lists(
    st.sampled_from(["..", ".", "/", "//", "\\", "\0", "\n", "a", "0-_", "é", "A", "~", "%2e%2e", " "]), max_size=8
).map("".join)


@given(st.text() | nasty)
def test_a_key_stays_below_the_root(text: str) -> None:
    if is_key(text):
        joined = os.path.normpath(f"/root/{text}")
        assert joined == f"/root/{text}"
        assert not any(part.startswith(".") for part in PurePosixPath(text).parts)
    else:
        with pytest.raises(BadKeyError):
            require_key(text)


@given(st.binary(min_size=CHECKSUM_BYTES, max_size=CHECKSUM_BYTES))
def test_every_original_has_a_key_that_names_its_checksum(digest: bytes) -> None:
    key = original_key(Checksum(digest))
    first, second, name = require_key(key).split("/")
    assert name == digest.hex()
    assert name.startswith(first + second)


def test_a_trailing_newline_is_not_overlooked() -> None:
    assert not is_key("ab/cd\n")
