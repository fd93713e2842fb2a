"""Log in, stay logged in, log out; and the check behind every request."""

from collections.abc import Awaitable, Callable

from afterglow.features.accounts import repository, rules
from afterglow.features.accounts.errors import (
    AccessTokenInvalidError,
    AccountDisabledError,
    EmailInvalidError,
    RefreshInvalidError,
    RefreshReusedError,
    SessionEndedError,
    SessionNeededError,
    SessionNotFoundError,
    WrongCredentialsError,
)
from afterglow.features.accounts.models import Client, OpenedSession, Session
from afterglow.features.accounts.rules import RefreshVerdict
from afterglow.features.accounts.service.opening import hand_out, open_session, successor_of
from afterglow.features.accounts.service.ports import AccountPorts
from afterglow.infra.crypto.access_tokens import BadAccessTokenError
from afterglow.infra.crypto.tokens import hash_token
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.clock import utc_now
from afterglow.kernel.ids import SessionId, UserId
from afterglow.kernel.principal import Principal

_NOBODY = "-"  # what a malformed address is counted as; it is found nowhere


async def log_in(database: Database, ports: AccountPorts, email: str, password: str, client: Client) -> OpenedSession:
    """Open a session for whoever knows the password; takes the same time whether the account exists or not.

    A disabled account says so only to somebody who knows its password. A hash made at an older cost is made anew.

    Raises:
        TooManyAttemptsError: Too many attempts failed from this address; nothing was looked at.
        WrongCredentialsError: No such account, or not its password.
        AccountDisabledError: The password is right, the account is disabled.
    """
    address = _address_of(email)
    async with ports.limiter.login(client.address, address):
        user_id, stored = await _prove(database, ports, address, password)
    anew = await ports.passwords.hash(password) if ports.passwords.needs_rehash(stored) else None
    return await database.run((user_id,), _opening(ports, user_id, stored, anew, client))


async def refresh(database: Database, ports: AccountPorts, token: str) -> OpenedSession:
    """Exchange a refresh token for its successor and a fresh access token.

    A token is good once. Presented again within 10 s (two tabs at once, an answer that was lost), it gives the same
    successor again; later it proves that two hold it, and the whole session ends. That end is committed although the
    request fails.

    Raises:
        RefreshInvalidError: Nobody was ever given this token.
        RefreshReusedError: It was used before; the session has ended.
        SessionEndedError: Its session has ended, or its account is disabled.
    """
    token_hash = hash_token(token)
    holder = await database.run((), lambda tx: repository.find_token_holder(tx, token_hash), read_only=True)
    if holder is None:
        raise RefreshInvalidError
    user_id, session_id = holder
    outcome = await database.run((user_id,), _exchange(ports, user_id, session_id, token))
    if isinstance(outcome, OpenedSession):
        return outcome
    raise RefreshReusedError if outcome is RefreshVerdict.REUSED else SessionEndedError


async def authenticate(database: Database, ports: AccountPorts, access_token: str) -> Principal:
    """Return who holds this access token, after asking whether its session and account still stand.

    Records the use of the session, at most once a minute.

    Raises:
        AccessTokenExpiredError: It was valid once.
        AccessTokenInvalidError: This server did not sign it.
        SessionEndedError: Its session was revoked or has expired, or its account is disabled.
    """
    try:
        claims = ports.verifier.verify(access_token, utc_now())
    except BadAccessTokenError as error:
        raise AccessTokenInvalidError from error
    user_id, session_id = claims.user_id, claims.session_id
    holder = await database.run(
        (user_id,), lambda tx: repository.find_session_holder(tx, user_id, session_id), read_only=True
    )
    now = utc_now()
    if holder is None or holder.disabled_at is not None or not rules.is_live(holder.session, now):
        raise SessionEndedError
    if rules.needs_touch(holder.session, now):
        await database.run((user_id,), lambda tx: _touch(tx, ports, user_id, session_id))
    # The role may have changed since the token was signed: the row is right.
    return Principal(user_id, holder.role, claims.scopes, session_id, has_quota=holder.has_quota)


async def log_out(tx: Tx, principal: Principal) -> None:
    """End the principal's own session; one that has ended stays ended.

    Raises:
        SessionNeededError: The credential belongs to no session.
    """
    session_id = _own_session(principal)
    await repository.revoke_session(tx, principal.user_id, session_id, "logout")


async def log_out_token(database: Database, token: str) -> bool:
    """End the session of a refresh token, used or not; returns whether anybody was ever given it."""
    token_hash = hash_token(token)
    holder = await database.run((), lambda tx: repository.find_token_holder(tx, token_hash), read_only=True)
    if holder is None:
        return False
    user_id, session_id = holder
    await database.run((user_id,), lambda tx: repository.revoke_session(tx, user_id, session_id, "logout"))
    return True


async def list_sessions(tx: Tx, principal: Principal) -> list[Session]:
    """Return the principal's live sessions, last used first.

    Raises:
        SessionNeededError: The credential belongs to no session.
    """
    _own_session(principal)
    return await repository.list_live_sessions(tx, principal.user_id)


async def end_session(tx: Tx, principal: Principal, session_id: SessionId) -> None:
    """End one of the principal's sessions, on whatever device.

    Raises:
        SessionNeededError: The credential belongs to no session.
        SessionNotFoundError: The principal has no such session, or it has ended.
    """
    _own_session(principal)
    if not await repository.revoke_session(tx, principal.user_id, session_id, "ended-by-user"):
        raise SessionNotFoundError


async def _prove(database: Database, ports: AccountPorts, email: str, password: str) -> tuple[UserId, str]:
    """Return the account that has this address and password, and the hash that was matched."""
    known = await database.run((), lambda tx: repository.find_credentials(tx, email), read_only=True)
    stored = known.password_hash if known else None
    if not await ports.passwords.verify(stored, password) or known is None or stored is None:
        raise WrongCredentialsError
    if known.disabled_at is not None:
        raise AccountDisabledError
    return known.user_id, stored


def _address_of(email: str) -> str:
    try:
        return rules.normalise_email(email)
    except EmailInvalidError:
        return _NOBODY


def _own_session(principal: Principal) -> SessionId:
    if principal.session_id is None:
        raise SessionNeededError
    return principal.session_id


def _opening(
    ports: AccountPorts, user_id: UserId, stored: str, anew: str | None, client: Client
) -> Callable[[Tx], Awaitable[OpenedSession]]:
    async def opening(tx: Tx) -> OpenedSession:
        # A password that was changed since it was verified opens nothing.
        account = await repository.lock_account(tx, user_id, stored)
        if account is None or account.disabled_at is not None:
            raise WrongCredentialsError
        if anew is not None:
            await repository.replace_password_hash(tx, user_id, stored, anew)
        return await open_session(tx, ports, account, client)

    return opening


def _exchange(
    ports: AccountPorts, user_id: UserId, session_id: SessionId, token: str
) -> Callable[[Tx], Awaitable[OpenedSession | RefreshVerdict]]:
    async def exchange(tx: Tx) -> OpenedSession | RefreshVerdict:
        session = await repository.lock_session(tx, user_id, session_id)
        presented = await repository.find_refresh_token(tx, user_id, hash_token(token))
        account = await repository.find_account(tx, user_id)
        if session is None or presented is None or account is None or account.disabled_at is not None:
            return RefreshVerdict.ENDED
        verdict = rules.judge_refresh(presented, session, tx.now)
        if verdict is RefreshVerdict.ENDED:
            return verdict
        if verdict is RefreshVerdict.REUSED:
            await repository.revoke_session(tx, user_id, session_id, "refresh-reused")
            return verdict
        if verdict is RefreshVerdict.ROTATE:
            await repository.mark_token_used(tx, user_id, hash_token(token))
            await repository.insert_refresh_token(tx, user_id, session_id, hash_token(successor_of(ports, token)))
        await _touch(tx, ports, user_id, session_id)
        return hand_out(ports, account, session_id, await _newest(tx, ports, user_id, token), tx.now)

    return exchange


async def _newest(tx: Tx, ports: AccountPorts, user_id: UserId, token: str) -> str:
    """Return the unused token at the end of the chain: its successor, or after a race that one's own."""
    newest = successor_of(ports, token)
    while (row := await repository.find_refresh_token(tx, user_id, hash_token(newest))) and row.used_at is not None:
        newest = successor_of(ports, newest)
    return newest


async def _touch(tx: Tx, ports: AccountPorts, user_id: UserId, session_id: SessionId) -> None:
    await repository.touch_session(
        tx,
        user_id,
        session_id,
        expires_at=tx.now + ports.session_life,
        unless_used_since=tx.now - rules.TOUCH_INTERVAL,
    )
