import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from accounts_kit import LAPTOP, password_of, wanted

from afterglow.features.accounts import service
from afterglow.features.accounts.errors import (
    AccessTokenInvalidError,
    AccountDisabledError,
    RefreshInvalidError,
    RefreshReusedError,
    SessionEndedError,
    SessionNeededError,
    SessionNotFoundError,
    TooManyAttemptsError,
    WrongCredentialsError,
)
from afterglow.features.accounts.service import Account, AccountPorts, Client, OpenedSession
from afterglow.infra.crypto.access_tokens import AccessTokenExpiredError
from afterglow.infra.crypto.passwords import Argon2Cost, Passwords
from afterglow.infra.db.database import Database
from afterglow.kernel.ids import SessionId
from afterglow.kernel.principal import ALL_SCOPES, Principal, Role

pytestmark = pytest.mark.req("ACC-2")


async def log_in(
    database: Database, ports: AccountPorts, account: Account, password: str | None = None, client: Client = LAPTOP
) -> OpenedSession:
    return await service.log_in(database, ports, account.email, password or password_of("anna"), client)


async def principal_of(database: Database, ports: AccountPorts, opened: OpenedSession) -> Principal:
    return await service.authenticate(database, ports, opened.access_token)


async def is_over(database: Database, ports: AccountPorts, opened: OpenedSession) -> bool:
    try:
        await principal_of(database, ports, opened)
    except SessionEndedError:
        return True
    return False


async def test_the_password_opens_a_session(database: Database, ports: AccountPorts, anna: Account) -> None:
    opened = await service.log_in(database, ports, " Anna@Example.ORG", password_of("anna"), LAPTOP)
    principal = await principal_of(database, ports, opened)
    assert (principal.user_id, principal.role, principal.scopes) == (anna.id, Role.MEMBER, ALL_SCOPES)
    assert opened.account == anna
    assert opened.expires_in_s == 15 * 60


async def test_a_password_is_the_same_on_every_keyboard(
    database: Database, ports: AccountPorts, passwords: Passwords
) -> None:
    composed, decomposed = "Caf\u00e9 au lait", "Cafe\u0301 au lait"
    account = await service.create_user(database, passwords, replace(wanted("carl"), password=composed))
    await log_in(database, ports, account, decomposed)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("anna@example.org", "not her password"),
        ("nobody@example.org", "whatever it is"),
        ("no address", "whatever it is"),
        ("anna@example.org\0", "whatever it is"),
        ("anna@example.org", ""),
    ],
)
async def test_whatever_is_wrong_the_answer_is_the_same(
    database: Database, ports: AccountPorts, anna: Account, email: str, password: str
) -> None:
    with pytest.raises(WrongCredentialsError) as refused:
        await service.log_in(database, ports, email, password, LAPTOP)
    assert refused.value.fields == {}


async def test_an_unknown_account_costs_a_hash_too(
    database: Database, ports: AccountPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str | None] = []

    async def verify(_self: Passwords, stored: str | None, _password: str) -> bool:
        verified.append(stored)
        return False

    monkeypatch.setattr(Passwords, "verify", verify)
    with pytest.raises(WrongCredentialsError):
        await service.log_in(database, ports, "nobody@example.org", "whatever it is", LAPTOP)
    assert verified == [None]


async def test_a_disabled_account_says_so_only_to_who_knows_its_password(
    database: Database, ports: AccountPorts, anna: Account, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    await as_owner.execute("UPDATE users SET disabled_at = now()")
    with pytest.raises(WrongCredentialsError):
        await log_in(database, ports, anna, "not her password")
    with pytest.raises(AccountDisabledError):
        await log_in(database, ports, anna)
    assert await is_over(database, ports, session)
    with pytest.raises(SessionEndedError):
        await service.refresh(database, ports, session.refresh_token)


async def test_many_wrong_passwords_slow_down_their_address_and_nobody_else(
    database: Database, ports: AccountPorts, anna: Account
) -> None:
    attacker = Client(address="203.0.113.9")
    for _ in range(10):
        with pytest.raises(WrongCredentialsError):
            await log_in(database, ports, anna, "a guess", attacker)
    with pytest.raises(TooManyAttemptsError) as refused:
        await log_in(database, ports, anna, client=attacker)
    assert 0 < refused.value.fields["retry_after"] <= 5 * 60
    await log_in(database, ports, anna)


async def test_one_address_can_not_try_all_accounts(database: Database, ports: AccountPorts) -> None:
    attacker = Client(address="203.0.113.9")
    for number in range(60):
        with pytest.raises(WrongCredentialsError):
            await service.log_in(database, ports, f"user{number}@example.org", "password", attacker)
    with pytest.raises(TooManyAttemptsError):
        await service.log_in(database, ports, "user60@example.org", "password", attacker)


async def test_the_right_password_costs_no_attempt(database: Database, ports: AccountPorts, anna: Account) -> None:
    for _ in range(12):
        await log_in(database, ports, anna)


async def test_a_burst_of_guesses_gains_nothing(database: Database, ports: AccountPorts, anna: Account) -> None:
    guesses = (log_in(database, ports, anna, f"guess {number}") for number in range(25))
    outcomes = Counter(type(outcome) for outcome in await asyncio.gather(*guesses, return_exceptions=True))
    assert outcomes == {WrongCredentialsError: 10, TooManyAttemptsError: 15}


async def test_a_hash_of_older_cost_is_made_anew(
    database: Database, ports: AccountPorts, anna: Account, as_owner: asyncpg.Connection
) -> None:
    stored = "SELECT password_hash FROM users"
    before = await as_owner.fetchval(stored)
    await log_in(database, ports, anna)
    assert await as_owner.fetchval(stored) == before
    dearer = replace(ports, passwords=Passwords(Argon2Cost(memory_kib=128, passes=1, lanes=1)))
    await log_in(database, dearer, anna)
    after = await as_owner.fetchval(stored)
    assert after != before
    await log_in(database, dearer, anna)
    assert await as_owner.fetchval(stored) == after


async def test_a_password_changed_while_it_was_verified_opens_nothing(
    database: Database,
    ports: AccountPorts,
    anna: Account,
    monkeypatch: pytest.MonkeyPatch,
    as_owner: asyncpg.Connection,
) -> None:
    verify = Passwords.verify

    async def verify_and_lose(self: Passwords, stored: str | None, password: str) -> bool:
        right = await verify(self, stored, password)
        await service.reset_password(database, ports.passwords, anna.email, "quite another one")
        return right

    monkeypatch.setattr(Passwords, "verify", verify_and_lose)
    with pytest.raises(WrongCredentialsError):
        await log_in(database, ports, anna)
    assert await as_owner.fetchval("SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == 0


async def test_refreshing_rotates_the_token_and_keeps_the_session(
    database: Database, ports: AccountPorts, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    opened = session
    seen = {session.refresh_token}
    for _ in range(3):
        opened = await service.refresh(database, ports, opened.refresh_token)
        seen.add(opened.refresh_token)
    assert len(seen) == 4
    first, last = await principal_of(database, ports, session), await principal_of(database, ports, opened)
    assert first.session_id == last.session_id
    assert await as_owner.fetchval("SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL") == 1


async def test_tokens_are_stored_as_hashes_only(
    database: Database, ports: AccountPorts, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    opened = await service.refresh(database, ports, session.refresh_token)
    rows = await as_owner.fetchval("SELECT string_agg(t::text, ' ') FROM refresh_tokens t")
    for token in (session.refresh_token, opened.refresh_token):
        assert token not in rows
        assert token.encode().hex() not in rows


async def test_tabs_that_race_share_one_successor(
    database: Database, ports: AccountPorts, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    answers = await asyncio.gather(*(service.refresh(database, ports, session.refresh_token) for _ in range(5)))
    assert len({answer.refresh_token for answer in answers}) == 1
    assert await as_owner.fetchval("SELECT count(*) FROM refresh_tokens") == 2
    assert not await is_over(database, ports, answers[0])
    await service.refresh(database, ports, answers[0].refresh_token)


async def test_a_late_racer_gets_the_newest_token(
    database: Database, ports: AccountPorts, session: OpenedSession
) -> None:
    second = await service.refresh(database, ports, session.refresh_token)
    third = await service.refresh(database, ports, second.refresh_token)
    assert (await service.refresh(database, ports, session.refresh_token)).refresh_token == third.refresh_token


async def test_a_token_used_again_later_ends_the_whole_session_for_good(
    database: Database, ports: AccountPorts, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    successor = await service.refresh(database, ports, session.refresh_token)
    await as_owner.execute("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'")
    with pytest.raises(RefreshReusedError):
        await service.refresh(database, ports, session.refresh_token)
    assert await as_owner.fetchval("SELECT revoked_reason FROM sessions") == "refresh-reused"
    with pytest.raises(SessionEndedError):
        await service.refresh(database, ports, successor.refresh_token)
    assert await is_over(database, ports, successor)


async def test_another_session_outlives_the_theft(
    database: Database, ports: AccountPorts, anna: Account, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    phone = await log_in(database, ports, anna)
    await service.refresh(database, ports, session.refresh_token)
    await as_owner.execute("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'")
    with pytest.raises(RefreshReusedError):
        await service.refresh(database, ports, session.refresh_token)
    await service.refresh(database, ports, phone.refresh_token)


@pytest.mark.parametrize("token", ["", "x", "never issued", "ä" * 100])
async def test_an_unknown_refresh_token_is_refused(database: Database, ports: AccountPorts, token: str) -> None:
    with pytest.raises(RefreshInvalidError):
        await service.refresh(database, ports, token)


async def test_an_unused_session_ends_and_a_used_one_goes_on(
    database: Database, ports: AccountPorts, anna: Account, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    await as_owner.execute(
        "UPDATE sessions SET last_used_at = now() - interval '59 days', expires_at = now() + interval '1 day'"
    )
    await service.refresh(database, ports, session.refresh_token)
    assert await as_owner.fetchval("SELECT expires_at > now() + interval '59 days' FROM sessions")
    await as_owner.execute("UPDATE sessions SET expires_at = now()")
    assert await is_over(database, ports, session)
    with pytest.raises(SessionEndedError):
        await service.refresh(database, ports, session.refresh_token)


async def test_the_use_of_a_session_is_written_at_most_once_a_minute(
    database: Database, ports: AccountPorts, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    version = "SELECT xmin::text FROM sessions"
    fresh = await as_owner.fetchval(version)
    await principal_of(database, ports, session)
    assert await as_owner.fetchval(version) == fresh
    await as_owner.execute("UPDATE sessions SET last_used_at = now() - interval '61 seconds'")
    await asyncio.gather(*(principal_of(database, ports, session) for _ in range(5)))
    touched = await as_owner.fetchval(version)
    assert await as_owner.fetchval("SELECT last_used_at > now() - interval '30 seconds' FROM sessions")
    await principal_of(database, ports, session)
    assert await as_owner.fetchval(version) == touched


async def test_a_role_that_changed_counts_at_once(
    database: Database, ports: AccountPorts, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    await as_owner.execute("UPDATE users SET role = 'admin'")
    assert (await principal_of(database, ports, session)).role is Role.ADMIN


async def test_an_expired_access_token_asks_for_a_refresh(
    database: Database, ports: AccountPorts, anna: Account, session: OpenedSession
) -> None:
    session_id = (await principal_of(database, ports, session)).session_id
    assert session_id is not None
    old = ports.issuer.issue(anna.id, session_id, anna.role, ALL_SCOPES, datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(AccessTokenExpiredError) as refused:
        await service.authenticate(database, ports, old)
    assert refused.value.code == "auth.token-expired"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ä.b.c", "e30.e30.e30"])
async def test_what_is_no_token_of_ours_is_refused(database: Database, ports: AccountPorts, token: str) -> None:
    with pytest.raises(AccessTokenInvalidError) as refused:
        await service.authenticate(database, ports, token)
    assert refused.value.code == "auth.token-invalid"


async def test_a_signed_token_of_no_session_is_refused(database: Database, ports: AccountPorts, anna: Account) -> None:
    token = ports.issuer.issue(anna.id, SessionId(uuid4()), anna.role, ALL_SCOPES, datetime.now(UTC))
    with pytest.raises(SessionEndedError):
        await service.authenticate(database, ports, token)


async def test_a_token_can_not_borrow_another_users_session(
    database: Database, ports: AccountPorts, passwords: Passwords, session: OpenedSession
) -> None:
    session_id = (await principal_of(database, ports, session)).session_id
    assert session_id is not None
    bert = await service.create_user(database, passwords, wanted("bert"))
    token = ports.issuer.issue(bert.id, session_id, bert.role, ALL_SCOPES, datetime.now(UTC))
    with pytest.raises(SessionEndedError):
        await service.authenticate(database, ports, token)


async def test_logging_out_ends_this_session_alone(
    database: Database, ports: AccountPorts, anna: Account, session: OpenedSession
) -> None:
    phone = await log_in(database, ports, anna)
    principal = await principal_of(database, ports, session)
    await database.run(principal.owners, lambda tx: service.log_out(tx, principal))
    assert await is_over(database, ports, session)
    with pytest.raises(SessionEndedError):
        await service.refresh(database, ports, session.refresh_token)
    assert not await is_over(database, ports, phone)


async def test_a_refresh_token_logs_out_even_when_it_was_used(
    database: Database, ports: AccountPorts, session: OpenedSession
) -> None:
    await service.refresh(database, ports, session.refresh_token)
    assert await service.log_out_token(database, session.refresh_token)
    assert await is_over(database, ports, session)
    assert not await service.log_out_token(database, "never issued")


async def test_a_user_lists_and_ends_only_her_own_sessions(
    database: Database, ports: AccountPorts, passwords: Passwords, anna: Account, session: OpenedSession
) -> None:
    phone = await log_in(database, ports, anna, client=Client(address="192.0.2.8", user_agent="Phone/1.0"))
    bert = await service.create_user(database, passwords, wanted("bert"))
    other = await principal_of(database, ports, await log_in(database, ports, bert, password_of("bert")))
    mine, my_phone = await principal_of(database, ports, session), await principal_of(database, ports, phone)
    listed = await database.run(mine.owners, lambda tx: service.list_sessions(tx, mine))
    assert {entry.user_agent for entry in listed} == {"Laptop/1.0", "Phone/1.0"}

    for stranger in (other.session_id, SessionId(uuid4())):
        assert stranger is not None
        with pytest.raises(SessionNotFoundError):
            await database.run(mine.owners, lambda tx, target=stranger: service.end_session(tx, mine, target))
    phone_session = my_phone.session_id
    assert phone_session is not None
    await database.run(mine.owners, lambda tx: service.end_session(tx, mine, phone_session))
    assert await is_over(database, ports, phone)
    listed = await database.run(mine.owners, lambda tx: service.list_sessions(tx, mine))
    assert [entry.id for entry in listed] == [mine.session_id]


async def test_a_credential_without_a_session_can_not_look_at_sessions(database: Database, anna: Account) -> None:
    principal = Principal(user_id=anna.id, role=anna.role, scopes=ALL_SCOPES)
    with pytest.raises(SessionNeededError):
        await database.run(principal.owners, lambda tx: service.list_sessions(tx, principal))


async def test_sessions_that_ended_long_ago_are_forgotten_at_the_next_login(
    database: Database, ports: AccountPorts, anna: Account, session: OpenedSession, as_owner: asyncpg.Connection
) -> None:
    await log_in(database, ports, anna)
    assert await as_owner.fetchval("SELECT count(*) FROM sessions") == 2
    await as_owner.execute("UPDATE sessions SET expires_at = now() - interval '2 days'")
    await log_in(database, ports, anna)
    assert await as_owner.fetchval("SELECT count(*) FROM sessions") == 1
    assert await as_owner.fetchval("SELECT count(*) FROM refresh_tokens") == 1
