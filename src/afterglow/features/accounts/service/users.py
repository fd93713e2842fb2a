"""Accounts: make, list, give a new password."""

from afterglow.features.accounts import repository, rules
from afterglow.features.accounts.errors import AccountNotFoundError, AccountRoleForbiddenError, EmailTakenError
from afterglow.features.accounts.models import Account, NewAccount, WantedAccount
from afterglow.infra.crypto.passwords import Passwords
from afterglow.infra.db.database import Database, Tx
from afterglow.kernel.ids import UserId, new_id
from afterglow.kernel.principal import Principal, Role


async def get_account(tx: Tx, user_id: UserId) -> Account:
    """Return an account that this transaction may see.

    Raises:
        AccountNotFoundError: There is none.
    """
    account = await repository.find_account(tx, user_id)
    if account is None:
        raise AccountNotFoundError
    return account


async def list_accounts(tx: Tx) -> list[Account]:
    """Return all accounts, oldest first; for the operator at the command line."""
    return await repository.list_accounts(tx)


async def list_accounts_as(tx: Tx, principal: Principal) -> list[Account]:
    """Return all accounts, oldest first.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
    """
    _require_manager(principal)
    return await repository.list_accounts(tx)


async def create_user(database: Database, passwords: Passwords, wanted: WantedAccount) -> Account:
    """Make an account; for the operator at the command line.

    Raises:
        RoleInvalidError: It would be a second owner.
        EmailInvalidError: The address is not one.
        NameInvalidError: The name is empty, too long or not printable.
        PasswordRefusedError: The password is too short, too long or the address itself.
        EmailTakenError: There is an account with this address.
    """
    rules.check_new_role(wanted.role)
    account = await prepare_account(passwords, wanted, wanted.role)

    async def insert(tx: Tx) -> Account:
        if not await repository.insert_account(tx, account):
            raise EmailTakenError
        return account.made_at(tx.now)

    return await database.run((account.id,), insert)


async def create_user_as(
    database: Database, passwords: Passwords, principal: Principal, wanted: WantedAccount
) -> Account:
    """Make an account.

    Raises:
        AccountRoleForbiddenError: The caller is neither owner nor administrator.
        RoleInvalidError: It would be a second owner.
        EmailInvalidError: The address is not one.
        NameInvalidError: The name is empty, too long or not printable.
        PasswordRefusedError: The password is too short, too long or the address itself.
        EmailTakenError: There is an account with this address.
    """
    _require_manager(principal)
    return await create_user(database, passwords, wanted)


async def reset_password(database: Database, passwords: Passwords, email: str, password: str) -> int:
    """Give an account a new password and end its sessions; returns how many. For the operator at the command line.

    Access tokens of the ended sessions stop working at once, for each request asks for its session.

    Raises:
        AccountNotFoundError: No account has this address.
        EmailInvalidError: The address is not one.
        PasswordRefusedError: The password is too short, too long or the address itself.
    """
    address = rules.normalise_email(email)
    rules.check_password(password, address)
    known = await database.run((), lambda tx: repository.find_credentials(tx, address), read_only=True)
    if known is None:
        raise AccountNotFoundError
    password_hash = await passwords.hash(password)

    async def reset(tx: Tx) -> int:
        if not await repository.update_password(tx, known.user_id, password_hash):
            raise AccountNotFoundError
        return await repository.revoke_all_sessions(tx, known.user_id, "password-reset")

    return await database.run((known.user_id,), reset)


async def prepare_account(passwords: Passwords, wanted: WantedAccount, role: Role) -> NewAccount:
    """Return an account ready to be stored, under a fresh id; hashes, so it must not run in a transaction.

    Raises:
        EmailInvalidError: The address is not one.
        NameInvalidError: The name is empty, too long or not printable.
        PasswordRefusedError: The password is too short, too long or the address itself.
    """
    email = rules.normalise_email(wanted.email)
    name = rules.normalise_name(wanted.name)
    rules.check_password(wanted.password, email)
    return NewAccount(
        id=UserId(new_id()),
        email=email,
        name=name,
        password_hash=await passwords.hash(wanted.password),
        role=role,
        quota_bytes=wanted.quota_bytes,
    )


def _require_manager(principal: Principal) -> None:
    if not rules.may_manage_accounts(principal.role):
        raise AccountRoleForbiddenError
