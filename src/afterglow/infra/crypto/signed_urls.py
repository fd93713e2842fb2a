"""Signed URLs: a path and its parameters that anyone may fetch until a moment. Pure, given the secret and the time."""

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlencode

from afterglow.kernel.errors import UnauthenticatedError

EXPIRES = "expires"
SIGNATURE = "signature"

_CONTEXT = "afterglow signed URL, version 1"
_MAX_FIELDS = 32
_END = re.compile("[0-9]{1,12}")


class BadSignatureError(UnauthenticatedError):
    """This link was not made by this server, or was changed."""

    code = "url.bad-signature"


class SignatureExpiredError(UnauthenticatedError):
    """This link has expired."""

    code = "url.expired"


def sign_url(secret: bytes, path: str, expires_at: datetime, params: Mapping[str, str] | None = None) -> str:
    """Return the URL of a path, with its parameters, its end and a signature over them all.

    The method is not signed: the routes that take such URLs only read.

    Args:
        secret: Key of this purpose, see `ServerKeys.secret_for`.
        path: Absolute path as the server sees it (not percent-encoded).
        expires_at: Last second in which the URL is good.
        params: What else the URL says, such as a variant's size; names other than `expires` and `signature`.

    Raises:
        ValueError: The path is not absolute, or a parameter has a name of ours.
    """
    pairs = sorted((params or {}).items())
    if not path.startswith("/") or any(name in (EXPIRES, SIGNATURE) for name, _ in pairs):
        raise ValueError(f"can't sign {path!r} with {pairs!r}")
    expires = int(expires_at.timestamp())
    signature = _sign(secret, path, pairs, expires)
    return f"{quote(path)}?{urlencode([*pairs, (EXPIRES, expires), (SIGNATURE, signature)])}"


def require_signature(secret: bytes, path: str, query: str, now: datetime) -> None:
    """Prove that a request's path and whole query were signed here and have not expired.

    Args:
        secret: Key of this purpose.
        path: Path of the request as the server sees it (not percent-encoded).
        query: Query of the request, encoded; a parameter more or less than signed breaks the signature.
        now: The present moment.

    Raises:
        SignatureExpiredError: It was good once.
        BadSignatureError: It never was.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise BadSignatureError from error
    signatures = [value for name, value in pairs if name == SIGNATURE]
    ends = [value for name, value in pairs if name == EXPIRES]
    if len(signatures) != 1 or len(ends) != 1 or _END.fullmatch(ends[0]) is None:
        raise BadSignatureError
    signed = sorted((name, value) for name, value in pairs if name not in (EXPIRES, SIGNATURE))
    expected = _sign(secret, path, signed, int(ends[0]))
    if not hmac.compare_digest(expected.encode(), signatures[0].encode()):
        raise BadSignatureError
    if now.timestamp() > int(ends[0]):
        raise SignatureExpiredError


def _sign(secret: bytes, path: str, pairs: list[tuple[str, str]], expires: int) -> str:
    message = json.dumps([_CONTEXT, path, pairs, expires], separators=(",", ":"))  # no two requests spell the same
    digest = hmac.new(secret, message.encode(), hashlib.sha256).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
