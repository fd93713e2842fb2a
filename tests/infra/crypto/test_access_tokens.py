"""Access tokens."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from afterglow.infra.crypto import access_tokens
from afterglow.infra.crypto.access_tokens import (
    LEEWAY_S,
    AccessTokenExpiredError,
    AccessTokenIssuer,
    AccessTokenVerifier,
    BadAccessTokenError,
)
from afterglow.kernel.ids import SessionId, UserId, new_id
from afterglow.kernel.principal import Role, Scope

pytestmark = pytest.mark.req("P-5")

KEY = Ed25519PrivateKey.generate()
USER, SESSION = UserId(new_id()), SessionId(new_id())
NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=15)
ISSUER = AccessTokenIssuer(KEY, "server-1", LIFETIME)
VERIFIER = AccessTokenVerifier(KEY.public_key(), "server-1")
SCOPES = frozenset({Scope.GALLERY, Scope.WRITE})


def issue(issuer: AccessTokenIssuer = ISSUER) -> str:
    return issuer.issue(USER, SESSION, Role.MEMBER, SCOPES, NOW)


def forge(header: dict[str, str], claims: dict[str, object], signature: str = "") -> str:
    parts = (json.dumps(part).encode() for part in (header, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), signature])


def parts_of(token: str) -> tuple[dict[str, str], dict[str, object]]:
    header, claims, _ = token.split(".")
    return json.loads(base64.urlsafe_b64decode(header + "==")), json.loads(base64.urlsafe_b64decode(claims + "=="))


def test_what_was_issued_is_read() -> None:
    claims = VERIFIER.verify(issue(), NOW)
    assert (claims.user_id, claims.session_id, claims.role, claims.scopes) == (USER, SESSION, Role.MEMBER, SCOPES)
    assert (claims.issued_at, claims.expires_at) == (NOW, NOW + LIFETIME)


def test_no_scopes_at_all_is_possible() -> None:
    token = ISSUER.issue(USER, SESSION, Role.OWNER, frozenset(), NOW)
    assert VERIFIER.verify(token, NOW).scopes == frozenset()


def test_the_header_names_the_fully_specified_algorithm() -> None:
    header, _ = parts_of(issue())
    assert (header["alg"], header["typ"]) == ("Ed25519", "at+jwt")


def test_it_expires_after_the_leeway() -> None:
    end = NOW + LIFETIME
    VERIFIER.verify(issue(), end + timedelta(seconds=LEEWAY_S - 1))
    with pytest.raises(AccessTokenExpiredError):
        VERIFIER.verify(issue(), end + timedelta(seconds=LEEWAY_S + 1))


def test_a_token_that_is_remembered_expires_all_the_same() -> None:
    verifier = AccessTokenVerifier(KEY.public_key(), "server-1")
    assert verifier.verify(issue(), NOW) is verifier.verify(issue(), NOW)
    for moment in (NOW + LIFETIME * 2, NOW - LIFETIME):
        with pytest.raises((AccessTokenExpiredError, BadAccessTokenError)):
            verifier.verify(issue(), moment)


def test_only_so_many_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_tokens, "_REMEMBERED_TOKENS", 2)
    verifier = AccessTokenVerifier(KEY.public_key(), "server-1")
    tokens = [ISSUER.issue(USER, SESSION, role, SCOPES, NOW) for role in Role]
    first = [verifier.verify(token, NOW) for token in tokens]
    assert [verifier.verify(token, NOW) is known for token, known in zip(tokens[1:], first[1:], strict=True)] == [
        True
    ] * 2
    assert verifier.verify(tokens[0], NOW) is not first[0]


def test_it_does_not_come_from_the_future() -> None:
    VERIFIER.verify(issue(), NOW - timedelta(seconds=LEEWAY_S - 1))
    with pytest.raises(BadAccessTokenError):
        VERIFIER.verify(issue(), NOW - timedelta(seconds=LEEWAY_S + 1))


@pytest.mark.parametrize(
    "token",
    [
        issue(AccessTokenIssuer(KEY, "server-2", LIFETIME)),
        issue(AccessTokenIssuer(Ed25519PrivateKey.generate(), "server-1", LIFETIME)),
    ],
    ids=["another issuer", "another key"],
)
def test_other_issuers_and_keys_are_refused(token: str) -> None:
    with pytest.raises(BadAccessTokenError):
        VERIFIER.verify(token, NOW)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_other_algorithms_are_refused_even_with_a_right_signature() -> None:
    header, claims = parts_of(issue())
    okp, public_bytes = OKPKey.import_key(KEY), KEY.public_key().public_bytes_raw()
    secret = OctKey.import_key(public_bytes)
    forged = {
        "EdDSA": jwt.encode(header | {"alg": "EdDSA"}, dict(claims), okp, algorithms=["EdDSA"]),
        "HS256 by the public key": jwt.encode(header | {"alg": "HS256"}, dict(claims), secret, algorithms=["HS256"]),
        "none": forge(header | {"alg": "none"}, claims),
        "no signature": forge(header, claims),
    }
    for token in forged.values():
        with pytest.raises(BadAccessTokenError):
            VERIFIER.verify(token, NOW)


def test_another_type_of_token_is_refused() -> None:
    header, claims = parts_of(issue())
    token = jwt.encode(header | {"typ": "JWT"}, claims, OKPKey.import_key(KEY), algorithms=["Ed25519"])
    with pytest.raises(BadAccessTokenError):
        VERIFIER.verify(token, NOW)


WRONG = [
    (claim, value)
    for claim in ("iss", "sub", "sid", "role", "scope", "iat", "exp")
    for value in (None, "nonsense", 7, [], {})
    if (claim, value) not in [("iat", 7), ("exp", 7)]  # long ago, but well-formed
]


@pytest.mark.parametrize(("claim", "value"), WRONG)
def test_a_wrong_claim_is_refused_even_if_signed(claim: str, value: object) -> None:
    header, claims = parts_of(issue())
    claims[claim] = value
    if value is None:
        del claims[claim]
    token = jwt.encode(header, claims, OKPKey.import_key(KEY), algorithms=["Ed25519"])
    with pytest.raises(BadAccessTokenError):
        VERIFIER.verify(token, NOW)


@given(st.text(max_size=300) | st.from_regex(r"[\w-]{0,50}\.[\w-]{0,50}\.[\w-]{0,50}", fullmatch=True))
def test_nonsense_is_refused_by_the_one_error(text: str) -> None:
    with pytest.raises(BadAccessTokenError):
        VERIFIER.verify(text, NOW)


@given(st.integers(0, len(issue()) - 2), st.sampled_from("AZaz09-_."))
def test_a_changed_token_is_refused(position: int, letter: str) -> None:
    token = issue()
    assume(token[position] != letter)  # the last letter is left out: four of its bits mean nothing
    with pytest.raises(BadAccessTokenError):
        VERIFIER.verify(token[:position] + letter + token[position + 1 :], NOW)


def test_an_endless_token_is_not_parsed() -> None:
    with pytest.raises(BadAccessTokenError):
        VERIFIER.verify(issue() + "A" * 5000, NOW)
