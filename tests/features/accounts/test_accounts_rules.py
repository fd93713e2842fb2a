from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.features.accounts import rules
from afterglow.features.accounts.errors import (
    EmailInvalidError,
    NameInvalidError,
    PasswordRefusedError,
    RoleInvalidError,
)
from afterglow.features.accounts.models import RefreshToken, Session
from afterglow.features.accounts.rules import RefreshVerdict
from afterglow.kernel.ids import SessionId, UserId
from afterglow.kernel.principal import Role

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
ANY = UUID(int=7)
SPACES = st.text(" \t\n", max_size=3)


def make_session(*, expires_at: datetime = NOON + timedelta(days=1), revoked_at: datetime | None = None) -> Session:
    return Session(
        id=SessionId(ANY),
        user_id=UserId(ANY),
        user_agent="",
        created_at=NOON - timedelta(days=1),
        last_used_at=NOON - timedelta(minutes=5),
        expires_at=expires_at,
        revoked_at=revoked_at,
    )


def make_token(used_at: datetime | None) -> RefreshToken:
    return RefreshToken(session_id=SessionId(ANY), user_id=UserId(ANY), used_at=used_at)


@given(st.emails(), SPACES, SPACES)
def test_an_address_has_one_form_whatever_its_case_and_margins(email: str, before: str, after: str) -> None:
    form = rules.normalise_email(email)
    assert rules.normalise_email(before + email.upper() + after) == rules.normalise_email(email.upper())
    assert rules.normalise_email(form) == form == form.lower()


@pytest.mark.parametrize(
    "text",
    ["", "anna", "@example.org", "anna@", "a@b@c", "an na@example.org", "a\0@b", "\ud800@b", "a" * 250 + "@b.cc"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(EmailInvalidError):
        rules.normalise_email(text)


@given(st.text(max_size=300))
def test_a_name_is_refused_or_fits_the_column(text: str) -> None:
    try:
        name = rules.normalise_name(text)
    except NameInvalidError:
        return
    assert 1 <= len(name) <= 200
    assert "\0" not in name
    assert name.encode() == name.strip().encode()


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "Anna\0", "An\na"])
def test_a_name_that_can_not_be_shown_is_refused(name: str) -> None:
    with pytest.raises(NameInvalidError):
        rules.normalise_name(name)


@pytest.mark.req("ACC-2")
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=1024))
def test_a_password_of_good_length_passes_whatever_it_is_made_of(password: str) -> None:
    rules.check_password(password, "anna@example.org")


@pytest.mark.req("ACC-2")
@pytest.mark.parametrize("length", [0, 7, 1025, 4096])
def test_a_password_of_another_length_is_refused_with_the_bounds(length: int) -> None:
    with pytest.raises(PasswordRefusedError) as refused:
        rules.check_password("x" * length, "anna@example.org")
    assert refused.value.fields == {"min_length": 8, "max_length": 1024}


@pytest.mark.parametrize("password", ["anna@example.org", " Anna@Example.ORG ", "halves of \ud800\ud800"])
def test_the_own_address_and_broken_text_are_no_passwords(password: str) -> None:
    with pytest.raises(PasswordRefusedError):
        rules.check_password(password, "anna@example.org")


@pytest.mark.req("ACC-1")
@given(st.binary(min_size=10, max_size=10))
def test_a_claim_code_holds_all_of_its_80_bits(secret: bytes) -> None:
    code = rules.spell_claim_code(secret)
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    number = 0
    for symbol in code.replace("-", ""):
        number = number << 5 | rules.CLAIM_ALPHABET.index(symbol)
    assert number.to_bytes(10, "big") == secret


@given(st.binary(min_size=10, max_size=10))
def test_a_claim_code_may_be_typed_sloppily(secret: bytes) -> None:
    code = rules.spell_claim_code(secret)
    sloppy = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')}\n"
    assert rules.normalise_claim_code(sloppy) == rules.normalise_claim_code(code)


def test_only_a_claim_makes_an_owner() -> None:
    rules.check_new_role(Role.MEMBER)
    rules.check_new_role(Role.ADMIN)
    with pytest.raises(RoleInvalidError):
        rules.check_new_role(Role.OWNER)


@pytest.mark.req("ACC-2")
@given(st.one_of(st.none(), st.timedeltas(timedelta(seconds=-5), timedelta(days=30))))
def test_a_token_rotates_once_repeats_for_ten_seconds_and_then_proves_a_theft(age: timedelta | None) -> None:
    verdict = rules.judge_refresh(make_token(None if age is None else NOON - age), make_session(), NOON)
    if age is None:
        assert verdict is RefreshVerdict.ROTATE
    elif age <= timedelta(seconds=10):
        assert verdict is RefreshVerdict.REPEAT
    else:
        assert verdict is RefreshVerdict.REUSED


@pytest.mark.parametrize("used_at", [None, NOON, NOON - timedelta(days=1)])
@pytest.mark.parametrize("session", [make_session(expires_at=NOON), make_session(revoked_at=NOON)])
def test_no_token_revives_an_ended_session(session: Session, used_at: datetime | None) -> None:
    assert rules.judge_refresh(make_token(used_at), session, NOON) is RefreshVerdict.ENDED


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_attempts_are_counted_by_who_holds_the_address(address: str, key: str) -> None:
    assert rules.limiting_key(address) == key


@pytest.mark.parametrize(
    ("client", "fetch_site", "origin", "refused"),
    [
        ("web", None, None, False),
        ("web", "same-origin", None, False),
        ("web", "none", None, False),
        ("web", None, "https://photos.example", False),
        ("web", None, "http://PHOTOS.example", False),
        # The browser's own word outweighs a Host that a proxy has rewritten.
        ("web", "same-origin", "https://elsewhere.example", False),
        (None, None, None, True),
        ("", "same-origin", "https://photos.example", True),
        (" ", None, None, True),
        ("web", "cross-site", None, True),
        ("web", "same-site", "https://photos.example", True),
        ("web", None, "https://evil.example", True),
        ("web", None, "https://photos.example:8443", True),
        ("web", None, "https://photos.example.evil.example", True),
        ("web", None, "null", True),
        ("web", None, "", True),
    ],
)
def test_another_site_is_recognised(
    client: str | None, fetch_site: str | None, origin: str | None, refused: bool
) -> None:
    assert rules.is_cross_site(client, fetch_site, origin, "photos.example") is refused


def test_an_origin_of_nowhere_matches_no_missing_host() -> None:
    assert rules.is_cross_site("web", None, "null", None)


@given(st.text())
def test_a_kept_user_agent_is_short_and_printable(text: str) -> None:
    kept = rules.clean_user_agent(text)
    assert len(kept) <= 300
    assert kept.isprintable()
