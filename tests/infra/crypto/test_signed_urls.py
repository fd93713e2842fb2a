"""Signed URLs."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.infra.crypto.signed_urls import BadSignatureError, SignatureExpiredError, require_signature, sign_url

pytestmark = pytest.mark.req("P-5")

SECRET = b"s" * 32
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
END = NOW + timedelta(hours=1)
PATH = "/api/photos/1/original"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
params = st.dictionaries(texts.filter(lambda name: name and name not in ("expires", "signature")), texts, max_size=5)


def require(url: str, now: datetime = NOW, secret: bytes = SECRET) -> None:
    parts = urlsplit(url)
    require_signature(secret, unquote(parts.path), parts.query, now)


@given(texts, params)
def test_what_was_signed_is_good_until_its_end(path: str, params: dict[str, str]) -> None:
    url = sign_url(SECRET, f"/x{path}", END, params)
    require(url)
    require(url, END)
    with pytest.raises(SignatureExpiredError):
        require(url, END + timedelta(seconds=1))


@given(params, params, st.sampled_from([PATH, "/other", PATH + "/"]))
def test_another_request_has_another_signature(signed: dict[str, str], asked: dict[str, str], path: str) -> None:
    signature = urlsplit(sign_url(SECRET, PATH, END, signed)).query
    other = urlsplit(sign_url(SECRET, path, END, asked)).query
    if (path, asked) != (PATH, signed):
        assert signature.rpartition("signature=")[2] != other.rpartition("signature=")[2]


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("/1/", "/2/"),
        lambda url: url.replace("size=64", "size=512"),
        lambda url: url.replace("size=64&", ""),
        lambda url: url + "&download=1",
        lambda url: url + "&size=64",
        lambda url: url.replace("expires=1", "expires=2"),
        lambda url: url[:-2],
        lambda url: url.rpartition("&")[0],
        lambda url: url.rpartition("signature")[0] + "signature=%C3%A9",
        lambda url: url + "&signature=x",
        lambda url: url + "&expires=9",
        lambda url: url.partition("?")[0],
        lambda url: url.partition("?")[0] + "?expires=" + "9" * 5000 + "&signature=x",
        lambda url: url.partition("?")[0] + "?" + "a=b&" * 100,
    ],
)
def test_whatever_is_changed_breaks_it(change) -> None:
    url = sign_url(SECRET, PATH, END, {"size": "64", "v": "1"})
    require(url)
    with pytest.raises(BadSignatureError):
        require(change(url))


def test_another_servers_secret_does_not_do() -> None:
    with pytest.raises(BadSignatureError):
        require(sign_url(SECRET, PATH, END), secret=b"t" * 32)


def test_the_order_of_the_parameters_does_not_matter() -> None:
    url = sign_url(SECRET, PATH, END, {"a": "1", "b": "2"})
    require(url.replace("a=1&b=2", "b=2&a=1"))


@pytest.mark.parametrize(("path", "params"), [("relative", {}), (PATH, {"expires": "9"}), (PATH, {"signature": "x"})])
def test_what_could_be_confused_is_not_signed(path: str, params: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="sign"):
        sign_url(SECRET, path, END, params)
