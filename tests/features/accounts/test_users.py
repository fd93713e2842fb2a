import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from accounts_kit import LAPTOP, password_of, wanted

from afterglow.features.accounts import service
from afterglow.features.accounts.errors import (
    AccountNotFoundError,
    AccountRoleForbiddenError,
    EmailTakenError,
    RoleInvalidError,
    SessionEndedError,
    WrongCredentialsError,
)
from afterglow.features.accounts.service import Account, AccountPorts, OpenedSession
from afterglow.infra.crypto.passwords import Passwords
from afterglow.infra.db.database import Database
from afterglow.kernel.principal import ALL_SCOPES, Principal, Role

TABLES = {"users": "id", "sessions": "user_id", "refresh_tokens": "user_id"}


def principal(account: Account, role: Role) -> Principal:
    return Principal(user_id=account.id, role=role, scopes=ALL_SCOPES)


async def test_an_address_is_taken_in_whatever_case(database: Database, passwords: Passwords, anna: Account) -> None:
    with pytest.raises(EmailTakenError):
        await service.create_user(database, passwords, replace(wanted("anna"), email="ANNA@example.org "))


async def test_of_two_who_take_an_address_at_once_one_gets_it(database: Database, passwords: Passwords) -> None:
    tries = (service.create_user(database, passwords, wanted("anna")) for _ in range(4))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Account"] + ["EmailTakenError"] * 3


async def test_nobody_becomes_a_second_owner(database: Database, passwords: Passwords) -> None:
    with pytest.raises(RoleInvalidError):
        await service.create_user(database, passwords, wanted("olga", Role.OWNER))


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
async def test_managers_make_and_list_accounts(
    database: Database, passwords: Passwords, anna: Account, role: Role
) -> None:
    manager = principal(anna, role)
    bert = await service.create_user_as(database, passwords, manager, wanted("bert", Role.ADMIN))
    assert await database.run(manager.owners, lambda tx: service.list_accounts_as(tx, manager)) == [anna, bert]


async def test_members_do_not(database: Database, passwords: Passwords, anna: Account) -> None:
    member = principal(anna, Role.MEMBER)
    with pytest.raises(AccountRoleForbiddenError):
        await service.create_user_as(database, passwords, member, wanted("bert"))
    with pytest.raises(AccountRoleForbiddenError):
        await database.run(member.owners, lambda tx: service.list_accounts_as(tx, member))


async def test_the_operator_lists_accounts(database: Database, anna: Account) -> None:
    assert await database.run((), service.list_accounts, read_only=True) == [anna]


@pytest.mark.req("ACC-2")
async def test_a_new_password_ends_all_sessions(
    database: Database, ports: AccountPorts, anna: Account, session: OpenedSession
) -> None:
    assert await service.reset_password(database, ports.passwords, "Anna@example.org", "a new passphrase") == 1
    with pytest.raises(SessionEndedError):
        await service.authenticate(database, ports, session.access_token)
    with pytest.raises(SessionEndedError):
        await service.refresh(database, ports, session.refresh_token)
    with pytest.raises(WrongCredentialsError):
        await service.log_in(database, ports, anna.email, password_of("anna"), LAPTOP)
    await service.log_in(database, ports, anna.email, "a new passphrase", LAPTOP)


async def test_nobody_gets_no_new_password(database: Database, passwords: Passwords) -> None:
    with pytest.raises(AccountNotFoundError):
        await service.reset_password(database, passwords, "nobody@example.org", "a new passphrase")


async def seen(database: Database, owners: Sequence[UUID], table: str) -> set[UUID]:
    column = TABLES[table]
    rows = await database.run(owners, lambda tx: tx.fetch(f"SELECT {column} AS owner FROM {table}"))
    return {row["owner"] for row in rows}


@pytest.mark.req("ACC-4", "P-5")
@pytest.mark.parametrize("table", TABLES)
async def test_a_transaction_sees_its_own_user_alone(
    database: Database, ports: AccountPorts, anna: Account, session: OpenedSession, table: str
) -> None:
    bert = await service.create_user(database, ports.passwords, wanted("bert"))
    await service.log_in(database, ports, bert.email, password_of("bert"), LAPTOP)
    assert await seen(database, (anna.id,), table) == {anna.id}
    assert await seen(database, (bert.id,), table) == {bert.id}
    assert await seen(database, (), table) == set()


@pytest.mark.req("ACC-4", "P-5")
@pytest.mark.parametrize("table", TABLES)
async def test_a_transaction_changes_its_own_user_alone(
    database: Database, ports: AccountPorts, anna: Account, session: OpenedSession, table: str
) -> None:
    bert = await service.create_user(database, ports.passwords, wanted("bert"))
    column = TABLES[table]
    update = f"UPDATE {table} SET {column} = {column} WHERE {column} = $1"
    delete = f"DELETE FROM {table} WHERE {column} = $1"
    for statement in (update, delete):
        assert await database.run((bert.id,), lambda tx, sql=statement: tx.execute_count(sql, anna.id)) == 0
    assert await database.run((anna.id,), lambda tx: tx.execute_count(update, anna.id)) == 1
