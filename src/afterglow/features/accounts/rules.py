"""Decisions about accounts: what is a good e-mail address, password and claim code; when a session ends. Pure."""

import ipaddress
import re
import unicodedata
from datetime import datetime, timedelta
from enum import Enum, auto

from afterglow.features.accounts.errors import (
    EmailInvalidError,
    NameInvalidError,
    PasswordRefusedError,
    RoleInvalidError,
)
from afterglow.features.accounts.models import RefreshToken, Session
from afterglow.kernel.principal import Role

# NIST SP 800-63B, "Memorized Secret Verifiers": at least 8 characters, at least 64 allowed, no rules of composition.
PASSWORD_MIN_CHARS = 8
PASSWORD_MAX_CHARS = 1024
EMAIL_MAX_CHARS = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
NAME_MAX_CHARS = 200
USER_AGENT_MAX_CHARS = 300

# Crockford's base 32: no I, L, O and U, so that nothing is read as something else.
CLAIM_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CLAIM_CODE_BYTES = 10  # 80 bits: 16 symbols
_CLAIM_GROUP = 4
_CLAIM_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})

# Two tabs, or a client that repeats after a lost answer, may present the same refresh token within this time. Common
# practice: Auth0's "reuse interval" and Supabase's default of 10 s.
REFRESH_GRACE = timedelta(seconds=10)
# "Last used" is written at most this often: a page of thumbnails is hundreds of requests.
TOUCH_INTERVAL = timedelta(minutes=1)
# An ended session's row stays this long, so that its client hears "ended" rather than "unknown".
DEAD_SESSION_KEPT = timedelta(days=1)

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_MANAGERS = frozenset({Role.OWNER, Role.ADMIN})


class RefreshVerdict(Enum):
    """What follows from presenting a refresh token."""

    ROTATE = auto()
    """Its first use: it is exchanged for its successor."""
    REPEAT = auto()
    """Used a moment ago: the same successor is handed out again, and no second one."""
    REUSED = auto()
    """Used longer ago, so somebody else may have it: the session ends."""
    ENDED = auto()
    """Its session has ended."""


def normalise_email(text: str) -> str:
    """Return the address in the form in which accounts are found: trimmed, lower case.

    Only its shape is checked; whether it takes mail is never relied on.

    Raises:
        EmailInvalidError: Nothing on one side of the @, white space or control characters inside, or too long.
    """
    email = unicodedata.normalize("NFC", text).strip().lower()
    if len(email) > EMAIL_MAX_CHARS or not _EMAIL.fullmatch(email) or not _is_plain(email):
        raise EmailInvalidError
    return email


def normalise_name(text: str) -> str:
    """Return a person's name, trimmed.

    Raises:
        NameInvalidError: Empty, longer than 200 characters, or with control characters.
    """
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= NAME_MAX_CHARS or not _is_plain(name):
        raise NameInvalidError
    return name


def check_password(password: str, email: str) -> None:
    """Let a new password pass for the account with this (normalised) address.

    Raises:
        PasswordRefusedError: Fewer than 8 or more than 1024 characters, or the address itself.

    References:
        NIST SP 800-63B, "Memorized Secret Verifiers": a length, no rules of composition, and none of the context's
        own words, such as the user's name; every code point counts as one character.
    """
    if not _is_encodable(password):
        raise PasswordRefusedError("The password holds half of a character.")
    if not PASSWORD_MIN_CHARS <= len(password) <= PASSWORD_MAX_CHARS:
        raise PasswordRefusedError(
            f"A password has {PASSWORD_MIN_CHARS} to {PASSWORD_MAX_CHARS} characters.",
            min_length=PASSWORD_MIN_CHARS,
            max_length=PASSWORD_MAX_CHARS,
        )
    if password.strip().lower() == email:
        raise PasswordRefusedError("The password is the e-mail address.")


def spell_claim_code(secret: bytes) -> str:
    """Return 10 random bytes as a claim code: four groups of four symbols that can't be mistaken for one another."""
    number = int.from_bytes(secret, "big")
    count = CLAIM_CODE_BYTES * 8 // 5
    symbols = [CLAIM_ALPHABET[number >> 5 * place & 31] for place in reversed(range(count))]
    return "-".join("".join(symbols[at : at + _CLAIM_GROUP]) for at in range(0, count, _CLAIM_GROUP))


def normalise_claim_code(text: str) -> str:
    """Return a claim code as it is compared: without groups and case, O read as 0, I and L as 1."""
    return re.sub(r"[\s-]", "", text).upper().translate(_CLAIM_LOOKALIKES)


def is_live(session: Session, now: datetime) -> bool:
    """Return whether a session has neither expired nor been revoked."""
    return session.revoked_at is None and now < session.expires_at


def judge_refresh(token: RefreshToken, session: Session, now: datetime) -> RefreshVerdict:
    """Return what follows from presenting this token now.

    A repeat within the grace opens no second branch of the session: whoever asks gets the same successor, so a thief
    and the real client still end up with one token, and the later of the two is found out.
    """
    if not is_live(session, now):
        return RefreshVerdict.ENDED
    if token.used_at is None:
        return RefreshVerdict.ROTATE
    if now - token.used_at <= REFRESH_GRACE:
        return RefreshVerdict.REPEAT
    return RefreshVerdict.REUSED


def needs_touch(session: Session, now: datetime) -> bool:
    """Return whether the session's last use is old enough to be written again."""
    return now - session.last_used_at >= TOUCH_INTERVAL


def check_new_role(role: Role) -> None:
    """Let a new account's role pass.

    Raises:
        RoleInvalidError: It is the owner's, of whom there is one.
    """
    if role is Role.OWNER:
        raise RoleInvalidError


def may_manage_accounts(role: Role) -> bool:
    """Return whether this role lists and makes accounts."""
    return role in _MANAGERS


def limiting_key(address: str) -> str:
    """Return the name under which attempts from an address are counted.

    One IPv6 customer holds at least a /64 (RFC 6177), so that is counted as one; an IPv4 address inside IPv6 as itself.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))


def clean_user_agent(text: str) -> str:
    """Return a User-Agent header as it is kept and shown: printable, at most 300 characters."""
    return "".join(character for character in text if character.isprintable())[:USER_AGENT_MAX_CHARS]


def is_cross_site(client_header: str | None, fetch_site: str | None, origin: str | None, host: str | None) -> bool:
    """Return whether an unsafe request with cookies may come from another site, and so must be refused.

    The custom header can't be set across sites without a CORS preflight, which we never grant. The browser's own
    statement is checked beside it; only host and port of the origin are compared, for behind a proxy that ends TLS
    the scheme is not ours to know.

    Args:
        client_header: `X-Afterglow-Client`.
        fetch_site: `Sec-Fetch-Site`.
        origin: `Origin`.
        host: `Host`.

    References:
        OWASP Cheat Sheet Series, "Cross-Site Request Forgery Prevention": custom request headers, Fetch Metadata.
    """
    if not (client_header or "").strip():
        return True
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    if origin is None:
        return False
    authority = origin.partition("://")[2].lower()
    return not authority or authority != (host or "").lower()


def _is_plain(text: str) -> bool:
    return _is_encodable(text) and not any(unicodedata.category(character) == "Cc" for character in text)


def _is_encodable(text: str) -> bool:
    """Return whether the text is free of lone surrogates, which JSON can spell and UTF-8 can't."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
